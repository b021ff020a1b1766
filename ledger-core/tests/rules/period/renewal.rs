//! Which allocations a new period begins with.

use std::collections::BTreeSet;

use ledger_core::allocation::{AllocationCommand, Change, Priority};
use ledger_core::period::{PeriodEvent, RENEWALS_MAX, Renewal};
use ledger_core::school::{SchoolCommand, SchoolEvent, SubscriptionChanged};
use ledger_core::{
    Actor, Event, MemberId, Quota, Recorded, SchoolState, Seq, Tier, due, evolve, fold,
};
use rstest::rstest;
use uuid::Uuid;

use super::ada_renews_50;
use crate::support::commands::{
    Ask, add, apply, cap, debit, enrol, go_to, remove, revoke_all, row, set, suspend, transfer,
    with_auto_renew, with_priority,
};
use crate::support::events::{renewed, resets_at, row_of};
use crate::support::{ADA, Amount, BEN, CLAUDE, CLEO, School, service, units};

const HIGH: Priority = Priority::High;
const NORMAL: Priority = Priority::Normal;
const LOW: Priority = Priority::Low;

fn gets(priority: Priority, who: MemberId, quota: impl Amount) -> impl Ask {
    with_priority(priority, with_auto_renew(true, set(who, quota)))
}

fn three(total: impl Amount) -> School {
    School::k12()
        .buying(total)
        .capped_at(Quota::Unlimited)
        .with_member(ADA)
        .with_member(BEN)
        .with_member(CLEO)
}

/// The renewals of the next rollover.
fn rollover(school: &mut School) -> Vec<Renewal> {
    let facts = school.catch_up_with_time();
    facts
        .into_iter()
        .filter_map(|fact| match fact.event {
            Event::Period(PeriodEvent::Renewed(renewed)) => Some(renewed.rows),
            Event::Period(PeriodEvent::Closed(_))
            | Event::School(_)
            | Event::Department(_)
            | Event::Allocation(_)
            | Event::Request(_)
            | Event::Usage(_) => None,
        })
        .flatten()
        .collect()
}

fn whose(row: &Renewal) -> MemberId {
    row.holder.member_id().expect("it is a member's")
}

fn amounts(rows: &[Renewal]) -> Vec<(MemberId, Quota)> {
    rows.iter().map(|row| (whose(row), row.after)).collect()
}

/// The total of Claude messages becomes less than what is allocated, as no command does it today:
/// the rule holds for every log.
fn with_total_of(school: &School, total: i64) -> SchoolState {
    let mut log = school.log.clone();
    let before = school.state.totals();
    let mut totals = before.clone();
    totals.insert(service(CLAUDE), total.quota());
    let mut shrunk = log.last().expect("it is registered").clone();
    shrunk.seq = shrunk.seq.next();
    shrunk.event = Event::School(SchoolEvent::SubscriptionChanged(SubscriptionChanged {
        tier_before: Tier::Enterprise,
        tier: Tier::Enterprise,
        management: ledger_core::Management::Advanced,
        totals_before: before,
        totals,
        turn: None,
    }));
    log.push(shrunk);
    fold(&log)
}

fn take_in(state: &mut SchoolState) -> Vec<Renewal> {
    let mut rows = Vec::new();
    while let Some(due) = due(state, resets_at()) {
        let recorded = Recorded {
            school_id: ledger_core::SchoolId(Uuid::from_u128(1)),
            seq: state.head().next(),
            event_id: due.key.first_event_id(),
            actor: Actor::SYSTEM,
            occurred_at: due.fact.occurred_at,
            recorded_at: resets_at(),
            event: due.fact.event,
        };
        if let Event::Period(PeriodEvent::Renewed(renewed)) = &recorded.event {
            rows.extend(renewed.rows.clone());
        }
        evolve(state, &recorded);
    }
    rows
}

