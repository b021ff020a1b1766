//! Holds across the end of a period: they settle into the one in which they were placed.

use ledger_core::usage::{HoldSettled, PlaceHold};
use ledger_core::{Event, Timestamp};

use super::ada_renews_50;
use crate::support::commands::{debit, enrol, hold, release, remove, set, settle};
use crate::support::events::{
    balance, debited, expired, hold_settled, of_period, released, renewed, resets_at, rolled,
    row_of, settled,
};
use crate::support::{ADA, School, at};

/// When the first period of every test began.
fn began() -> Timestamp {
    at("2026-11-01T00:00:00Z")
}

/// A minute before the end of the period Ada, who has 50 and used 20, holds 10 for five minutes.
fn ada_holds_10() -> School {
    ada_renews_50()
        .at(resets_at().plus_seconds(-60))
        .given(hold("h", ADA, 10))
}

fn into_the_old(n: i64, freed: i64, overage: bool) -> Event {
    settled(HoldSettled {
        overage,
        period_start: Some(began()),
        ..hold_settled("h", ADA, n, freed, balance(50, 0, 0))
    })
}

#[test]
fn a_hold_settles_into_the_period_in_which_it_was_placed() {
    ada_holds_10()
        .at(resets_at())
        .when(settle("h", 8))
        .after_due([
            (resets_at(), rolled(&[(100, 50, 20, 10)])),
            (resets_at(), renewed([row_of(ADA, 50, 50)])),
        ])
        .then([into_the_old(8, 10, false)])
        .holds(ADA, 50, 0, 0)
        .pools(100, 50, 0, 0);
}

#[test]
fn usage_beyond_a_hold_of_a_closed_period_is_an_overage() {
    ada_holds_10()
        .at(resets_at())
        .when(settle("h", 11))
        .then([into_the_old(11, 10, true)])
        .holds(ADA, 50, 0, 0);
}

#[test]
fn the_event_has_the_new_account() {
    ada_holds_10()
        .at(resets_at())
        .given(debit(ADA, 3))
        .given(hold("new", ADA, 4))
        .when(settle("h", 10))
        .then([settled(HoldSettled {
            period_start: Some(began()),
            ..hold_settled("h", ADA, 10, 10, balance(50, 3, 4))
        })])
        .holds(ADA, 50, 3, 4);
}

#[test]
fn a_release_frees_nothing_in_the_new_period() {
    ada_holds_10()
        .at(resets_at())
        .given(hold("new", ADA, 10))
        .when(release("h"))
        .then([of_period(
            began(),
            released("h", ADA, 10, balance(50, 0, 10)),
        )])
        .holds(ADA, 50, 0, 10);
}

#[test]
fn a_hold_that_runs_out_after_the_end_frees_nothing_in_the_new_period() {
    let expires_at = resets_at().plus_seconds(4 * 60);
    ada_holds_10()
        .at(expires_at)
        .when(debit(ADA, 50))
        .after_due([
            (resets_at(), rolled(&[(100, 50, 20, 10)])),
            (resets_at(), renewed([row_of(ADA, 50, 50)])),
            (
                expires_at,
                of_period(began(), expired("h", ADA, 10, balance(50, 0, 0))),
            ),
        ])
        .then([debited(ADA, 50, balance(50, 50, 0))]);
}

#[test]
fn a_hold_that_expires_at_the_end_of_a_period_expires_in_it() {
    ada_renews_50()
        .at(resets_at().plus_seconds(-300))
        .given(hold("h", ADA, 10))
        .at(resets_at().plus_seconds(3_600))
        .when(debit(ADA, 1))
        .after_due([
            (resets_at(), expired("h", ADA, 10, balance(50, 20, 0))),
            (resets_at(), rolled(&[(100, 50, 20, 0)])),
            (resets_at(), renewed([row_of(ADA, 50, 50)])),
        ])
        .then_done();
}

