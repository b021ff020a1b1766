//! Inserts the filed requests of a page in one statement and updates the closed ones in another.

use chrono::{DateTime, Utc};
use ledger_core::catalog::Event;
use ledger_core::request::{RequestEvent, RequestFiled};
use ledger_core::{Recorded, Role};
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
    let (mut filed, mut closed) = (Filed::default(), Closed::default());
    for recorded in page.iter().flat_map(|school| school.events) {
        let Event::Request(event) = &recorded.event else {
            continue;
        };
        match event {
            RequestEvent::Filed(e) => filed.push(recorded, e)?,
            RequestEvent::Approved(_)
            | RequestEvent::Rejected(_)
            | RequestEvent::Withdrawn(_)
            | RequestEvent::Expired(_) => closed.push(recorded, event)?,
        }
    }
    // In this order: the page may file and close the same request.
    if !filed.seq.is_empty() {
        filed.write_in_tx(tx, build).await?;
    }
    if !closed.seq.is_empty() {
        closed.write_in_tx(tx, build).await?;
    }
    Ok(())
}

/// Filed requests as one array per column.
#[derive(Default)]
struct Filed {
    school_id: Vec<Uuid>,
    request_id: Vec<Uuid>,
    member_id: Vec<Uuid>,
    urgency: Vec<&'static str>,
    asked: Vec<Value>,
    justification: Vec<Vec<u8>>,
    seq: Vec<i64>,
    by_role: Vec<&'static str>,
    by: Vec<Uuid>,
    created_at: Vec<DateTime<Utc>>,
    expires_at: Vec<DateTime<Utc>>,
}

impl Filed {
    fn push(&mut self, recorded: &Recorded, event: &RequestFiled) -> Result<(), ApplyError> {
        self.school_id.push(recorded.school_id.0);
        self.request_id.push(event.request_id.0);
        self.member_id.push(event.member_id.0);
        self.urgency.push(event.urgency.as_str());
        self.asked.push(serde_json::to_value(&event.units)?);
        self.justification.push(event.justification.0.to_vec());
        self.seq.push(recorded.seq.0);
        self.by_role.push(recorded.actor.role.as_str());
        self.by.push(recorded.actor.id.0);
        self.created_at.push(recorded.occurred_at.get());
        self.expires_at.push(event.expires_at.get());
        Ok(())
    }

    async fn write_in_tx(&self, tx: &mut PgConnection, build: Build) -> Result<(), ApplyError> {
        let statement = sqlx::query_file!(
            "src/requests/queries/file.sql",
            build.0,
            &self.school_id,
            &self.request_id,
            &self.member_id,
            &self.urgency as &[&str],
            &self.asked,
            &self.justification,
            &self.seq,
            &self.by_role as &[&str],
            &self.by,
            &self.created_at,
            &self.expires_at,
        );
        ApplyError::run("writing requests", statement.execute(tx)).await
    }
}

/// Closed requests as one array per column.
#[derive(Default)]
struct Closed {
    school_id: Vec<Uuid>,
    request_id: Vec<Uuid>,
    status: Vec<&'static str>,
    granted: Vec<Option<Value>>,
    reason: Vec<Option<Vec<u8>>>,
    at: Vec<DateTime<Utc>>,
    by_role: Vec<Option<&'static str>>,
    by: Vec<Option<Uuid>>,
    seq: Vec<i64>,
}

impl Closed {
    fn push(&mut self, recorded: &Recorded, event: &RequestEvent) -> Result<(), ApplyError> {
        let granted = match event {
            RequestEvent::Approved(e) => Some(serde_json::to_value(&e.units)?),
            RequestEvent::Filed(_)
            | RequestEvent::Rejected(_)
            | RequestEvent::Withdrawn(_)
            | RequestEvent::Expired(_) => None,
        };
        let actor = recorded.actor;
        let by = (actor.role != Role::System).then_some(actor);
        self.school_id.push(recorded.school_id.0);
        self.request_id.push(event.request_id().0);
        self.status.push(event.status().as_str());
        self.granted.push(granted);
        self.reason
            .push(event.reason().map(|commitment| commitment.0.to_vec()));
        self.at.push(recorded.occurred_at.get());
        self.by_role.push(by.map(|actor| actor.role.as_str()));
        self.by.push(by.map(|actor| actor.id.0));
        self.seq.push(recorded.seq.0);
        Ok(())
    }

    async fn write_in_tx(&self, tx: &mut PgConnection, build: Build) -> Result<(), ApplyError> {
        let statement = sqlx::query_file!(
            "src/requests/queries/close.sql",
            build.0,
            &self.school_id,
            &self.request_id,
            &self.status as &[&str],
            &self.granted as &[Option<Value>],
            &self.reason as &[Option<Vec<u8>>],
            &self.at,
            &self.by_role as &[Option<&str>],
            &self.by as &[Option<Uuid>],
            &self.seq,
        );
        ApplyError::run("closing requests", statement.execute(tx)).await
    }
}
