//! Adds a page of events to the rollups: one statement for all schools and days.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use ledger_core::period::Tz;
use ledger_core::school::SchoolEvent;
use ledger_core::{Event, SchoolId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::sums::{Rows, Sums, sum_up};
use crate::columns::narrow;
use crate::error::ApplyError;
use crate::projection::{Build, SchoolEvents};

pub(super) async fn write_in_tx(
    tx: &mut PgConnection,
    build: Build,
    page: &[SchoolEvents<'_>],
) -> Result<(), ApplyError> {
    for recorded in page.iter().flat_map(|school| school.events) {
        if let Event::School(SchoolEvent::Registered(e)) = &recorded.event {
            write_calendar(tx, recorded.school_id, build, e.cycle.time_zone).await?;
        }
    }
    let has_usage = |school: &&SchoolEvents<'_>| {
        let mut events = school.events.iter();
        events.any(|recorded| matches!(recorded.event, Event::Usage(_)))
    };
    let with_usage: Vec<_> = page.iter().filter(has_usage).collect();
    if with_usage.is_empty() {
        return Ok(());
    }
    let calendars = calendars(tx, build, &with_usage).await?;
    let mut rows = Rows::new();
    for school in with_usage {
        let time_zone = calendars
            .get(&school.school_id)
            .ok_or(ApplyError::NoCalendar)?;
        sum_up(&mut rows, school.events, *time_zone);
    }
    add(tx, build, &rows).await
}

async fn write_calendar(
    tx: &mut PgConnection,
    school_id: SchoolId,
    build: Build,
    time_zone: Tz,
) -> Result<(), ApplyError> {
    let statement = sqlx::query!(
        "INSERT INTO usage_calendar (school_id, build, time_zone) VALUES ($1, $2, $3)
         ON CONFLICT (school_id, build) DO UPDATE SET time_zone = excluded.time_zone",
        school_id.0,
        build.0,
        time_zone.name(),
    );
    ApplyError::run("writing a school's time zone", statement.execute(tx)).await
}

/// The time zones of schools.
async fn calendars(
    tx: &mut PgConnection,
    build: Build,
    schools: &[&SchoolEvents<'_>],
) -> Result<BTreeMap<SchoolId, Tz>, ApplyError> {
    let ids: Vec<Uuid> = schools.iter().map(|school| school.school_id.0).collect();
    let rows = sqlx::query!(
        "SELECT c.school_id, c.time_zone
           FROM unnest($2::uuid[]) AS d (school_id)
           JOIN usage_calendar AS c ON c.school_id = d.school_id AND c.build = $1",
        build.0,
        &ids,
    )
    .fetch_all(tx)
    .await
    .map_err(ApplyError::at("reading schools' time zones"))?;
    rows.iter()
        .map(|row| {
            let time_zone = row.time_zone.parse();
            let time_zone = time_zone.map_err(|_| ApplyError::UnknownWord("time_zone"))?;
            Ok((SchoolId(row.school_id), time_zone))
        })
        .collect()
}

async fn add(tx: &mut PgConnection, build: Build, rows: &Rows<'_>) -> Result<(), ApplyError> {
    if rows.is_empty() {
        return Ok(());
    }
    let keys = rows.keys();
    let schools: Vec<Uuid> = keys.clone().map(|row| row.school_id.0).collect();
    let days: Vec<NaiveDate> = keys.clone().map(|row| row.day).collect();
    let members: Vec<Uuid> = keys.clone().map(|row| row.member_id.0).collect();
    let services: Vec<&str> = keys.clone().map(|row| row.service).collect();
    let models: Vec<&str> = keys.clone().map(|row| row.model).collect();
    let outcomes: Vec<&str> = keys.clone().map(|row| row.outcome).collect();
    let departments: Vec<Uuid> = keys
        .map(|row| row.department_id.map_or(Uuid::nil(), |id| id.0))
        .collect();
    let column = |of: fn(&Sums) -> i128| -> Vec<i64> {
        rows.values().map(|sums| narrow(of(sums))).collect()
    };
    let statement = sqlx::query_file!(
        "src/usage/queries/add.sql",
        build.0,
        &schools,
        &days,
        &members,
        &services as &[&str],
        &models as &[&str],
        &outcomes as &[&str],
        &column(|sums| sums.requests),
        &column(|sums| sums.units),
        &column(|sums| sums.input_tokens),
        &column(|sums| sums.output_tokens),
        &column(|sums| sums.cached_tokens),
        &column(|sums| sums.cost_micros),
        &column(|sums| sums.latency_ms),
        &column(|sums| sums.timed_requests),
        &column(|sums| sums.refusals),
        &departments,
    );
    ApplyError::run("adding to the rollups", statement.execute(tx)).await
}
