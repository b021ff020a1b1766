//! What the demo school has used: calls of the last days, the same each time but for the dates.

use chrono::{DateTime, Datelike as _, Days, NaiveTime, TimeDelta, TimeZone as _, Utc, Weekday};
use ledger_core::usage::{CallFacts, Debit, Outcome};
use ledger_core::{Key, MemberId, MicroUsd, Timestamp};

use super::school::{SERVICES, TEACHERS, TIME_ZONE, units};

/// The calls were made on the weekdays among so many days before today.
const DAYS: u64 = 10;

/// The debits of the last days, the earliest first.
pub(super) fn debits(now: DateTime<Utc>) -> impl Iterator<Item = Debit> {
    let mut lot = Lot(0);
    let days = school_days(now);
    let mut calls = Vec::new();
    for teacher in &TEACHERS {
        for (service, count) in SERVICES.into_iter().zip(teacher.calls) {
            for call in 0..count {
                let begins = days[call % days.len()];
                let at = begins + TimeDelta::seconds(lot.between(8 * 3_600, 16 * 3_600));
                calls.push((at, teacher.id, service, facts(service, &mut lot)));
            }
        }
    }
    calls.sort_by_key(|(at, ..)| *at);
    calls
        .into_iter()
        .enumerate()
        .map(|(number, (at, member, service, call))| Debit {
            id: key(&format!("demo-{:04}", number + 1)),
            owner: MemberId(member).into(),
            service: service.to_owned(),
            units: None,
            occurred_at: Some(Timestamp::new(at)),
            call,
        })
}

/// When the weekdays began that lie among the last days before today, in the school's time zone.
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
        .map(|begins| begins.with_timezone(&Utc))
        .collect()
}

/// What is known of a call, at the prices of the models' maker in micro-USD per token.
fn facts(service: &str, lot: &mut Lot) -> CallFacts {
    let is_small = service == "assessment_ai" || lot.between(0, 10) < 3;
    let (model, input_price, output_price) = if is_small {
        ("claude-haiku-4-5", 1, 5)
    } else {
        ("claude-sonnet-4", 3, 15)
    };
    let (input, output) = (lot.between(200, 3_000), lot.between(50, 1_200));
    let outcome = match lot.between(0, 100) {
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
        latency_ms: Some(units(300 + output * 3 + lot.between(0, 400))),
        outcome: Some(outcome),
        ..CallFacts::default()
    }
}

/// Numbers that look drawn and are the same each time (SplitMix64: Steele, Lea, Flood 2014).
struct Lot(u64);

impl Lot {
    /// From `least` up to, but not including, `end`.
    fn between(&mut self, least: i64, end: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        least + (mixed >> 1).cast_signed() % (end - least)
    }
}

#[expect(
    clippy::expect_used,
    reason = "short and plain, and a test makes all of them"
)]
fn key(id: &str) -> Key {
    Key::new(id).expect("an id")
}
