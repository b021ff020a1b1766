//! Decodes events from rows.

use ledger_core::catalog::{Event, Kind};
use ledger_core::usage::{
    Account, Balance, CallFacts, HoldExpired, HoldPlaced, HoldReleased, HoldSettled, Outcome,
    UsageDebited, UsageEvent, UsageReported,
};
use ledger_core::{
    Actor, ActorId, Attribute, DepartmentId, EventId, Key, Level, MemberId, MicroUsd, Quota,
    Recorded, SchoolId, Seq, ServiceId, Timestamp, Units,
};

use super::event_row::EventRow;
use crate::error::{StoreError, UnreadableRow};

/// The version of the usage events in typed columns.
const USAGE_VERSION: i16 = 1;

impl EventRow {
    /// Decodes the event.
    pub(crate) fn into_recorded(mut self) -> Result<Recorded, StoreError> {
        let (school_id, seq) = (SchoolId(self.school_id), self.seq);
        self.read_event().map_err(|source| StoreError::Unreadable {
            school_id,
            seq,
            source: Box::new(source),
        })
    }

    fn read_event(&mut self) -> Result<Recorded, UnreadableRow> {
        let role = self
            .actor_role
            .parse()
            .map_err(|_| UnreadableRow::Column("actor_role"))?;
        Ok(Recorded {
            school_id: SchoolId(self.school_id),
            seq: Seq(self.seq),
            event_id: EventId(self.event_id),
            actor: Actor {
                role,
                id: ActorId(self.actor_id),
            },
            occurred_at: Timestamp::new(self.occurred_at),
            recorded_at: Timestamp::new(self.recorded_at),
            event: self.event()?,
        })
    }

    fn event(&mut self) -> Result<Event, UnreadableRow> {
        if let Some(usage) = self.usage()? {
            return Ok(Event::Usage(usage));
        }
        let data = self.payload.take().unwrap_or(serde_json::Value::Null);
        Ok(Event::read(&self.kind, self.version, data)?)
    }

    /// Decodes a usage event from its columns; `None` if the event has a payload.
    fn usage(&self) -> Result<Option<UsageEvent>, UnreadableRow> {
        if self.payload.is_some() || self.version != USAGE_VERSION {
            return Ok(None);
        }
        let is = |kind: Kind| self.kind == kind.as_str();
        Ok(Some(if is(Kind::UsageDebited) {
            UsageEvent::Debited(self.debited()?)
        } else if is(Kind::HoldPlaced) {
            UsageEvent::HoldPlaced(self.placed()?)
        } else if is(Kind::HoldSettled) {
            UsageEvent::HoldSettled(self.settled()?)
        } else if is(Kind::HoldReleased) {
            UsageEvent::HoldReleased(self.released()?)
        } else if is(Kind::HoldExpired) {
            UsageEvent::HoldExpired(self.expired()?)
        } else if is(Kind::UsageReported) {
            UsageEvent::Reported(self.reported()?)
        } else {
            return Ok(None);
        }))
    }

    fn debited(&self) -> Result<UsageDebited, UnreadableRow> {
        Ok(UsageDebited {
            id: self.key()?,
            account: self.account()?,
            units: required(self.units, "units")?,
            overage: self.overage.unwrap_or(false),
            balance: self.balance()?,
            call: self.call()?,
        })
    }

    fn placed(&self) -> Result<HoldPlaced, UnreadableRow> {
        let expires_at = self.expires_at.ok_or(UnreadableRow::Column("expires_at"))?;
        Ok(HoldPlaced {
            hold_id: self.key()?,
            account: self.account()?,
            units: required(self.units, "units")?,
            expires_at: Timestamp::new(expires_at),
            overage: self.overage.unwrap_or(false),
            balance: self.balance()?,
        })
    }

    fn settled(&self) -> Result<HoldSettled, UnreadableRow> {
        Ok(HoldSettled {
            hold_id: self.key()?,
            account: self.account()?,
            units: required(self.units, "units")?,
            freed_units: required(self.freed_units, "freed_units")?,
            overage: self.overage.unwrap_or(false),
            late: self.late.unwrap_or(false),
            balance: self.balance()?,
            period_start: self.period_start.map(Timestamp::new),
            call: self.call()?,
        })
    }

