//! Writes the changes of a page of events: one statement per table, over arrays.

use chrono::{DateTime, Utc};
use ledger_core::allocation::Priority;
use ledger_core::school::MemberStatus;
use ledger_core::usage::HoldPlaced;
use ledger_core::{DepartmentId, Level, Management, MemberId, Period, SchoolId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::delta::MemberDelta;
use super::rollover;
use super::rows::{Deltas, LineRows, PoolRows};
use crate::columns::quota_column;
use crate::error::ApplyError;
use crate::projection::Build;

pub(super) async fn write_in_tx(
    tx: &mut PgConnection,
    build: Build,
    deltas: &Deltas<'_>,
) -> Result<(), ApplyError> {
    for (school_id, delta) in deltas {
        // A school's own changes are few: they are written one by one.
        if let Some(management) = delta.management {
            write_school(tx, *school_id, build, management, delta.period).await?;
        }
        if let Some(draws) = delta.draw_on_department {
            write_draw_on_department(tx, *school_id, build, draws).await?;
        }
    }
    write_pools(tx, build, &PoolRows::current(deltas)).await?;
    write_members(tx, build, deltas).await?;
    write_departments(tx, build, deltas).await?;
    write_lines(tx, build, &LineRows::current(deltas)).await?;
    close_holds(tx, build, deltas).await?;
    place_holds(tx, build, deltas).await?;
    add_to_closed_pools(tx, build, &PoolRows::closed(deltas)).await?;
    add_to_closed_lines(tx, build, &LineRows::closed(deltas)).await?;
    rollover::close_in_tx(tx, build, deltas).await
}

async fn write_school(
    tx: &mut PgConnection,
    school_id: SchoolId,
    build: Build,
    management: Management,
    period: Option<Period>,
) -> Result<(), ApplyError> {
    let Some(period) = period else {
        let update = sqlx::query!(
            "UPDATE balance_school SET management = $3 WHERE school_id = $1 AND build = $2",
            school_id.0,
            build.0,
            management.as_str(),
        );
        return ApplyError::run("writing a school's management", update.execute(tx)).await;
    };
    let upsert = sqlx::query!(
        "INSERT INTO balance_school (school_id, build, management, period_start, period_end)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (school_id, build) DO UPDATE
            SET management = excluded.management, period_start = excluded.period_start,
                period_end = excluded.period_end",
        school_id.0,
        build.0,
        management.as_str(),
        period.start.get(),
        period.end.get(),
    );
    ApplyError::run("writing a school's period", upsert.execute(tx)).await
}

async fn write_draw_on_department(
    tx: &mut PgConnection,
    school_id: SchoolId,
    build: Build,
    draws: bool,
) -> Result<(), ApplyError> {
    let update = sqlx::query!(
        "UPDATE balance_school SET draw_on_department = $3 WHERE school_id = $1 AND build = $2",
        school_id.0,
        build.0,
        draws,
    );
    ApplyError::run("writing a school's settings", update.execute(tx)).await
}

async fn write_pools(
    tx: &mut PgConnection,
    build: Build,
    rows: &PoolRows<'_>,
) -> Result<(), ApplyError> {
    if rows.schools.is_empty() {
        return Ok(());
    }
    let totals = rows.deltas.iter().map(|pool| pool.total);
    let sets_total: Vec<bool> = totals.clone().map(|total| total.is_some()).collect();
    let totals: Vec<Option<i64>> = totals.map(|total| quota_column(total?)).collect();
    let merge = sqlx::query_file!(
        "src/balance/queries/write_pools.sql",
        build.0,
        &rows.schools,
        &rows.services as &[&str],
        &sets_total,
        &totals as &[Option<i64>],
        &rows.sums(|pool| pool.allocated),
        &rows.sums(|pool| i128::from(pool.unlimited_holders)),
        &rows.sums(|pool| pool.used),
        &rows.sums(|pool| pool.held),
        &rows.sums(|pool| pool.direct_used),
        &rows.sums(|pool| pool.direct_held),
    );
    ApplyError::run("writing pools", merge.execute(tx)).await
}

async fn add_to_closed_pools(
    tx: &mut PgConnection,
    build: Build,
    rows: &PoolRows<'_>,
) -> Result<(), ApplyError> {
    if rows.schools.is_empty() {
        return Ok(());
    }
    let merge = sqlx::query_file!(
        "src/balance/queries/add_to_closed_pools.sql",
        build.0,
        &rows.schools,
        &rows.period_starts,
        &rows.services as &[&str],
        &rows.sums(|pool| pool.used),
        &rows.sums(|pool| pool.held),
        &rows.sums(|pool| pool.direct_used),
        &rows.sums(|pool| pool.direct_held),
    );
    ApplyError::run("writing closed pools", merge.execute(tx)).await
}

async fn write_members(
    tx: &mut PgConnection,
    build: Build,
    deltas: &Deltas<'_>,
) -> Result<(), ApplyError> {
    let members: Vec<(SchoolId, MemberId, &MemberDelta)> = deltas
        .iter()
        .flat_map(|(school_id, delta)| {
            let members = delta.members.iter();
            members.map(|(member_id, member)| (*school_id, *member_id, member))
        })
        .collect();
    if members.is_empty() {
        return Ok(());
    }
    let schools: Vec<Uuid> = members.iter().map(|(school_id, ..)| school_id.0).collect();
    let ids: Vec<Uuid> = members.iter().map(|(_, id, _)| id.0).collect();
    let deltas = members.iter().map(|(.., member)| member);
    let statuses: Vec<Option<&str>> = deltas
        .clone()
        .map(|member| member.status.map(MemberStatus::as_str))
        .collect();
    let enrolled: Vec<bool> = deltas.clone().map(|member| member.enrolled).collect();
    let departments = deltas.map(|member| member.department);
    let moved: Vec<bool> = departments.clone().map(|moved| moved.is_some()).collect();
    let departments: Vec<Option<Uuid>> = departments.map(|moved| Some(moved??.0)).collect();
    let merge = sqlx::query_file!(
        "src/balance/queries/write_members.sql",
        build.0,
        &schools,
        &ids,
        &statuses as &[Option<&str>],
        &enrolled,
        &moved,
        &departments as &[Option<Uuid>],
    );
    ApplyError::run("writing members", merge.execute(tx)).await
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
            departments.map(|(id, is_closed)| (*school_id, *id, *is_closed))
        })
        .collect();
    if departments.is_empty() {
        return Ok(());
    }
    let schools: Vec<Uuid> = departments.iter().map(|(school, ..)| school.0).collect();
    let ids: Vec<Uuid> = departments.iter().map(|(_, id, _)| id.0).collect();
    let closed: Vec<bool> = departments.iter().map(|(.., closed)| *closed).collect();
    let merge = sqlx::query_file!(
        "src/balance/queries/write_departments.sql",
        build.0,
        &schools,
        &ids,
        &closed,
    );
    ApplyError::run("writing departments", merge.execute(tx)).await
}