#[test]
fn renewals_go_from_high_to_low_priority_and_from_old_to_new() {
    let mut school = three(100)
        .with_member(MemberId(Uuid::from_u128(1)))
        .given(gets(LOW, ADA, 10))
        .given(gets(NORMAL, BEN, 10))
        .given(gets(HIGH, CLEO, 10))
        .given(gets(NORMAL, MemberId(Uuid::from_u128(1)), 10))
        .at(resets_at());
    let order: Vec<_> = rollover(&mut school).iter().map(whose).collect();
    assert_eq!(order, [CLEO, BEN, MemberId(Uuid::from_u128(1)), ADA]);
}

#[rstest]
#[case::it_reaches_for_all(60, [20, 20, 20])]
#[case::the_last_one_gets_what_is_left(45, [20, 20, 5])]
#[case::and_nothing_when_nothing_is(40, [20, 20, 0])]
#[case::the_first_one_alone(10, [10, 0, 0])]
#[case::none(0, [0, 0, 0])]
fn allocations_are_granted_as_far_as_the_new_total_reaches(
    #[case] total: i64,
    #[case] after: [i64; 3],
) {
    let school = three(60)
        .given(gets(LOW, ADA, 20))
        .given(gets(HIGH, BEN, 20))
        .given(gets(NORMAL, CLEO, 20));
    let mut state = with_total_of(&school, total);
    let rows = take_in(&mut state);
    let expected: Vec<_> = [BEN, CLEO, ADA]
        .into_iter()
        .zip(after.map(Amount::quota))
        .collect();
    assert_eq!(amounts(&rows), expected);
    let pool = state.pool(&service(CLAUDE));
    assert!(pool.allocated().fits_in(pool.total));
}

#[test]
fn what_lapses_takes_nothing_from_the_total() {
    let school = three(60)
        .given(with_priority(HIGH, set(ADA, 40)))
        .given(gets(LOW, BEN, 20));
    let rows = take_in(&mut with_total_of(&school, 20));
    assert_eq!(amounts(&rows), [(ADA, 0.quota()), (BEN, 20.quota())]);
}

#[test]
fn an_allocation_is_as_old_as_its_first_unit() {
    // Ada's is the oldest, though it was raised last; Cleo returned an allocation and has a new
    // one.
    let mut school = three(100)
        .given(gets(NORMAL, ADA, 5))
        .given(gets(NORMAL, CLEO, 5))
        .given(gets(NORMAL, BEN, 5))
        .given(revoke_all(CLEO))
        .given(transfer(BEN, CLEO, 1))
        .given(add(ADA, 5));
    let since = school.line_of(ADA, CLAUDE).since;
    school = school.at(resets_at());
    let order: Vec<_> = rollover(&mut school).iter().map(whose).collect();
    assert_eq!(order, [ADA, BEN, CLEO]);
    assert!(since > Seq::ZERO && since < school.line_of(BEN, CLAUDE).since);
    assert_eq!(
        school.line_of(ADA, CLAUDE).since,
        since,
        "a roll makes it no younger"
    );
}

#[test]
fn nobody_is_granted_more_than_the_cap() {
    let mut school = ada_renews_50().given(cap(CLAUDE, 30)).at(resets_at());
    assert_eq!(rollover(&mut school), [row_of(ADA, 50, 30)]);
    // What was cut stays cut: the next roll grants what is had.
    let mut school = school.given(cap(CLAUDE, 100)).at(super::resets_next());
    assert_eq!(rollover(&mut school), [row_of(ADA, 30, 30)]);
}

#[test]
fn suspended_members_renew_and_stay_suspended() {
    ada_renews_50()
        .given(suspend(ADA))
        .at(resets_at())
        .when(debit(ADA, 1))
        .refused(ledger_core::Refusal::MemberSuspended { member_id: ADA })
        .holds(ADA, 50, 0, 0);
}

#[test]
fn what_a_removed_member_used_lapses() {
    let mut school = ada_renews_50().given(remove(ADA)).holds(ADA, 20, 20, 0);
    school = school.at(resets_at());
    assert_eq!(rollover(&mut school), [row_of(ADA, 20, 0)]);
    school.given(enrol(ADA)).holds(ADA, 0, 0, 0);
}

