//! Writes the entries of a page in one statement.

use chrono::{DateTime, Utc};
use ledger_core::ServiceId;
use ledger_core::allocation::Cause;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::entry::{Entry, entries, request_id};
use crate::error::ApplyError;
use crate::projection::{Build, SchoolEvents};

pub(super) async fn write_in_tx(
    tx: &mut PgConnection,
    build: Build,
    page: &[SchoolEvents<'_>],
) -> Result<(), ApplyError> {
    let mut columns = Columns::default();
    for recorded in page.iter().flat_map(|school| school.events) {
        for entry in entries(recorded)? {
            columns.push(entry);
        }
    }
    if columns.seq.is_empty() {
        return Ok(());
    }
    let statement = sqlx::query_file!(
        "src/history/queries/write.sql",
        build.0,
        &columns.school_id,
        &columns.seq,
        &columns.member_id,
        &columns.recorded_at,
        &columns.kind as &[&str],
        &columns.service as &[Option<&str>],
        &columns.actor_role as &[&str],
        &columns.actor_id,
        &columns.cause as &[Option<&str>],
        &columns.reason as &[Option<Vec<u8>>],
        &columns.before as &[Option<Value>],
        &columns.after as &[Option<Value>],
        &columns.request_id as &[Option<Uuid>],
        &columns.part,
        &columns.department_id as &[Option<Uuid>],
    );
    ApplyError::run("writing the history", statement.execute(tx)).await
}

/// The entries of a page as one array per column.
#[derive(Default)]
struct Columns<'a> {
    school_id: Vec<Uuid>,
    seq: Vec<i64>,
    member_id: Vec<Uuid>,
    part: Vec<i32>,
    recorded_at: Vec<DateTime<Utc>>,
    kind: Vec<&'static str>,
    service: Vec<Option<&'a str>>,
    actor_role: Vec<&'static str>,
    actor_id: Vec<Uuid>,
    cause: Vec<Option<&'static str>>,
    reason: Vec<Option<Vec<u8>>>,
    before: Vec<Option<Value>>,
    after: Vec<Option<Value>>,
    request_id: Vec<Option<Uuid>>,
    department_id: Vec<Option<Uuid>>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, entry: Entry<'a>) {
        let recorded = entry.recorded;
        let event = &recorded.event;
        self.school_id.push(recorded.school_id.0);
        self.seq.push(recorded.seq.0);
        self.member_id
            .push(entry.member_id.map_or(Uuid::nil(), |member| member.0));
        self.recorded_at.push(recorded.recorded_at.get());
        self.kind.push(event.kind().as_str());
        self.part.push(entry.part);
        self.service.push(entry.service.map(ServiceId::as_str));
        self.actor_role.push(recorded.actor.role.as_str());
        self.actor_id.push(recorded.actor.id.0);
        self.cause.push(event.cause().map(Cause::as_str));
        self.reason
            .push(event.reason().map(|commitment| commitment.0.to_vec()));
        self.before.push(entry.before);
        self.after.push(entry.after);
        self.department_id
            .push(entry.department_id.map(|department| department.0));
        self.request_id.push(request_id(event).map(|id| id.0));
    }
}
