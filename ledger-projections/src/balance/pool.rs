//! A pool's row as the core's pool.

use ledger_core::Units;
use ledger_core::allocation::Pool;

use crate::columns::{quota, units};
use crate::error::ReadError;

/// A row of a pool, with the part of its holds that has expired by the reader's clock.
#[derive(Debug)]
pub(super) struct PoolRow {
    pub service: String,
    pub total: Option<i64>,
    pub allocated: i64,
    pub unlimited_holders: i32,
    pub used: i64,
    pub held: i64,
    pub direct_used: i64,
    pub direct_held: i64,
    /// The expired part of `held`.
    pub expired: i64,
    /// The expired part of `direct_held`.
    pub direct_expired: i64,
}

impl PoolRow {
    /// The pool without its expired holds.
    pub(super) fn pool(&self) -> Result<Pool, ReadError> {
        Ok(Pool {
            total: quota(self.total, "total")?,
            finite_allocated: units(self.allocated, "allocated")?,
            unlimited_holders: u32::try_from(self.unlimited_holders)
                .map_err(|_| ReadError::Unreadable("unlimited_holders"))?,
            used: units(self.used, "used")?,
            held: unexpired(self.held, self.expired, "held")?,
            direct_used: units(self.direct_used, "direct_used")?,
            direct_held: unexpired(self.direct_held, self.direct_expired, "direct_held")?,
        })
    }
}

/// Held units without the expired ones.
pub(super) fn unexpired(held: i64, expired: i64, column: &'static str) -> Result<Units, ReadError> {
    Ok(units(held, column)?.saturating_sub(units(expired, "units")?))
}