    fn released(&self) -> Result<HoldReleased, UnreadableRow> {
        Ok(HoldReleased {
            hold_id: self.key()?,
            account: self.account()?,
            units: required(self.units, "units")?,
            balance: self.balance()?,
            period_start: self.period_start.map(Timestamp::new),
            reason: None,
        })
    }

    fn expired(&self) -> Result<HoldExpired, UnreadableRow> {
        Ok(HoldExpired {
            hold_id: self.key()?,
            account: self.account()?,
            units: required(self.units, "units")?,
            balance: self.balance()?,
            period_start: self.period_start.map(Timestamp::new),
        })
    }

    fn reported(&self) -> Result<UsageReported, UnreadableRow> {
        Ok(UsageReported {
            id: attribute(self.key.as_deref(), "key")?,
            source: attribute(self.source.as_deref(), "source")?,
            account: self.account()?,
            units: required(self.units, "units")?,
            overage: self.overage.unwrap_or(false),
            balance: self.balance()?,
            period_start: self.period_start.map(Timestamp::new),
            call: self.call()?,
        })
    }

    fn key(&self) -> Result<Key, UnreadableRow> {
        key(self.key.as_deref(), "key")?.ok_or(UnreadableRow::Column("key"))
    }

    fn account(&self) -> Result<Account, UnreadableRow> {
        Ok(Account {
            member_id: self.member()?,
            service: self.service()?,
            level: self.level()?,
            department_id: self.department_id.map(DepartmentId),
        })
    }

    fn member(&self) -> Result<MemberId, UnreadableRow> {
        self.member_id
            .map(MemberId)
            .ok_or(UnreadableRow::Column("member_id"))
    }

    fn service(&self) -> Result<ServiceId, UnreadableRow> {
        let service = self
            .service
            .as_deref()
            .ok_or(UnreadableRow::Column("service"))?;
        ServiceId::new(service).map_err(|_| UnreadableRow::Column("service"))
    }

    fn level(&self) -> Result<Level, UnreadableRow> {
        let level = self.level.as_deref();
        level
            .and_then(Level::parse)
            .ok_or(UnreadableRow::Column("level"))
    }

    fn balance(&self) -> Result<Balance, UnreadableRow> {
        let allocated = units(self.balance_allocated, "balance_allocated")?;
        Ok(Balance {
            allocated: allocated.map_or(Quota::Unlimited, Quota::Finite),
            used: required(self.balance_used, "balance_used")?,
            held: required(self.balance_held, "balance_held")?,
        })
    }

    fn call(&self) -> Result<CallFacts, UnreadableRow> {
        Ok(CallFacts {
            model: self.model.as_deref().map(Into::into),
            input_tokens: units(self.input_tokens, "input_tokens")?,
            output_tokens: units(self.output_tokens, "output_tokens")?,
            cached_tokens: units(self.cached_tokens, "cached_tokens")?,
            cost_micros: units(self.cost_micros, "cost_micros")?.map(MicroUsd),
            latency_ms: units(self.latency_ms, "latency_ms")?,
            outcome: outcome(self.outcome.as_deref())?,
            request_id: key(self.request_id.as_deref(), "request_id")?,
            session_id: key(self.session_id.as_deref(), "session_id")?,
        })
    }
}

fn outcome(word: Option<&str>) -> Result<Option<Outcome>, UnreadableRow> {
    word.map(str::parse)
        .transpose()
        .map_err(|_| UnreadableRow::Column("outcome"))
}

fn units(value: Option<i64>, column: &'static str) -> Result<Option<Units>, UnreadableRow> {
    value
        .map(Units::new)
        .transpose()
        .map_err(|_| UnreadableRow::Column(column))
}

fn required(value: Option<i64>, column: &'static str) -> Result<Units, UnreadableRow> {
    units(value, column)?.ok_or(UnreadableRow::Column(column))
}

fn attribute(text: Option<&str>, column: &'static str) -> Result<Attribute, UnreadableRow> {
    text.and_then(|text| Attribute::new(text).ok())
        .ok_or(UnreadableRow::Column(column))
}

fn key(text: Option<&str>, column: &'static str) -> Result<Option<Key>, UnreadableRow> {
    text.map(Key::new)
        .transpose()
        .map_err(|_| UnreadableRow::Column(column))
}
