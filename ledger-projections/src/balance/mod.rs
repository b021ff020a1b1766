//! Balance: what is there, what is gone, what is left?
//!
//! Rows of pools, members' and departments' lines and open holds, equal to the pure fold of the log
//! after each checkpoint, and the books of periods that ended, which late settles of their holds,
//! reports of what happened in them and refunds still move. A read takes its own clock and gives
//! back what was held for longer than allowed, so that an expiry is exact whether or not anybody has
//! recorded it.

mod apply;
pub mod closed;
mod delta;
pub mod departments;
pub mod holdings;
pub mod of_state;
mod pool;
pub mod read;
mod roll;

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
            "balance_closed_period",
            "balance_closed_pool",
            "balance_closed_line",
            "balance_department",
            "balance_department_line",
            "balance_closed_member",
            "balance_closed_department_line",
        ]
    }

    async fn apply_in_tx(
        &self,
        tx: &mut PgConnection,
        build: Build,
        page: &[SchoolEvents<'_>],
    ) -> Result<(), ApplyError> {
        // Up to the end of a period all changes are sums; there they start over.
        let mut schools: Vec<_> = page
            .iter()
            .map(|school| {
                let periods = school.events.split_inclusive(delta::ends_period);
                (school.school_id, periods)
            })
            .collect();
        loop {
            let deltas: Vec<_> = schools
                .iter_mut()
                .filter_map(|(school_id, periods)| {
                    Some((*school_id, delta::Delta::of(periods.next()?)))
                })
                .collect();
            if deltas.is_empty() {
                return Ok(());
            }
            apply::write_in_tx(tx, build, &deltas).await?;
        }
    }
}
