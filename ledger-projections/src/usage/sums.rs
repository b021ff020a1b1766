//! The changes of a page of events to the rollups, summed before anything is written.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use ledger_core::period::Tz;
use ledger_core::usage::{Account, CallFacts, Outcome, UsageEvent};
use ledger_core::{
    DepartmentId, MemberId, MicroUsd, Recorded, SchoolId, ServiceId, Timestamp, Units,
};

use super::bucket::day_of;

/// The row that a call counts in. An unknown model or outcome is ''.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row<'a> {
    pub school_id: SchoolId,
    pub day: NaiveDate,
    pub member_id: MemberId,
    pub service: &'a str,
    pub model: &'a str,
    pub outcome: &'static str,
    /// The department that the member was in when the call was recorded.
    pub department_id: Option<DepartmentId>,
}

/// Changes of a row's sums: negative for refunds (units only) and for usage that is attributed to
/// another member. 128 bits, which a page cannot overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub requests: i128,
    pub units: i128,
    pub input_tokens: i128,
    pub output_tokens: i128,
    pub cached_tokens: i128,
    pub cost_micros: i128,
    pub latency_ms: i128,
    pub timed_requests: i128,
    pub refusals: i128,
}

impl Sums {
    fn of(units: Units, call: &CallFacts) -> Self {
        let known = |value: Option<Units>| value.map_or(0, wide);
        Self {
            requests: 1,
            units: wide(units),
            input_tokens: known(call.input_tokens),
            output_tokens: known(call.output_tokens),
            cached_tokens: known(call.cached_tokens),
            cost_micros: known(call.cost_micros.map(|MicroUsd(cost)| cost)),
            latency_ms: known(call.latency_ms),
            timed_requests: i128::from(call.latency_ms.is_some()),
            refusals: 0,
        }
    }

    fn of_refusals(times: Units) -> Self {
        Self {
            refusals: wide(times),
            ..Self::default()
        }
    }

    /// A refund: the calls were made all the same.
    fn refund(units: Units) -> Self {
        Self {
            units: -wide(units),
            ..Self::default()
        }
    }

    /// Adds `other` so many times: once, or to take it away, −1 times.
    fn add(&mut self, other: Self, times: i128) {
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
        *requests += other.requests * times;
        *units += other.units * times;
        *input_tokens += other.input_tokens * times;
        *output_tokens += other.output_tokens * times;
        *cached_tokens += other.cached_tokens * times;
        *cost_micros += other.cost_micros * times;
        *latency_ms += other.latency_ms * times;
        *timed_requests += other.timed_requests * times;
        *refusals += other.refusals * times;
    }
}

fn wide(units: Units) -> i128 {
    i128::from(units.get())
}

/// Sums by the row that they are added to, in the order in which they are written.
pub(super) type Rows<'a> = BTreeMap<Row<'a>, Sums>;

/// Adds what one school's `events` say of calls and refusals to `rows`, each on the day on which it
/// occurred.
pub(super) fn sum_up<'a>(rows: &mut Rows<'a>, events: &'a [Recorded], time_zone: Tz) {
    for recorded in events {
        let ledger_core::Event::Usage(event) = &recorded.event else {
            continue;
        };
        let mut add = |at: Timestamp, of: Of<'a>, sums: Sums, times: i128| {
            let row = Row {
                school_id: recorded.school_id,
                day: day_of(at, time_zone),
                member_id: of.member_id,
                service: of.service.as_str(),
                model: of.call.and_then(|call| call.model.as_deref()).unwrap_or(""),
                outcome: of
                    .call
                    .and_then(|call| call.outcome)
                    .map_or("", Outcome::as_str),
                department_id: of.department_id,
            };
            rows.entry(row).or_default().add(sums, times);
        };
        match event {
            UsageEvent::Debited(e) => {
                let of = Of::new(&e.account, &e.call);
                add(recorded.occurred_at, of, Sums::of(e.units, &e.call), 1);
            }
            UsageEvent::HoldSettled(e) => {
                let of = Of::new(&e.account, &e.call);
                add(recorded.occurred_at, of, Sums::of(e.units, &e.call), 1);
            }
            UsageEvent::Reported(e) => {
                let of = Of::new(&e.account, &e.call);
                add(recorded.occurred_at, of, Sums::of(e.units, &e.call), 1);
            }
            UsageEvent::Attributed(e) => {
                let sums = Sums::of(e.units, &e.call);
                if let Some(from) = &e.from {
                    let of = Of::new(&from.account, &e.call);
                    add(e.usage_at, of, sums, -1);
                }
                let of = Of::new(&e.to.account, &e.call);
                add(e.usage_at, of, sums, 1);
            }
            UsageEvent::Corrected(e) => {
                let of = Of::new(&e.attribution.account, &e.call);
                add(e.usage_at, of, Sums::refund(e.units), 1);
            }
            UsageEvent::Refused(e) => {
                let of = Of {
                    member_id: e.member_id,
                    department_id: e.department_id,
                    service: &e.service,
                    call: None,
                };
                add(recorded.occurred_at, of, Sums::of_refusals(e.times), 1);
            }
            UsageEvent::HoldPlaced(_)
            | UsageEvent::HoldReleased(_)
            | UsageEvent::HoldExpired(_)
            | UsageEvent::Parked(_) => {}
        }
    }
    // Changes that cancel out write no row.
    rows.retain(|_, sums| *sums != Sums::default());
}

/// The account and the details of a call.
struct Of<'a> {
    member_id: MemberId,
    department_id: Option<DepartmentId>,
    service: &'a ServiceId,
    /// `None` for a refusal.
    call: Option<&'a CallFacts>,
}

impl<'a> Of<'a> {
    const fn new(account: &'a Account, call: &'a CallFacts) -> Self {
        Self {
            member_id: account.member_id,
            department_id: account.department_id,
            service: &account.service,
            call: Some(call),
        }
    }
}
