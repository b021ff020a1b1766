//! A pool's row and what follows from it, exactly as the core's `allocation::Pool` has it.

use ledger_core::allocation::Line;
use ledger_core::{Quota, Units};

use crate::error::ReadError;
use crate::word::{quota, units};

/// A row of `balance_pool`, with what ran out of its holds by the reader's clock.
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
    /// The part of `held` that has run out.
    pub expired: i64,
    /// The part of `direct_held` that has run out.
    pub direct_expired: i64,
}

/// The numbers of a pool as of an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PoolNumbers {
    pub total: Quota,
    /// Σ of the finite allocations.
    finite_allocated: Units,
    has_unlimited: bool,
    pub used: Units,
    pub held: Units,
    direct_used: Units,
    direct_held: Units,
}

impl PoolRow {
    pub(super) fn numbers(&self) -> Result<PoolNumbers, ReadError> {
        let left = |held: i64, expired: i64, column| {
            units(held, column)
                .map(|held| held.saturating_sub(Units::new(expired).unwrap_or(Units::ZERO)))
        };
        Ok(PoolNumbers {
            total: quota(self.total, "total")?,
            finite_allocated: units(self.allocated, "allocated")?,
            has_unlimited: self.unlimited_holders > 0,
            used: units(self.used, "used")?,
            held: left(self.held, self.expired, "held")?,
            direct_used: units(self.direct_used, "direct_used")?,
            direct_held: left(self.direct_held, self.direct_expired, "direct_held")?,
        })
    }
}

impl PoolNumbers {
    /// Σ of the allocations that come out of it.
    pub(super) const fn allocated(&self) -> Quota {
        if self.has_unlimited {
            Quota::Unlimited
        } else {
            Quota::Finite(self.finite_allocated)
        }
    }

    /// total − what is allocated or drawn straight on the pool.
    pub(super) fn unallocated(&self) -> Quota {
        match (self.total, self.allocated()) {
            (Quota::Unlimited, _) => Quota::Unlimited,
            (Quota::Finite(_), Quota::Unlimited) => Quota::ZERO,
            (Quota::Finite(_), Quota::Finite(allocated)) => {
                let direct = self.direct_used.saturating_add(self.direct_held);
                self.total.minus(allocated.saturating_add(direct))
            }
        }
    }

    /// total − used − held.
    pub(super) fn available(&self) -> Quota {
        self.total.minus(self.used.saturating_add(self.held))
    }

    /// The pool as a line that members without allocations draw on: the total less the allocations.
    pub(super) fn direct(&self) -> Line {
        Line {
            allocated: self.total.minus(self.finite_allocated),
            used: self.direct_used,
            held: self.direct_held,
            ..Line::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::allocation::Pool;

    /// The core's pool of the same numbers, by the form that it has in a snapshot.
    fn core_pool(row: &PoolRow) -> Pool {
        serde_json::from_value(serde_json::json!({
            "total": quota(row.total, "total").unwrap(),
            "allocated": row.allocated,
            "unlimited_holders": row.unlimited_holders,
            "used": row.used,
            "held": row.held - row.expired,
            "direct_used": row.direct_used,
            "direct_held": row.direct_held - row.direct_expired,
        }))
        .unwrap()
    }

    #[test]
    fn the_numbers_of_a_pool_are_those_of_the_core() {
        let rows = [
            (Some(100), 60, 0, 30, 5, 0, 0),
            (Some(100), 60, 0, 45, 5, 30, 5),
            (Some(10), 10, 0, 25, 0, 15, 0),
            (None, 60, 2, 30, 5, 3, 1),
            (Some(100), 60, 1, 30, 5, 3, 1),
            (None, 0, 0, i64::MAX, 7, i64::MAX, 7),
            (Some(i64::MAX), i64::MAX, 0, i64::MAX, i64::MAX, 9, 9),
        ];
        for (total, allocated, unlimited_holders, used, held, direct_used, direct_held) in rows {
            let row = PoolRow {
                service: "claude_messages".to_owned(),
                total,
                allocated,
                unlimited_holders,
                used,
                held,
                direct_used,
                direct_held,
                expired: held / 2,
                direct_expired: direct_held / 2,
            };
            let (core, numbers) = (core_pool(&row), row.numbers().unwrap());
            assert_eq!(numbers.allocated(), core.allocated(), "{row:?}");
            assert_eq!(numbers.unallocated(), core.unallocated(), "{row:?}");
            assert_eq!(numbers.available(), core.available(), "{row:?}");
            assert_eq!(numbers.direct(), core.direct(), "{row:?}");
        }
    }
}
