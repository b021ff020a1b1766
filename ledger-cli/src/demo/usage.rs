//! Usage of the demo school: calls of the last days, reproducible except for the dates.

use chrono::{DateTime, Datelike as _, Days, NaiveTime, TimeDelta, TimeZone as _, Utc, Weekday};
use ledger_core::usage::{CallFacts, Debit, Outcome};
use ledger_core::{Key, MemberId, MicroUsd, Timestamp, Units};

use super::people::{SERVICES, TEACHERS, TIME_ZONE};

/// Calls are on the weekdays of this many days before today.
const DAYS: u64 = 10;

/// The debits of the last days, oldest first.
pub(super) fn debits(now: DateTime<Utc>) -> impl Iterator<Item = Debit> {
    let mut random = Random(0);
    let days = school_days(now);
    let mut calls = Vec::new();
    for teacher in &TEACHERS {
        for (service, count) in SERVICES.into_iter().zip(teacher.calls) {
            for call in 0..count {
                let start = days[call % days.len()];
                let at = start + TimeDelta::seconds(random.between(8 * 3_600, 16 * 3_600));
                calls.push((at, teacher.person.id, service, facts(service, &mut random)));
            }
        }
    }
    calls.sort_by_key(|(at, ..)| *at);
    calls
        .into_iter()
        .enumerate()
        .map(|(index, (at, member, service, call))| Debit {
            id: key(&format!("demo-{:04}", index + 1)),
            owner: MemberId(member).into(),
            service: service.to_owned(),
            units: None,
            occurred_at: Some(Timestamp::new(at)),
            call,
        })
}

/// The starts of the recent weekdays in the school's time zone.
fn school_days(now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let today = now.with_timezone(&TIME_ZONE).date_naive();
    (1..=DAYS)
        .rev()
        .filter_map(|back| today.checked_sub_days(Days::new(back)))
        .filter(|day| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun))
        .filter_map(|day| {
            let midnight = day.and_time(NaiveTime::MIN);
            TIME_ZONE.from_local_datetime(&midnight).earliest()
        })
        .map(|start| start.with_timezone(&Utc))
        .collect()
}

/// The facts of a call, at list prices in micro-USD per token.
fn facts(service: &str, random: &mut Random) -> CallFacts {
    let is_small = service == "assessment_ai" || random.between(0, 10) < 3;
    let (model, input_price, output_price) = if is_small {
        ("claude-haiku-4-5", 1, 5)
    } else {
        ("claude-sonnet-4", 3, 15)
    };
    let (input, output) = (random.between(200, 3_000), random.between(50, 1_200));
    let outcome = match random.between(0, 100) {
        0..=2 => Outcome::Error,
        3..=4 => Outcome::Timeout,
        5 => Outcome::Cancelled,
        _ => Outcome::Success,
    };
    CallFacts {
        model: Some(model.into()),
        input_tokens: Some(units(input)),
        output_tokens: Some(units(output)),
        cached_tokens: Some(units(input / 4)),
        cost_micros: Some(MicroUsd(units(input * input_price + output * output_price))),
        latency_ms: Some(units(300 + output * 3 + random.between(0, 400))),
        outcome: Some(outcome),
        ..CallFacts::default()
    }
}

/// A constant of the demo as units.
pub(super) fn units(number: i64) -> Units {
    Units::new(number).unwrap_or(Units::ZERO)
}

/// Reproducible pseudo-random numbers (SplitMix64: Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    /// A number from `min` to below `end`.
    fn between(&mut self, min: i64, end: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        min + (mixed >> 1).cast_signed() % (end - min)
    }
}

#[expect(clippy::expect_used, reason = "a test creates every id")]
fn key(id: &str) -> Key {
    Key::new(id).expect("a valid id")
}
