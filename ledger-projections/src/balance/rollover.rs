//! The end of a period: copies its books and resets the counters, a statement per table.

use chrono::{DateTime, Utc};
use ledger_core::Timestamp;
use ledger_core::period::PeriodClosed;
use sqlx::PgConnection;
use uuid::Uuid;

use super::rows::Deltas;
use crate::error::ApplyError;
use crate::projection::Build;

/// Closes the periods that end with `deltas`, whose other changes are written already.
pub(super) async fn close_in_tx(
    tx: &mut PgConnection,
    build: Build,
    deltas: &Deltas<'_>,
) -> Result<(), ApplyError> {
    let closed: Vec<(Uuid, &PeriodClosed)> = deltas
        .iter()
        .filter_map(|(school_id, delta)| Some((school_id.0, delta.closed?)))
        .collect();
    if closed.is_empty() {
        return Ok(());
    }
    let schools: Vec<Uuid> = closed.iter().map(|(school_id, _)| *school_id).collect();
    let instants = |of: fn(&PeriodClosed) -> Timestamp| -> Vec<DateTime<Utc>> {
        closed.iter().map(|(_, event)| of(event).get()).collect()
    };
    let closed_starts = instants(|event| event.closed.start);
    let closed_ends = instants(|event| event.closed.end);
    copy_books(tx, build, &schools, &closed_starts, &closed_ends).await?;
    reset_counters(tx, build, &schools, &closed_starts).await?;
    let open_period = sqlx::query_file!(
        "src/balance/queries/open_period.sql",
        build.0,
        &schools,
        &instants(|event| event.opened.start),
        &instants(|event| event.opened.end),
    );
    ApplyError::run("opening a period", open_period.execute(tx)).await
}

async fn copy_books(
    tx: &mut PgConnection,
    build: Build,
    schools: &[Uuid],
    starts: &[DateTime<Utc>],
    ends: &[DateTime<Utc>],
) -> Result<(), ApplyError> {
    let periods = sqlx::query_file!(
        "src/balance/queries/close_period.sql",
        build.0,
        schools,
        starts,
        ends,
    );
    ApplyError::run("closing a period", periods.execute(&mut *tx)).await?;
    let pools = sqlx::query_file!(
        "src/balance/queries/close_pools.sql",
        build.0,
        schools,
        starts,
    );
    ApplyError::run("closing pools", pools.execute(&mut *tx)).await?;
    let lines = sqlx::query_file!(
        "src/balance/queries/close_lines.sql",
        build.0,
        schools,
        starts,
    );
    ApplyError::run("closing lines", lines.execute(&mut *tx)).await?;
    let members = sqlx::query_file!(
        "src/balance/queries/close_members.sql",
        build.0,
        schools,
        starts,
    );
    ApplyError::run("closing departments' members", members.execute(tx)).await
}

/// Sets the counters of the new period to zero. Open holds keep counting in the closed period.
async fn reset_counters(
    tx: &mut PgConnection,
    build: Build,
    schools: &[Uuid],
    starts: &[DateTime<Utc>],
) -> Result<(), ApplyError> {
    let pools = sqlx::query!(
        "UPDATE balance_pool SET used = 0, held = 0, direct_used = 0, direct_held = 0
          WHERE build = $1 AND school_id = ANY ($2) AND (used > 0 OR held > 0)",
        build.0,
        schools,
    );
    ApplyError::run("resetting pools", pools.execute(&mut *tx)).await?;
    let lines = sqlx::query!(
        "UPDATE balance_line SET used = 0, held = 0
          WHERE build = $1 AND school_id = ANY ($2) AND (used > 0 OR held > 0)",
        build.0,
        schools,
    );
    ApplyError::run("resetting lines", lines.execute(&mut *tx)).await?;
    let holds = sqlx::query!(
        "UPDATE balance_hold AS h SET period_start = d.period_start
           FROM unnest($2::uuid[], $3::timestamptz[]) AS d (school_id, period_start)
          WHERE h.school_id = d.school_id AND h.build = $1 AND h.period_start IS NULL",
        build.0,
        schools,
        starts,
    );
    ApplyError::run("assigning holds to the closed period", holds.execute(tx)).await
}
