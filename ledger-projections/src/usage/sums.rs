//! What a page of events adds to the rollups, summed up before anything is written.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use ledger_core::period::Tz;
use ledger_core::usage::{CallFacts, Outcome, UsageEvent};
use ledger_core::{MemberId, MicroUsd, Recorded, SchoolId, ServiceId, Units};

use super::bucket::day_of;

/// The row that a call counts in. A model or an outcome that was not said is ''.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row<'a> {
    pub school_id: SchoolId,
    pub day: NaiveDate,
    pub member_id: MemberId,
    pub service: &'a str,
    pub model: &'a str,
    pub outcome: &'static str,
}

/// Sums over calls, each of which stops at the largest value that 64 bits hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub requests: Units,
    pub units: Units,
    pub input_tokens: Units,
    pub output_tokens: Units,
    pub cached_tokens: Units,
    pub cost_micros: Units,
    pub latency_ms: Units,
    pub timed_requests: Units,
    pub refusals: Units,
}

impl Sums {
    fn of(units: Units, call: &CallFacts) -> Self {
        let said = |value: Option<Units>| value.unwrap_or(Units::ZERO);
        let one = Units::new(1).unwrap_or(Units::ZERO);
        Self {
            requests: one,
            units,
            input_tokens: said(call.input_tokens),
            output_tokens: said(call.output_tokens),
            cached_tokens: said(call.cached_tokens),
            cost_micros: call.cost_micros.unwrap_or(MicroUsd(Units::ZERO)).0,
            latency_ms: said(call.latency_ms),
            timed_requests: call.latency_ms.map_or(Units::ZERO, |_| one),
            refusals: Units::ZERO,
        }
    }

    fn of_refusals(times: Units) -> Self {
        Self {
            refusals: times,
            ..Self::default()
        }
    }

    fn add(&mut self, other: Self) {
        let Self {
            requests,
            units,
            input_tokens,
            output_tokens,
            cached_tokens,
            cost_micros,
            latency_ms,
            timed_requests,
            refusals,
        } = self;
        *requests = requests.saturating_add(other.requests);
        *units = units.saturating_add(other.units);
        *input_tokens = input_tokens.saturating_add(other.input_tokens);
        *output_tokens = output_tokens.saturating_add(other.output_tokens);
        *cached_tokens = cached_tokens.saturating_add(other.cached_tokens);
        *cost_micros = cost_micros.saturating_add(other.cost_micros);
        *latency_ms = latency_ms.saturating_add(other.latency_ms);
        *timed_requests = timed_requests.saturating_add(other.timed_requests);
        *refusals = refusals.saturating_add(other.refusals);
    }
}

/// Sums by the row that they are added to, in the order in which they are written.
pub(super) type Rows<'a> = BTreeMap<Row<'a>, Sums>;

/// Adds the calls and refusals among one school's `events` to `rows`.
pub(super) fn sum_up<'a>(rows: &mut Rows<'a>, events: &'a [Recorded], time_zone: Tz) {
    for recorded in events {
        let ledger_core::Event::Usage(event) = &recorded.event else {
            continue;
        };
        let Some((member_id, service, call, sums)) = counted(event) else {
            continue;
        };
        let row = Row {
            school_id: recorded.school_id,
            day: day_of(recorded.occurred_at, time_zone),
            member_id,
            service: service.as_str(),
            model: call.and_then(|call| call.model.as_deref()).unwrap_or(""),
            outcome: call
                .and_then(|call| call.outcome)
                .map_or("", Outcome::as_str),
        };
        rows.entry(row).or_default().add(sums);
    }
}

/// Whose, of which service, which call, and how much an event counts, if it counts at all.
fn counted(event: &UsageEvent) -> Option<(MemberId, &ServiceId, Option<&CallFacts>, Sums)> {
    match event {
        UsageEvent::Debited(e) => {
            let sums = Sums::of(e.units, &e.call);
            Some((e.member_id, &e.service, Some(&e.call), sums))
        }
        UsageEvent::HoldSettled(e) => {
            let sums = Sums::of(e.units, &e.call);
            Some((e.member_id, &e.service, Some(&e.call), sums))
        }
        UsageEvent::Refused(e) => {
            let sums = Sums::of_refusals(e.times);
            Some((e.member_id, &e.service, None, sums))
        }
        UsageEvent::HoldPlaced(_) | UsageEvent::HoldReleased(_) | UsageEvent::HoldExpired(_) => {
            None
        }
    }
}
