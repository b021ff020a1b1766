//! Overage policy per school and service: `hard`, or `soft` up to a percentage (SPEC §4).

use crate::support;
use crate::support::commands::{debit, hold, revoke, settle};
use crate::support::events::{
    balance, debited, held, hold_settled, over_quota, pool_account, short, usage_debited,
};
use crate::support::{ADA, CLAUDE, CONTENT, School, start};
use ledger_core::school::{ChangeSettings, OveragePolicy, Percent};
use ledger_core::usage::{HoldPlaced, HoldSettled, UsageDebited, UsageEvent};
use ledger_core::{Event, Level, Quota, Rule};

fn policy(name: &str, policy: OveragePolicy) -> ChangeSettings {
    ChangeSettings {
        overage: vec![(name.to_owned(), policy)],
        ..Default::default()
    }
}

fn soft(percent: u8) -> ChangeSettings {
    let percent = Percent::new(percent).expect("it is a percentage");
    policy(CLAUDE, OveragePolicy::Soft { percent })
}

/// Ada holds 50 Claude messages and may use 10 % more.
fn ada_of_50_and_10_percent() -> School {
    School::k12().with_member(ADA).allocated(50).given(soft(10))
}

fn marked(event: Event) -> Event {
    match event {
        Event::Usage(UsageEvent::Debited(e)) => {
            Event::Usage(UsageEvent::Debited(UsageDebited { overage: true, ..e }))
        }
        Event::Usage(UsageEvent::HoldPlaced(e)) => {
            Event::Usage(UsageEvent::HoldPlaced(HoldPlaced { overage: true, ..e }))
        }
        Event::Usage(_)
        | Event::School(_)
        | Event::Department(_)
        | Event::Allocation(_)
        | Event::Request(_)
        | Event::Period(_) => {
            panic!("only debits and holds are marked before the call")
        }
    }
}

#[test]
fn a_soft_policy_lets_usage_exceed_the_allocation_and_marks_it() {
    ada_of_50_and_10_percent()
        .when(debit(ADA, 50))
        .then([debited(ADA, 50, balance(50, 50, 0))])
        .when(debit(ADA, 2))
        .then([marked(debited(ADA, 2, balance(50, 52, 0)))])
        .when(hold("h", ADA, 3))
        .then([marked(held(
            "h",
            ADA,
            3,
            start().plus_seconds(300),
            balance(50, 52, 3),
        ))])
        .holds(ADA, 50, 52, 3);
}

#[test]
fn a_settle_beyond_the_hold_is_marked() {
    let overage_of = |school: &School| {
        let last = &school.log.last().expect("it settles").event;
        let Event::Usage(UsageEvent::HoldSettled(e)) = last else {
            panic!("{last:?}");
        };
        e.overage
    };
    let beyond = || ada_of_50_and_10_percent().used(49).given(hold("h", ADA, 3));
    assert!(overage_of(&beyond().given(settle("h", 3))));
    assert!(overage_of(&beyond().given(settle("h", 2))));
    assert!(!overage_of(&beyond().given(settle("h", 1))));
    let within = ada_of_50_and_10_percent()
        .given(hold("h", ADA, 3))
        .given(debit(ADA, 47))
        .given(debit(ADA, 2));
    assert!(!overage_of(&within.given(settle("h", 3))));
}

#[test]
fn beyond_the_percentage_it_is_refused_with_the_limit_that_holds() {
    ada_of_50_and_10_percent()
        .used(48)
        .given(hold("h", ADA, 4))
        .when(debit(ADA, 4))
        .refused(
            short(Rule::QuotaExceeded, Level::Member)
                .limit(55)
                .used(48)
                .held(4)
                .asked(4)
                .available(3),
        );
}

#[test]
fn a_part_of_a_unit_is_not_permitted() {
    School::k12()
        .with_member(ADA)
        .allocated(19)
        .given(soft(10))
        .used(20)
        .when(debit(ADA, 1))
        .refused(over_quota(Level::Member, (20, 20), 1));
}

#[test]
fn who_holds_nothing_has_no_percentage_of_it() {
    School::k12()
        .with_member(ADA)
        .given(soft(100))
        .when(debit(ADA, 1))
        .refused(short(Rule::QuotaExceeded, Level::Member).asked(1));
}

#[test]
fn a_policy_is_for_one_service_and_hard_takes_it_back() {
    let other = Percent::new(100).expect("it is a percentage");
    School::k12()
        .with_member(ADA)
        .allocated(50)
        .given(policy(CONTENT, OveragePolicy::Soft { percent: other }))
        .used(50)
        .when(debit(ADA, 1))
        .refused(over_quota(Level::Member, (50, 50), 1))
        .when(policy(CLAUDE, OveragePolicy::Hard))
        .then_nothing()
        .given(soft(10))
        .when(soft(10))
        .then_nothing()
        .given(policy(CLAUDE, OveragePolicy::Hard))
        .when(debit(ADA, 1))
        .refused(over_quota(Level::Member, (50, 50), 1));
}

#[test]
fn members_who_draw_on_the_pool_may_exceed_its_total() {
    let event = |n, used, overage| {
        Event::Usage(UsageEvent::Debited(UsageDebited {
            account: pool_account(ADA),
            overage,
            ..usage_debited(ADA, n, balance(20, used, 0))
        }))
    };
    School::k12_without_management()
        .with_member(ADA)
        .given(soft(10))
        .when(debit(ADA, 19))
        .then([event(19, 19, false)])
        .when(debit(ADA, 3))
        .then([event(3, 22, true)])
        .when(debit(ADA, 1))
        .refused(over_quota(Level::Pool, (22, 22), 1));
}

#[test]
fn an_unlimited_allocation_is_never_exceeded() {
    School::unlimited_ada()
        .given(soft(10))
        .when(debit(ADA, 1_000))
        .then([debited(ADA, 1_000, balance(Quota::Unlimited, 1_000, 0))]);
}

#[test]
fn a_hold_placed_as_overage_settles_as_overage() {
    ada_of_50_and_10_percent()
        .used(50)
        .given(hold("h", ADA, 5))
        .when(settle("h", 5))
        .then([support::events::settled(HoldSettled {
            overage: true,
            ..hold_settled("h", ADA, 5, 5, balance(50, 55, 0))
        })]);
}

#[test]
fn what_was_used_as_overage_cannot_be_taken_back_from_the_allocation() {
    ada_of_50_and_10_percent()
        .used(50)
        .used(5)
        .when(revoke(ADA, 1))
        .refused(
            short(Rule::AllocationBelowUsage, Level::Member)
                .limit(55)
                .used(55)
                .asked(1)
                .available(0),
        );
}
