//! Inserts the parked usage of a page and deletes what the page attributes to members.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ledger_core::catalog::Event;
use ledger_core::usage::{UsageEvent, UsageParked};
use ledger_core::{EventId, Recorded, SchoolId, Units};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::ApplyError;
use crate::projection::{Build, SchoolEvents};

pub(super) async fn write_in_tx(
    tx: &mut PgConnection,
    build: Build,
    page: &[SchoolEvents<'_>],
) -> Result<(), ApplyError> {
    let mut parked: BTreeMap<(SchoolId, EventId), (&Recorded, &UsageParked)> = BTreeMap::new();
    let mut attributed: (Vec<Uuid>, Vec<Uuid>) = Default::default();
    for recorded in page.iter().flat_map(|school| school.events) {
        match &recorded.event {
            Event::Usage(UsageEvent::Parked(event)) => {
                parked.insert((recorded.school_id, recorded.event_id), (recorded, event));
            }
            Event::Usage(UsageEvent::Attributed(event)) => {
                let usage = (recorded.school_id, event.usage_id);
                if parked.remove(&usage).is_none() {
                    attributed.0.push(usage.0.0);
                    attributed.1.push(usage.1.0);
                }
            }
            Event::Usage(_)
            | Event::School(_)
            | Event::Department(_)
            | Event::Allocation(_)
            | Event::Request(_)
            | Event::Period(_) => {}
        }
    }
    park(tx, build, parked.into_values()).await?;
    delete_attributed(tx, build, &attributed.0, &attributed.1).await
}

/// Parked usage as one array per column.
#[derive(Default)]
struct Columns<'a> {
    school_id: Vec<Uuid>,
    seq: Vec<i64>,
    event_id: Vec<Uuid>,
    occurred_at: Vec<DateTime<Utc>>,
    recorded_at: Vec<DateTime<Utc>>,
    why: Vec<&'static str>,
    source: Vec<&'a str>,
    id: Vec<&'a str>,
    member_id: Vec<Option<Uuid>>,
    subject: Vec<Option<Vec<u8>>>,
    service: Vec<&'a str>,
    units: Vec<Option<i64>>,
    call: Vec<Value>,
}

async fn park<'a>(
    tx: &mut PgConnection,
    build: Build,
    parked: impl Iterator<Item = (&'a Recorded, &'a UsageParked)>,
) -> Result<(), ApplyError> {
    let mut c = Columns::default();
    for (recorded, event) in parked {
        c.school_id.push(recorded.school_id.0);
        c.seq.push(recorded.seq.0);
        c.event_id.push(recorded.event_id.0);
        c.occurred_at.push(recorded.occurred_at.get());
        c.recorded_at.push(recorded.recorded_at.get());
        c.why.push(event.reason.as_str());
        c.source.push(event.source.as_str());
        c.id.push(event.id.as_str());
        c.member_id.push(event.member_id.map(|member| member.0));
        c.subject
            .push(event.subject.map(|subject| subject.0.to_vec()));
        c.service.push(event.service.as_str());
        c.units.push(event.units.map(Units::get));
        c.call.push(serde_json::to_value(&event.call)?);
    }
    if c.school_id.is_empty() {
        return Ok(());
    }
    let statement = sqlx::query_file!(
        "src/unattributed/queries/park.sql",
        build.0,
        &c.school_id,
        &c.seq,
        &c.event_id,
        &c.occurred_at,
        &c.recorded_at,
        &c.why as &[&str],
        &c.source as &[&str],
        &c.id as &[&str],
        &c.member_id as &[Option<Uuid>],
        &c.subject as &[Option<Vec<u8>>],
        &c.service as &[&str],
        &c.units as &[Option<i64>],
        &c.call,
    );
    ApplyError::run("writing unattributed usage", statement.execute(tx)).await
}

async fn delete_attributed(
    tx: &mut PgConnection,
    build: Build,
    schools: &[Uuid],
    usages: &[Uuid],
) -> Result<(), ApplyError> {
    if schools.is_empty() {
        return Ok(());
    }
    let statement = sqlx::query!(
        "DELETE FROM unattributed_usage AS u
          USING unnest($2::uuid[], $3::uuid[]) AS d (school_id, event_id)
          WHERE u.school_id = d.school_id AND u.build = $1 AND u.event_id = d.event_id",
        build.0,
        schools,
        usages,
    );
    ApplyError::run("deleting attributed usage", statement.execute(tx)).await
}
