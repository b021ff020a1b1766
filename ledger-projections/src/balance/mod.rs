//! Balance: what is there, what is gone, what is left?
//!
//! Rows of pools, members' lines and open holds, equal to the pure fold of the log after each
//! checkpoint. A read takes its own clock and gives back what was held for longer than allowed, so
//! that an expiry is exact whether or not anybody has recorded it.

mod apply;
mod delta;
pub mod holdings;
mod pool;
pub mod read;

use async_trait::async_trait;
use ledger_core::catalog::Kind;
use sqlx::PgConnection;

use crate::error::ApplyError;
use crate::projection::{Build, Projection, ProjectionName, SchoolEvents};

/// The read model of balances.
#[derive(Clone, Copy, Debug)]
pub struct Balance;

#[async_trait]
impl Projection for Balance {
    fn name(&self) -> ProjectionName {
        ProjectionName::Balance
    }

    /// Nearly every event moves a balance.
    fn kinds(&self) -> Option<&'static [Kind]> {
        None
    }

    fn tables(&self) -> &'static [&'static str] {
        &[
            "balance_school",
            "balance_pool",
            "balance_member",
            "balance_line",
            "balance_hold",
        ]
    }

    async fn apply_in_tx(
        &self,
        tx: &mut PgConnection,
        build: Build,
        page: &[SchoolEvents<'_>],
    ) -> Result<(), ApplyError> {
        let deltas: Vec<_> = page
            .iter()
            .map(|school| (school.school_id, delta::Delta::of(school.events)))
            .collect();
        apply::write_in_tx(tx, build, &deltas).await
    }
}
