//! Periods that end, and what counts in one that has ended: set-based, as [`super::apply`].

use chrono::{DateTime, Utc};
use ledger_core::period::PeriodClosed;
use ledger_core::{MemberId, SchoolId, ServiceId, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use super::delta::{Delta, LineDelta, PoolDelta};
use super::departments::apply as departments;
use crate::error::ApplyError;
use crate::projection::Build;
use crate::word::narrow;

type Deltas<'a> = [(SchoolId, Delta<'a>)];

/// Ends the periods that end with these pages, whose other changes are written already: copies the
/// books, begins the counters at zero, and takes down which open holds count in a closed period.
pub(super) async fn close_in_tx(
    tx: &mut PgConnection,
    build: Build,
    deltas: &Deltas<'_>,
) -> Result<(), ApplyError> {
    let rolls: Vec<(SchoolId, &PeriodClosed)> = deltas
        .iter()
        .filter_map(|(school_id, delta)| Some((*school_id, delta.closed?)))
        .collect();
    if rolls.is_empty() {
        return Ok(());
    }
    let schools: Vec<Uuid> = rolls.iter().map(|(school_id, _)| school_id.0).collect();
    let instants = |of: fn(&PeriodClosed) -> Timestamp| -> Vec<DateTime<Utc>> {
        rolls.iter().map(|(_, roll)| of(roll).get()).collect()
    };
    let (started, ended) = (instants(|e| e.closed.start), instants(|e| e.closed.end));
    let (starts, ends) = (instants(|e| e.opened.start), instants(|e| e.opened.end));
    copy_books(tx, build, &schools, &started, &ended).await?;
    start_over(tx, build, &schools, &started).await?;
    sqlx::query_file!(
        "src/balance/queries/open_period.sql",
        build.0,
        &schools,
        &starts,
        &ends,
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("opening a period"))
}

async fn copy_books(
    tx: &mut PgConnection,
    build: Build,
    schools: &[Uuid],
    started: &[DateTime<Utc>],
    ended: &[DateTime<Utc>],
) -> Result<(), ApplyError> {
    sqlx::query_file!(
        "src/balance/queries/close_period.sql",
        build.0,
        schools,
        started,
        ended,
    )
    .execute(&mut *tx)
    .await
    .map_err(ApplyError::at("closing a period"))?;
    sqlx::query_file!(
        "src/balance/queries/close_pools.sql",
        build.0,
        schools,
        started
    )
    .execute(&mut *tx)
    .await
    .map_err(ApplyError::at("closing pools"))?;
    sqlx::query_file!(
        "src/balance/queries/close_lines.sql",
        build.0,
        schools,
        started
    )
    .execute(&mut *tx)
    .await
    .map_err(ApplyError::at("closing lines"))?;
    departments::copy_books_in_tx(tx, build, schools, started).await
}

async fn start_over(
    tx: &mut PgConnection,
    build: Build,
    schools: &[Uuid],
    started: &[DateTime<Utc>],
) -> Result<(), ApplyError> {
    sqlx::query!(
        "UPDATE balance_pool SET used = 0, held = 0, direct_used = 0, direct_held = 0
          WHERE build = $1 AND school_id = ANY ($2) AND (used > 0 OR held > 0)",
        build.0,
        schools,
    )
    .execute(&mut *tx)
    .await
    .map_err(ApplyError::at("beginning pools anew"))?;
    sqlx::query!(
        "UPDATE balance_line SET used = 0, held = 0
          WHERE build = $1 AND school_id = ANY ($2) AND (used > 0 OR held > 0)",
        build.0,
        schools,
    )
    .execute(&mut *tx)
    .await
    .map_err(ApplyError::at("beginning lines anew"))?;
    departments::start_over_in_tx(tx, build, schools).await?;
    sqlx::query!(
        "UPDATE balance_hold AS h SET period_start = d.period_start
           FROM unnest($2::uuid[], $3::timestamptz[]) AS d (school_id, period_start)
          WHERE h.school_id = d.school_id AND h.build = $1 AND h.period_start IS NULL",
        build.0,
        schools,
        started,
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("leaving holds in their period"))
}

/// Adds what counts in closed periods to the books of those.
pub(super) async fn move_closed_in_tx(
    tx: &mut PgConnection,
    build: Build,
    deltas: &Deltas<'_>,
) -> Result<(), ApplyError> {
    move_pools(tx, build, deltas).await?;
    move_lines(tx, build, deltas).await?;
    departments::move_closed_in_tx(tx, build, deltas).await
}

async fn move_pools(
    tx: &mut PgConnection,
    build: Build,
    deltas: &Deltas<'_>,
) -> Result<(), ApplyError> {
    let pools: Vec<(SchoolId, Timestamp, &ServiceId, &PoolDelta)> = deltas
        .iter()
        .flat_map(|(school_id, delta)| {
            let pools = delta.closed_pools.iter();
            pools.map(|((start, service), pool)| (*school_id, *start, *service, pool))
        })
        .collect();
    if pools.is_empty() {
        return Ok(());
    }
    let sums = |of: fn(&PoolDelta) -> i128| -> Vec<i64> {
        pools.iter().map(|(.., pool)| narrow(of(pool))).collect()
    };
    let schools: Vec<Uuid> = pools.iter().map(|(school_id, ..)| school_id.0).collect();
    let starts: Vec<DateTime<Utc>> = pools.iter().map(|(_, start, ..)| start.get()).collect();
    let services: Vec<&str> = pools.iter().map(|(_, _, s, _)| s.as_str()).collect();
    sqlx::query_file!(
        "src/balance/queries/move_closed_pools.sql",
        build.0,
        &schools,
        &starts,
        &services as &[&str],
        &sums(|pool| pool.used),
        &sums(|pool| pool.held),
        &sums(|pool| pool.direct_used),
        &sums(|pool| pool.direct_held),
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("writing closed pools"))
}

async fn move_lines(
    tx: &mut PgConnection,
    build: Build,
    deltas: &Deltas<'_>,
) -> Result<(), ApplyError> {
    let lines: Vec<(SchoolId, Timestamp, MemberId, &ServiceId, &LineDelta)> = deltas
        .iter()
        .flat_map(|(school_id, delta)| {
            let lines = delta.closed_lines.iter();
            lines.map(|((start, member_id, service), line)| {
                (*school_id, *start, *member_id, *service, line)
            })
        })
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    let schools: Vec<Uuid> = lines.iter().map(|(school_id, ..)| school_id.0).collect();
    let starts: Vec<DateTime<Utc>> = lines.iter().map(|(_, start, ..)| start.get()).collect();
    let members: Vec<Uuid> = lines.iter().map(|(_, _, member, ..)| member.0).collect();
    let services: Vec<&str> = lines.iter().map(|(_, _, _, s, _)| s.as_str()).collect();
    let used: Vec<i64> = lines.iter().map(|(.., line)| narrow(line.used)).collect();
    let held: Vec<i64> = lines.iter().map(|(.., line)| narrow(line.held)).collect();
    sqlx::query_file!(
        "src/balance/queries/move_closed_lines.sql",
        build.0,
        &schools,
        &starts,
        &members,
        &services as &[&str],
        &used,
        &held,
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("writing closed lines"))
}
