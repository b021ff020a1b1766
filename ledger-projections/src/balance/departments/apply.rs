//! Writes what a page of events changes of departments: set-based, as
//! [`crate::balance::apply`] and [`crate::balance::roll`].

use chrono::{DateTime, Utc};
use ledger_core::allocation::Priority;
use ledger_core::{DepartmentId, SchoolId, ServiceId, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::balance::delta::{Delta, LineDelta};
use crate::error::ApplyError;
use crate::projection::Build;
use crate::word::{narrow, quota_column};

type Deltas<'a> = [(SchoolId, Delta<'a>)];

pub(in crate::balance) async fn write_in_tx(
    tx: &mut PgConnection,
    build: Build,
    deltas: &Deltas<'_>,
) -> Result<(), ApplyError> {
    write_departments(tx, build, deltas).await?;
    write_lines(tx, build, deltas).await
}

async fn write_departments(
    tx: &mut PgConnection,
    build: Build,
    deltas: &Deltas<'_>,
) -> Result<(), ApplyError> {
    let departments: Vec<(SchoolId, DepartmentId, bool)> = deltas
        .iter()
        .flat_map(|(school_id, delta)| {
            let departments = delta.departments.iter();
            departments.map(|(department_id, closed)| (*school_id, *department_id, *closed))
        })
        .collect();
    if departments.is_empty() {
        return Ok(());
    }
    let schools: Vec<Uuid> = departments.iter().map(|(school, ..)| school.0).collect();
    let ids: Vec<Uuid> = departments.iter().map(|(_, id, _)| id.0).collect();
    let closed: Vec<bool> = departments.iter().map(|(.., closed)| *closed).collect();
    sqlx::query_file!(
        "src/balance/queries/write_departments.sql",
        build.0,
        &schools,
        &ids,
        &closed,
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("writing departments"))
}

async fn write_lines(
    tx: &mut PgConnection,
    build: Build,
    deltas: &Deltas<'_>,
) -> Result<(), ApplyError> {
    let lines: Vec<(SchoolId, DepartmentId, &ServiceId, &LineDelta)> = deltas
        .iter()
        .flat_map(|(school_id, delta)| {
            let lines = delta.department_lines.iter();
            lines.map(|((id, service), line)| (*school_id, *id, *service, line))
        })
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    let schools: Vec<Uuid> = lines.iter().map(|(school_id, ..)| school_id.0).collect();
    let ids: Vec<Uuid> = lines.iter().map(|(_, id, ..)| id.0).collect();
    let services: Vec<&str> = lines.iter().map(|(_, _, s, _)| s.as_str()).collect();
    let sets: Vec<bool> = lines.iter().map(|(.., l)| l.allocated.is_some()).collect();
    let allocated: Vec<Option<i64>> = lines
        .iter()
        .map(|(.., line)| line.allocated.and_then(quota_column))
        .collect();
    let used: Vec<i64> = lines.iter().map(|(.., line)| narrow(line.used)).collect();
    let held: Vec<i64> = lines.iter().map(|(.., line)| narrow(line.held)).collect();
    let priorities: Vec<Option<&str>> = lines
        .iter()
        .map(|(.., line)| line.priority.map(Priority::as_str))
        .collect();
    let renewals: Vec<Option<bool>> = lines.iter().map(|(.., line)| line.auto_renew).collect();
    sqlx::query_file!(
        "src/balance/queries/write_department_lines.sql",
        build.0,
        &schools,
        &ids,
        &services as &[&str],
        &sets,
        &allocated as &[Option<i64>],
        &used,
        &held,
        &priorities as &[Option<&str>],
        &renewals as &[Option<bool>],
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("writing departments' lines"))
}

/// Copies the books of departments as their schools' periods end.
pub(in crate::balance) async fn copy_books_in_tx(
    tx: &mut PgConnection,
    build: Build,
    schools: &[Uuid],
    started: &[DateTime<Utc>],
) -> Result<(), ApplyError> {
    sqlx::query_file!(
        "src/balance/queries/close_members.sql",
        build.0,
        schools,
        started
    )
    .execute(&mut *tx)
    .await
    .map_err(ApplyError::at("closing departments' members"))?;
    sqlx::query_file!(
        "src/balance/queries/close_department_lines.sql",
        build.0,
        schools,
        started
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("closing departments' lines"))
}

/// Begins the counters of departments at zero.
pub(in crate::balance) async fn start_over_in_tx(
    tx: &mut PgConnection,
    build: Build,
    schools: &[Uuid],
) -> Result<(), ApplyError> {
    sqlx::query!(
        "UPDATE balance_department_line SET direct_used = 0, direct_held = 0
          WHERE build = $1 AND school_id = ANY ($2) AND (direct_used > 0 OR direct_held > 0)",
        build.0,
        schools,
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("beginning departments' lines anew"))
}

/// Adds what counts in closed periods to the books of departments as they were then.
pub(in crate::balance) async fn move_closed_in_tx(
    tx: &mut PgConnection,
    build: Build,
    deltas: &Deltas<'_>,
) -> Result<(), ApplyError> {
    let lines: Vec<(SchoolId, Timestamp, DepartmentId, &ServiceId, &LineDelta)> = deltas
        .iter()
        .flat_map(|(school_id, delta)| {
            let lines = delta.closed_department_lines.iter();
            lines.map(|((start, id, service), line)| (*school_id, *start, *id, *service, line))
        })
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    let schools: Vec<Uuid> = lines.iter().map(|(school_id, ..)| school_id.0).collect();
    let starts: Vec<DateTime<Utc>> = lines.iter().map(|(_, start, ..)| start.get()).collect();
    let ids: Vec<Uuid> = lines.iter().map(|(_, _, id, ..)| id.0).collect();
    let services: Vec<&str> = lines.iter().map(|(_, _, _, s, _)| s.as_str()).collect();
    let used: Vec<i64> = lines.iter().map(|(.., line)| narrow(line.used)).collect();
    let held: Vec<i64> = lines.iter().map(|(.., line)| narrow(line.held)).collect();
    sqlx::query_file!(
        "src/balance/queries/move_closed_department_lines.sql",
        build.0,
        &schools,
        &starts,
        &ids,
        &services as &[&str],
        &used,
        &held,
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("writing departments' closed lines"))
}
