//! Writes what a page of events changes: one statement per table, over arrays.

use chrono::{DateTime, Utc};
use ledger_core::allocation::Priority;
use ledger_core::school::Standing;
use ledger_core::usage::HoldPlaced;
use ledger_core::{Level, Management, MemberId, Period, SchoolId, ServiceId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::delta::{Delta, LineDelta, MemberDelta, PoolDelta};
use super::departments::apply as departments;
use super::roll;
use crate::error::ApplyError;
use crate::projection::Build;
use crate::word::{narrow, quota_column};

type Deltas<'a> = [(SchoolId, Delta<'a>)];

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
    write_pools(tx, build, deltas).await?;
    write_members(tx, build, deltas).await?;
    write_lines(tx, build, deltas).await?;
    departments::write_in_tx(tx, build, deltas).await?;
    close_holds(tx, build, deltas).await?;
    place_holds(tx, build, deltas).await?;
    roll::move_closed_in_tx(tx, build, deltas).await?;
    roll::close_in_tx(tx, build, deltas).await
}

async fn write_school(
    tx: &mut PgConnection,
    school_id: SchoolId,
    build: Build,
    management: Management,
    period: Option<Period>,
) -> Result<(), ApplyError> {
    let Some(period) = period else {
        return sqlx::query!(
            "UPDATE balance_school SET management = $3 WHERE school_id = $1 AND build = $2",
            school_id.0,
            build.0,
            management.as_str(),
        )
        .execute(tx)
        .await
        .map(|_| ())
        .map_err(ApplyError::at("writing a school's management"));
    };
    sqlx::query!(
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
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("writing a school's period"))
}

async fn write_draw_on_department(
    tx: &mut PgConnection,
    school_id: SchoolId,
    build: Build,
    draws: bool,
) -> Result<(), ApplyError> {
    sqlx::query!(
        "UPDATE balance_school SET draw_on_department = $3 WHERE school_id = $1 AND build = $2",
        school_id.0,
        build.0,
        draws,
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("writing what members draw on"))
}

async fn write_pools(
    tx: &mut PgConnection,
    build: Build,
    deltas: &Deltas<'_>,
) -> Result<(), ApplyError> {
    let pools: Vec<(SchoolId, &ServiceId, &PoolDelta)> = deltas
        .iter()
        .flat_map(|(school_id, delta)| {
            let pools = delta.pools.iter();
            pools.map(|(service, pool)| (*school_id, *service, pool))
        })
        .collect();
    if pools.is_empty() {
        return Ok(());
    }
    let sums = |of: fn(&PoolDelta) -> i128| -> Vec<i64> {
        pools.iter().map(|(.., pool)| narrow(of(pool))).collect()
    };
    let schools: Vec<Uuid> = pools.iter().map(|(school_id, ..)| school_id.0).collect();
    let services: Vec<&str> = pools.iter().map(|(_, s, _)| s.as_str()).collect();
    let sets_total: Vec<bool> = pools.iter().map(|(.., p)| p.total.is_some()).collect();
    let totals: Vec<Option<i64>> = pools
        .iter()
        .map(|(.., pool)| pool.total.and_then(quota_column))
        .collect();
    sqlx::query_file!(
        "src/balance/queries/write_pools.sql",
        build.0,
        &schools,
        &services as &[&str],
        &sets_total,
        &totals as &[Option<i64>],
        &sums(|pool| pool.allocated),
        &sums(|pool| i128::from(pool.unlimited_holders)),
        &sums(|pool| pool.used),
        &sums(|pool| pool.held),
        &sums(|pool| pool.direct_used),
        &sums(|pool| pool.direct_held),
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("writing pools"))
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
    let ids: Vec<Uuid> = members
        .iter()
        .map(|(_, member_id, _)| member_id.0)
        .collect();
    let standings: Vec<Option<&str>> = members
        .iter()
        .map(|(.., member)| member.standing.map(Standing::as_str))
        .collect();
    let enrolled: Vec<bool> = members.iter().map(|(.., m)| m.enrolled).collect();
    let moved: Vec<bool> = members
        .iter()
        .map(|(.., m)| m.department.is_some())
        .collect();
    let departments: Vec<Option<Uuid>> = members
        .iter()
        .map(|(.., member)| Some(member.department??.0))
        .collect();
    sqlx::query_file!(
        "src/balance/queries/write_members.sql",
        build.0,
        &schools,
        &ids,
        &standings as &[Option<&str>],
        &enrolled,
        &moved,
        &departments as &[Option<Uuid>],
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("writing members' standing and departments"))
}

async fn write_lines(
    tx: &mut PgConnection,
    build: Build,
    deltas: &Deltas<'_>,
) -> Result<(), ApplyError> {
    let lines: Vec<(SchoolId, MemberId, &ServiceId, &LineDelta)> = deltas
        .iter()
        .flat_map(|(school_id, delta)| {
            let lines = delta.lines.iter();
            lines.map(|((member_id, service), line)| (*school_id, *member_id, *service, line))
        })
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    let schools: Vec<Uuid> = lines.iter().map(|(school_id, ..)| school_id.0).collect();
    let members: Vec<Uuid> = lines.iter().map(|(_, member_id, ..)| member_id.0).collect();
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
        "src/balance/queries/write_lines.sql",
        build.0,
        &schools,
        &members,
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
    .map_err(ApplyError::at("writing lines"))
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
    sqlx::query!(
        "DELETE FROM balance_hold AS h
          USING unnest($2::uuid[], $3::text[]) AS d (school_id, hold_id)
          WHERE h.school_id = d.school_id AND h.build = $1 AND h.hold_id = d.hold_id",
        build.0,
        &schools,
        &hold_ids as &[&str],
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("deleting closed holds"))
}

async fn place_holds(
    tx: &mut PgConnection,
    build: Build,
    deltas: &Deltas<'_>,
) -> Result<(), ApplyError> {
    let placed: Vec<(SchoolId, &HoldPlaced)> = deltas
        .iter()
        .flat_map(|(school_id, delta)| {
            let placed = delta.holds.values().filter_map(|placed| *placed);
            placed.map(|hold| (*school_id, hold))
        })
        .collect();
    if placed.is_empty() {
        return Ok(());
    }
    let schools: Vec<Uuid> = placed.iter().map(|(school_id, _)| school_id.0).collect();
    let hold_ids: Vec<&str> = placed.iter().map(|(_, h)| h.hold_id.as_str()).collect();
    let members: Vec<Uuid> = placed.iter().map(|(_, h)| h.member_id.0).collect();
    let services: Vec<&str> = placed.iter().map(|(_, h)| h.service.as_str()).collect();
    let levels: Vec<&str> = placed.iter().map(|(_, h)| h.level.as_str()).collect();
    let units: Vec<i64> = placed.iter().map(|(_, h)| h.units.get()).collect();
    let expiries: Vec<DateTime<Utc>> = placed.iter().map(|(_, h)| h.expires_at.get()).collect();
    let drawn_on: Vec<Option<Uuid>> = placed
        .iter()
        .map(|(_, hold)| match hold.level {
            Level::Department => hold.department_id.map(|department| department.0),
            Level::Member | Level::Pool => None,
        })
        .collect();
    sqlx::query_file!(
        "src/balance/queries/place_holds.sql",
        build.0,
        &schools,
        &hold_ids as &[&str],
        &members,
        &services as &[&str],
        &levels as &[&str],
        &units,
        &expiries,
        &drawn_on as &[Option<Uuid>],
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("writing open holds"))
}
