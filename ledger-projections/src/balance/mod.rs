//! Balances: units allocated, used, held and available.
//!
//! Rows of pools, holders' lines and open holds, equal to the core's fold of the log after each
//! checkpoint, and the books of closed periods, which late settles, reports and refunds still
//! change. A read subtracts the holds that have expired by its own clock, so it is exact before an
//! expiry is recorded.

mod apply;
pub mod closed;
mod delta;
pub mod departments;
pub mod holdings;
pub mod of_state;
pub mod period;
mod pool;
pub mod read;
mod rollover;
mod rows;

use sqlx::PgConnection;

use crate::error::ApplyError;
use crate::projection::{Build, ProjectionName, ReadModel, SchoolEvents};

/// The read model of balances. It applies all kinds: nearly every event changes a balance.
pub const BALANCE: ReadModel = ReadModel {
    name: ProjectionName::Balance,
    kinds: None,
    tables: &[
        "balance_school",
        "balance_pool",
        "balance_member",
        "balance_line",
        "balance_hold",
        "balance_closed_period",
        "balance_closed_pool",
        "balance_closed_line",
        "balance_department",
        "balance_closed_member",
    ],
    apply: |tx, build, page| Box::pin(write_in_tx(tx, build, page)),
};

async fn write_in_tx(
    tx: &mut PgConnection,
    build: Build,
    page: &[SchoolEvents<'_>],
) -> Result<(), ApplyError> {
    // Changes are summed up to the end of a period, where the counters are reset.
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