#[test]
fn a_school_that_gave_up_management_lets_all_lapse() {
    let mut school = School::k12()
        .with_member(ADA)
        .given(with_auto_renew(true, set(ADA, 20)))
        .used(20)
        .given(go_to(Tier::Free))
        .at(resets_at());
    assert_eq!(rollover(&mut school), [row_of(ADA, 20, 0)]);
    school.given(debit(ADA, 20)).pools(20, 0, 20, 0);
}

#[test]
fn unlimited_allocations_renew_without_limit() {
    let mut school = three(Quota::Unlimited)
        .given(gets(NORMAL, ADA, Quota::Unlimited))
        .given(gets(NORMAL, BEN, 7))
        .given(debit(ADA, i64::MAX - 7))
        .at(resets_at());
    let rows = rollover(&mut school);
    assert_eq!(amounts(&rows), [(ADA, Quota::Unlimited), (BEN, 7.quota())]);
    school
        .holds(ADA, Quota::Unlimited, 0, 0)
        .pools(Quota::Unlimited, Quota::Unlimited, 0, 0);
}

#[test]
fn an_unlimited_allocation_under_a_new_cap_fits_beside_the_others() {
    let mut school = three(Quota::Unlimited)
        .given(gets(HIGH, ADA, Quota::Unlimited))
        .given(gets(NORMAL, BEN, i64::MAX - 5))
        .given(cap(CLAUDE, i64::MAX))
        .at(resets_at());
    let rows = rollover(&mut school);
    let fits = [(ADA, 5.quota()), (BEN, (i64::MAX - 5).quota())];
    assert_eq!(amounts(&rows), fits);
}

#[test]
fn the_largest_amounts_renew() {
    let mut school = three(i64::MAX)
        .given(gets(NORMAL, ADA, i64::MAX - 1))
        .given(gets(NORMAL, BEN, 1))
        .given(debit(ADA, i64::MAX - 1))
        .at(resets_at());
    rollover(&mut school);
    school
        .holds(ADA, i64::MAX - 1, 0, 0)
        .pools(i64::MAX, i64::MAX, 0, 0);
}

/// A school of 2,500 members, each of whom has one unit that renews.
fn many() -> School {
    let mut school = School::k12().buying(2_500).unchecked();
    let someone = |n: u128| MemberId(Uuid::from_u128(n));
    for n in 1..=2_500 {
        school = school.given(enrol(someone(n)));
    }
    let rows = (1..=2_500)
        .map(|n| with_auto_renew(true, row(someone(n), Change::Set(units(1).into()))))
        .collect();
    let batch: AllocationCommand = apply(rows, true);
    school.given(batch)
}

#[test]
fn renewals_come_in_events_of_a_thousand_and_an_interrupted_rollover_continues() {
    let mut school = many().at(resets_at());
    let mut sizes = Vec::new();
    let mut ids = BTreeSet::new();
    while let Some(due) = due(&school.state, resets_at()) {
        ids.insert(due.key.first_event_id());
        if let Event::Period(PeriodEvent::Renewed(renewed)) = &due.fact.event {
            sizes.push(renewed.rows.len());
        }
        school.take_in(due);
        // As another process finds it, that starts from a snapshot.
        let snapshot = serde_json::to_string(&school.state).unwrap();
        school.state = serde_json::from_str(&snapshot).unwrap();
    }
    assert_eq!(sizes, [RENEWALS_MAX, RENEWALS_MAX, 500]);
    assert_eq!(ids.len(), 4, "each event has an id of its own");
    assert_eq!(fold(&school.log), school.state);
    school.pools(2_500, 2_500, 0, 0);
}

#[test]
fn the_roll_is_known_by_its_instant() {
    let roll = |school: School| {
        let mut school = school.at(resets_at());
        school.catch_up_with_time();
        let ids: Vec<_> = school
            .log
            .iter()
            .rev()
            .take(2)
            .map(|e| e.event_id)
            .collect();
        ids
    };
    // Two processes that come to it by different commands write the same events.
    assert_eq!(
        roll(ada_renews_50()),
        roll(ada_renews_50().given(SchoolCommand::CatchUp))
    );
    let rows = renewed([row_of(ADA, 50, 50)]);
    assert_eq!(
        rows.cause().map(|cause| cause.as_str()),
        Some("period_roll")
    );
}
