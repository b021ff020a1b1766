//! Encodes events as rows and appends them: the only statement that writes the log.

use chrono::{DateTime, Utc};
use ledger_core::catalog::Event;
use ledger_core::usage::{Account, Balance, CallFacts, UsageEvent};
use ledger_core::{Fingerprint, Key, Level, Recorded, SchoolId, Seq, Timestamp, Units};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::StoreError;

/// An event to append.
#[derive(Debug)]
pub(crate) struct NewEvent {
    pub recorded: Recorded,
    /// The hash of the command's body; only for the first event of a command.
    pub fingerprint: Option<Fingerprint>,
}

/// A stream's head before and after an append.
#[derive(Debug)]
pub(crate) struct MovedHead {
    pub school_id: SchoolId,
    pub before: Seq,
    pub after: Seq,
}

/// Advances the heads that are at the expected position and inserts the events of those streams, in
/// one statement over arrays; `COPY` cannot write under row-level security (ADR 3). Returns the
/// streams that were advanced.
pub(crate) async fn append(
    conn: &mut PgConnection,
    events: &[NewEvent],
    heads: &[MovedHead],
) -> Result<Vec<SchoolId>, StoreError> {
    let mut c = Columns::with_capacity(events.len());
    for event in events {
        c.push(event)?;
    }
    let schools: Vec<Uuid> = heads.iter().map(|head| head.school_id.0).collect();
    let before: Vec<i64> = heads.iter().map(|head| head.before.0).collect();
    let after: Vec<i64> = heads.iter().map(|head| head.after.0).collect();
    let advanced = sqlx::query_file_scalar!(
        "src/row/append.sql",
        &c.seq,
        &c.occurred_at,
        &c.recorded_at,
        &c.fingerprint as &[Option<i64>],
        &c.units as &[Option<i64>],
        &c.freed_units as &[Option<i64>],
        &c.balance_allocated as &[Option<i64>],
        &c.balance_used as &[Option<i64>],
        &c.balance_held as &[Option<i64>],
        &c.input_tokens as &[Option<i64>],
        &c.output_tokens as &[Option<i64>],
        &c.cached_tokens as &[Option<i64>],
        &c.cost_micros as &[Option<i64>],
        &c.latency_ms as &[Option<i64>],
        &c.expires_at as &[Option<DateTime<Utc>>],
        &c.period_start as &[Option<DateTime<Utc>>],
        &c.school_id,
        &c.event_id,
        &c.actor_id,
        &c.member_id as &[Option<Uuid>],
        &c.version,
        &c.overage as &[Option<bool>],
        &c.late as &[Option<bool>],
        &c.kind as &[&str],
        &c.actor_role as &[&str],
        &c.service as &[Option<&str>],
        &c.level as &[Option<&str>],
        &c.key as &[Option<&str>],
        &c.model as &[Option<&str>],
        &c.outcome as &[Option<&str>],
        &c.request_id as &[Option<&str>],
        &c.session_id as &[Option<&str>],
        &c.payload as &[Option<Value>],
        &c.source as &[Option<&str>],
        &c.usage_id as &[Option<Uuid>],
        &c.department_id as &[Option<Uuid>],
        &schools,
        &before,
        &after,
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::at("appending to the log"))?;
    Ok(advanced.into_iter().map(SchoolId).collect())
}

/// The columns of a batch, the parameters of `unnest`.
#[derive(Default)]
struct Columns<'a> {
    seq: Vec<i64>,
    occurred_at: Vec<DateTime<Utc>>,
    recorded_at: Vec<DateTime<Utc>>,
    fingerprint: Vec<Option<i64>>,
    units: Vec<Option<i64>>,
    freed_units: Vec<Option<i64>>,
    balance_allocated: Vec<Option<i64>>,
    balance_used: Vec<Option<i64>>,
    balance_held: Vec<Option<i64>>,
    input_tokens: Vec<Option<i64>>,
    output_tokens: Vec<Option<i64>>,
    cached_tokens: Vec<Option<i64>>,
    cost_micros: Vec<Option<i64>>,
    latency_ms: Vec<Option<i64>>,
    expires_at: Vec<Option<DateTime<Utc>>>,
    period_start: Vec<Option<DateTime<Utc>>>,
    school_id: Vec<Uuid>,
    event_id: Vec<Uuid>,
    actor_id: Vec<Uuid>,
    member_id: Vec<Option<Uuid>>,
    version: Vec<i16>,
    overage: Vec<Option<bool>>,
    late: Vec<Option<bool>>,
    kind: Vec<&'static str>,
    actor_role: Vec<&'static str>,
    service: Vec<Option<&'a str>>,
    level: Vec<Option<&'static str>>,
    key: Vec<Option<&'a str>>,
    model: Vec<Option<&'a str>>,
    outcome: Vec<Option<&'static str>>,
    request_id: Vec<Option<&'a str>>,
    session_id: Vec<Option<&'a str>>,
    payload: Vec<Option<Value>>,
    source: Vec<Option<&'a str>>,
    usage_id: Vec<Option<Uuid>>,
    department_id: Vec<Option<Uuid>>,
}

/// The typed columns of one usage event.
#[derive(Default)]
struct UsageColumns<'a> {
    units: Option<Units>,
    freed_units: Option<Units>,
    expires_at: Option<DateTime<Utc>>,
    period_start: Option<DateTime<Utc>>,
    overage: Option<bool>,
    late: Option<bool>,
    key: Option<&'a str>,
    source: Option<&'a str>,
    level: Option<Level>,
    balance: Option<&'a Balance>,
    call: Option<&'a CallFacts>,
}

