//! Another anchor day: the present cycle ends when it was to end, the next one on the new day, and
//! from there on they are months again.

use ledger_core::period::AnchorDay;
use ledger_core::school::{
    CycleTurn, SchoolCommand, SchoolEvent, SetSubscription, SubscriptionChanged,
};
use ledger_core::{Event, Timestamp};

use crate::support::commands::buy;
use crate::support::events::resets_at;
use crate::support::{CLAUDE, School, at};

fn day(day: u8) -> AnchorDay {
    AnchorDay::new(day).expect("it is a day of a month")
}

fn on(anchor_day: u8) -> SetSubscription {
    SetSubscription {
        anchor_day: Some(day(anchor_day)),
        ..Default::default()
    }
}

/// The starts of the periods that a school begins until `end`, after the first.
fn periods_until(mut school: School, end: &str) -> Vec<Timestamp> {
    let mut starts = Vec::new();
    loop {
        let period = school.state.school().expect("it is registered").period;
        if period.end > at(end) {
            return starts;
        }
        school = school.at(period.end).given(SchoolCommand::CatchUp);
        starts.push(period.end);
    }
}

#[test]
fn the_present_cycle_ends_when_it_was_to_end() {
    let school = School::k12();
    let before = school.state.school().expect("it is registered").clone();
    let totals = school.state.totals();
    let changed = SubscriptionChanged {
        tier_before: before.tier,
        tier: before.tier,
        management: before.management,
        totals_before: totals.clone(),
        totals,
        turn: Some(CycleTurn {
            anchor_day_before: day(1),
            anchor_day: day(15),
            at: resets_at(),
        }),
    };
    let school = school
        .when(on(15))
        .then([Event::School(SchoolEvent::SubscriptionChanged(changed))]);
    let after = school.state.school().expect("it is registered");
    assert_eq!(after.period, before.period);
}

#[test]
fn the_next_one_is_shorter_and_then_they_are_months() {
    let starts = periods_until(School::k12().given(on(15)), "2027-02-15T00:00:00Z");
    let expected = [
        "2026-12-01T00:00:00Z",
        "2026-12-15T00:00:00Z",
        "2027-01-15T00:00:00Z",
        "2027-02-15T00:00:00Z",
    ];
    assert_eq!(starts, expected.map(at));
}

#[test]
fn the_periods_of_the_past_are_those_that_were() {
    let mut school = School::k12().given(on(15)).at(at("2027-02-20T00:00:00Z"));
    school.catch_up_with_time();
    let school = school.given(on(31)).at(at("2027-05-02T00:00:00Z"));
    let mut school = school;
    school.catch_up_with_time();
    let began = |instant: &str| school.state.closed_period_at(at(instant));
    for (instant, start) in [
        ("2026-10-30T00:00:00Z", "2026-10-01T00:00:00Z"),
        ("2026-11-30T23:59:59Z", "2026-11-01T00:00:00Z"),
        ("2026-12-14T00:00:00Z", "2026-12-01T00:00:00Z"),
        ("2026-12-15T00:00:00Z", "2026-12-15T00:00:00Z"),
        ("2027-01-14T00:00:00Z", "2026-12-15T00:00:00Z"),
        ("2027-03-14T00:00:00Z", "2027-02-15T00:00:00Z"),
        ("2027-03-20T00:00:00Z", "2027-03-15T00:00:00Z"),
        ("2027-04-29T00:00:00Z", "2027-03-31T00:00:00Z"),
    ] {
        assert_eq!(began(instant), Some(at(start)), "{instant}");
    }
    let period = school.state.school().expect("it is registered").period;
    assert_eq!(period.start, at("2027-04-30T00:00:00Z"));
    assert_eq!(period.end, at("2027-05-31T00:00:00Z"));
}

#[test]
fn the_last_word_before_the_end_counts() {
    let school = School::k12().given(on(15)).given(on(20)).given(on(1));
    let starts = periods_until(school, "2027-01-01T00:00:00Z");
    let expected = ["2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"];
    assert_eq!(starts, expected.map(at));
}

#[test]
fn the_day_that_it_is_already_changes_nothing() {
    School::k12().when(on(1)).then_nothing();
    let school = School::k12().given(on(15));
    school.when(on(15)).then_nothing().given(SetSubscription {
        anchor_day: Some(day(15)),
        ..buy(CLAUDE, 200)
    });
}