#[test]
fn a_late_settle_counts_in_the_period_in_which_the_hold_was_placed() {
    ada_renews_50()
        .given(hold("h", ADA, 10))
        .after_seconds(300)
        .given(debit(ADA, 1)) // it has run out
        .at(resets_at().plus_seconds(86_400))
        .when(settle("h", 8))
        .then([settled(HoldSettled {
            late: true,
            overage: true,
            period_start: Some(began()),
            ..hold_settled("h", ADA, 8, 0, balance(50, 0, 0))
        })])
        .holds(ADA, 50, 0, 0);
}

#[test]
fn a_late_settle_of_nothing_is_no_overage() {
    ada_renews_50()
        .given(hold("h", ADA, 10))
        .at(resets_at().plus_seconds(86_400))
        .when(settle("h", 0))
        .then([settled(HoldSettled {
            late: true,
            period_start: Some(began()),
            ..hold_settled("h", ADA, 0, 0, balance(50, 0, 0))
        })]);
}

#[test]
fn a_late_settle_finds_its_period_many_periods_later() {
    let outcome = ada_renews_50()
        .at(resets_at())
        .given(hold("h", ADA, 10))
        .at(at("2027-11-24T08:00:00Z"))
        .when(settle("h", 10));
    let [fact] = &outcome.result.unwrap()[..] else {
        panic!("one event");
    };
    let in_december = settled(HoldSettled {
        late: true,
        overage: true,
        period_start: Some(resets_at()),
        ..hold_settled("h", ADA, 10, 0, balance(50, 0, 0))
    });
    assert_eq!(fact.event, in_december);
}

#[test]
fn a_late_settle_in_the_same_period_moves_its_account() {
    ada_renews_50()
        .at(resets_at())
        .given(hold("h", ADA, 10))
        .after_seconds(301)
        .when(settle("h", 8))
        .then([settled(HoldSettled {
            late: true,
            ..hold_settled("h", ADA, 8, 0, balance(50, 8, 0))
        })]);
}

#[test]
fn of_an_amount_that_64_bits_hold_no_sum_is_too_much_for_a_closed_period() {
    ada_holds_10()
        .at(resets_at())
        .given(debit(ADA, 50))
        .when(settle("h", i64::MAX))
        .then([settled(HoldSettled {
            overage: true,
            period_start: Some(began()),
            ..hold_settled("h", ADA, i64::MAX, 10, balance(50, 50, 0))
        })]);
}

#[test]
fn a_hold_on_the_pool_settles_into_its_period_too() {
    School::k12_without_management()
        .with_member(ADA)
        .at(resets_at().plus_seconds(-60))
        .given(hold("h", ADA, 20))
        .at(resets_at())
        .given(settle("h", 20))
        .pools(20, 0, 0, 0)
        .given(debit(ADA, 20));
}

#[test]
fn a_removed_member_with_a_call_in_flight_has_nothing_in_the_next_period() {
    ada_holds_10()
        .given(remove(ADA))
        .holds(ADA, 30, 20, 10)
        .at(resets_at())
        .when(settle("h", 2))
        .after_due([
            (resets_at(), rolled(&[(100, 30, 20, 10)])),
            (resets_at(), renewed([row_of(ADA, 30, 0)])),
        ])
        .then([settled(HoldSettled {
            period_start: Some(began()),
            ..hold_settled("h", ADA, 2, 10, balance(0, 0, 0))
        })])
        .given(enrol(ADA))
        .given(set(ADA, 100))
        .holds(ADA, 100, 0, 0);
}

#[test]
fn a_hold_lasts_a_day_over_the_end() {
    ada_renews_50()
        .at(resets_at().plus_seconds(-1))
        .given(PlaceHold {
            ttl_seconds: 86_400,
            ..hold("h", ADA, 10)
        })
        .at(resets_at().plus_seconds(86_398))
        .when(settle("h", 1))
        .then([into_the_old(1, 10, false)]);
}