impl<'a> UsageColumns<'a> {
    /// Returns the columns of an event, or `None` if the event needs a payload.
    fn of(event: &'a Event) -> Option<Self> {
        let Event::Usage(event) = event else {
            return None;
        };
        let common = |key: &'a Key, units, account: &Account, balance| Self {
            key: Some(key.as_str()),
            units: Some(units),
            level: Some(account.level),
            balance: Some(balance),
            ..Self::default()
        };
        let start = |period: Option<Timestamp>| period.map(Timestamp::get);
        Some(match event {
            UsageEvent::Debited(e) => Self {
                overage: e.overage.then_some(true),
                call: Some(&e.call),
                ..common(&e.id, e.units, &e.account, &e.balance)
            },
            UsageEvent::HoldPlaced(e) => Self {
                expires_at: Some(e.expires_at.get()),
                overage: e.overage.then_some(true),
                ..common(&e.hold_id, e.units, &e.account, &e.balance)
            },
            UsageEvent::HoldSettled(e) => Self {
                freed_units: Some(e.freed_units),
                period_start: start(e.period_start),
                overage: e.overage.then_some(true),
                late: e.late.then_some(true),
                call: Some(&e.call),
                ..common(&e.hold_id, e.units, &e.account, &e.balance)
            },
            UsageEvent::HoldReleased(e) if e.reason.is_some() => return None,
            UsageEvent::Refused(_) => return None, // rare: at most one a minute per account
            UsageEvent::HoldReleased(e) => Self {
                period_start: start(e.period_start),
                ..common(&e.hold_id, e.units, &e.account, &e.balance)
            },
            UsageEvent::HoldExpired(e) => Self {
                period_start: start(e.period_start),
                ..common(&e.hold_id, e.units, &e.account, &e.balance)
            },
            UsageEvent::Reported(e) => Self {
                key: Some(e.id.as_str()),
                source: Some(e.source.as_str()),
                units: Some(e.units),
                level: Some(e.account.level),
                balance: Some(&e.balance),
                period_start: start(e.period_start),
                overage: e.overage.then_some(true),
                call: Some(&e.call),
                ..Self::default()
            },
            // Rare, with fields of their own.
            UsageEvent::Parked(_) | UsageEvent::Attributed(_) | UsageEvent::Corrected(_) => {
                return None;
            }
        })
    }
}

impl<'a> Columns<'a> {
    fn with_capacity(n: usize) -> Self {
        // The columns that are never NULL; the others grow on demand.
        Self {
            seq: Vec::with_capacity(n),
            occurred_at: Vec::with_capacity(n),
            recorded_at: Vec::with_capacity(n),
            school_id: Vec::with_capacity(n),
            event_id: Vec::with_capacity(n),
            actor_id: Vec::with_capacity(n),
            ..Self::default()
        }
    }

    fn push(&mut self, new: &'a NewEvent) -> Result<(), StoreError> {
        let NewEvent {
            recorded,
            fingerprint,
        } = new;
        let event = &recorded.event;
        let kind = event.kind();
        self.seq.push(recorded.seq.0);
        self.occurred_at.push(recorded.occurred_at.get());
        self.recorded_at.push(recorded.recorded_at.get());
        self.fingerprint
            .push(fingerprint.map(|fingerprint| fingerprint.0));
        self.school_id.push(recorded.school_id.0);
        self.event_id.push(recorded.event_id.0);
        self.actor_id.push(recorded.actor.id.0);
        self.actor_role.push(recorded.actor.role.as_str());
        self.kind.push(kind.as_str());
        self.version.push(kind.version());
        self.member_id
            .push(event.member_id().map(|member| member.0));
        self.service
            .push(event.service().map(ledger_core::ServiceId::as_str));
        self.usage_id.push(event.usage_id().map(|id| id.0));
        self.department_id
            .push(event.department_id().map(|department| department.0));
        let usage = UsageColumns::of(event);
        self.payload.push(match usage {
            Some(_) => None,
            None => Some(event.data().map_err(StoreError::Json)?),
        });
        self.push_usage(usage.unwrap_or_default());
        Ok(())
    }

    fn push_usage(&mut self, usage: UsageColumns<'a>) {
        let number = |units: Option<Units>| units.map(Units::get);
        self.units.push(number(usage.units));
        self.freed_units.push(number(usage.freed_units));
        self.expires_at.push(usage.expires_at);
        self.period_start.push(usage.period_start);
        self.overage.push(usage.overage);
        self.late.push(usage.late);
        self.key.push(usage.key);
        self.source.push(usage.source);
        self.level.push(usage.level.map(Level::as_str));
        self.balance_allocated.push(
            usage
                .balance
                .and_then(|balance| number(balance.allocated.finite())),
        );
        self.balance_used
            .push(usage.balance.map(|balance| balance.used.get()));
        self.balance_held
            .push(usage.balance.map(|balance| balance.held.get()));
        let call = usage.call;
        self.input_tokens
            .push(number(call.and_then(|call| call.input_tokens)));
        self.output_tokens
            .push(number(call.and_then(|call| call.output_tokens)));
        self.cached_tokens
            .push(number(call.and_then(|call| call.cached_tokens)));
        self.cost_micros.push(number(
            call.and_then(|call| call.cost_micros).map(|cost| cost.0),
        ));
        self.latency_ms
            .push(number(call.and_then(|call| call.latency_ms)));
        self.model.push(call.and_then(|call| call.model.as_deref()));
        self.outcome.push(
            call.and_then(|call| call.outcome)
                .map(|outcome| outcome.as_str()),
        );
        self.request_id.push(
            call.and_then(|call| call.request_id.as_ref())
                .map(Key::as_str),
        );
        self.session_id.push(
            call.and_then(|call| call.session_id.as_ref())
                .map(Key::as_str),
        );
    }
}