async fn write_lines(
    tx: &mut PgConnection,
    build: Build,
    rows: &LineRows<'_>,
) -> Result<(), ApplyError> {
    if rows.schools.is_empty() {
        return Ok(());
    }
    let lines = rows.deltas.iter();
    let sets_allocated: Vec<bool> = lines.clone().map(|line| line.allocated.is_some()).collect();
    let allocated: Vec<Option<i64>> = lines
        .clone()
        .map(|line| quota_column(line.allocated?))
        .collect();
    let priorities: Vec<Option<&str>> = lines
        .clone()
        .map(|line| line.priority.map(Priority::as_str))
        .collect();
    let auto_renews: Vec<Option<bool>> = lines.map(|line| line.auto_renew).collect();
    let merge = sqlx::query_file!(
        "src/balance/queries/write_lines.sql",
        build.0,
        &rows.schools,
        &rows.holder_kinds as &[&str],
        &rows.holder_ids,
        &rows.services as &[&str],
        &sets_allocated,
        &allocated as &[Option<i64>],
        &rows.used,
        &rows.held,
        &priorities as &[Option<&str>],
        &auto_renews as &[Option<bool>],
    );
    ApplyError::run("writing lines", merge.execute(tx)).await
}

async fn add_to_closed_lines(
    tx: &mut PgConnection,
    build: Build,
    rows: &LineRows<'_>,
) -> Result<(), ApplyError> {
    if rows.schools.is_empty() {
        return Ok(());
    }
    let merge = sqlx::query_file!(
        "src/balance/queries/add_to_closed_lines.sql",
        build.0,
        &rows.schools,
        &rows.period_starts,
        &rows.holder_kinds as &[&str],
        &rows.holder_ids,
        &rows.services as &[&str],
        &rows.used,
        &rows.held,
    );
    ApplyError::run("writing closed lines", merge.execute(tx)).await
}

async fn close_holds(
    tx: &mut PgConnection,
    build: Build,
    deltas: &Deltas<'_>,
) -> Result<(), ApplyError> {
    let (schools, hold_ids): (Vec<Uuid>, Vec<&str>) = deltas
        .iter()
        .flat_map(|(school_id, delta)| {
            let closed = delta.holds.iter().filter(|(_, placed)| placed.is_none());
            closed.map(|(hold_id, _)| (school_id.0, hold_id.as_str()))
        })
        .unzip();
    if schools.is_empty() {
        return Ok(());
    }
    let delete = sqlx::query!(
        "DELETE FROM balance_hold AS h
          USING unnest($2::uuid[], $3::text[]) AS d (school_id, hold_id)
          WHERE h.school_id = d.school_id AND h.build = $1 AND h.hold_id = d.hold_id",
        build.0,
        &schools,
        &hold_ids as &[&str],
    );
    ApplyError::run("deleting closed holds", delete.execute(tx)).await
}

async fn place_holds(
    tx: &mut PgConnection,
    build: Build,
    deltas: &Deltas<'_>,
) -> Result<(), ApplyError> {
    let (schools, holds): (Vec<Uuid>, Vec<&HoldPlaced>) = deltas
        .iter()
        .flat_map(|(school_id, delta)| {
            let placed = delta.holds.values().filter_map(|placed| *placed);
            placed.map(|hold| (school_id.0, hold))
        })
        .unzip();
    if schools.is_empty() {
        return Ok(());
    }
    let hold_ids: Vec<&str> = holds.iter().map(|hold| hold.hold_id.as_str()).collect();
    let members: Vec<Uuid> = holds.iter().map(|hold| hold.account.member_id.0).collect();
    let services: Vec<&str> = holds
        .iter()
        .map(|hold| hold.account.service.as_str())
        .collect();
    let levels: Vec<&str> = holds
        .iter()
        .map(|hold| hold.account.level.as_str())
        .collect();
    let units: Vec<i64> = holds.iter().map(|hold| hold.units.get()).collect();
    let expiries: Vec<DateTime<Utc>> = holds.iter().map(|hold| hold.expires_at.get()).collect();
    let departments: Vec<Option<Uuid>> = holds
        .iter()
        .map(|hold| match hold.account.level {
            Level::Department => hold.account.department_id.map(|department| department.0),
            Level::Member | Level::Pool => None,
        })
        .collect();
    let insert = sqlx::query_file!(
        "src/balance/queries/place_holds.sql",
        build.0,
        &schools,
        &hold_ids as &[&str],
        &members,
        &services as &[&str],
        &levels as &[&str],
        &units,
        &expiries,
        &departments as &[Option<Uuid>],
    );
    ApplyError::run("writing open holds", insert.execute(tx)).await
}
