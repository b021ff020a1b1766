//! The rules of many allocations in one command: all or nothing (SPEC §3, Batch).

use ledger_core::allocation::{AllocationRow, Change, Priority};
use ledger_core::refusal::RowRefusal;
use ledger_core::{Level, Management, OrgType, Refusal, Rule, Tier};

use crate::support::commands::{
    Ask, add, apply, import, keep, of, revoke, revoke_all, row, set, transfer, with_priority,
};
use crate::support::events::{
    allocated, in_batch, member_not_found, revoked, short, terms_set, transferred, unknown_service,
};
use crate::support::{ADA, BEN, CLEO, CONTENT, NOBODY, School, external_id};

/// A full school: Ada and Ben hold 50 of 100 each, Cleo nothing.
fn full() -> School {
    let school = School::k12()
        .with_member(ADA)
        .allocated(50)
        .with_member(BEN)
        .allocated(50);
    school.with_member(CLEO)
}

fn rows(refusals: impl IntoIterator<Item = (usize, Refusal)>) -> Refusal {
    let row = |(index, refusal)| RowRefusal { index, refusal };
    Refusal::Rows(refusals.into_iter().map(row).collect())
}

#[test]
fn decreases_come_first_in_any_order_of_rows() {
    let expected = [
        in_batch(revoked(ADA, 50, 20)),
        in_batch(revoked(BEN, 50, 40)),
        in_batch(allocated(CLEO, 0, 40)),
    ];
    full()
        .when([add(CLEO, 40), set(ADA, 20), revoke(BEN, 10)])
        .then(expected.clone());
    full()
        .when([set(ADA, 20), add(CLEO, 40), revoke(BEN, 10)])
        .then(expected);
}

#[test]
fn one_refused_row_refuses_the_batch_and_each_has_its_reason() {
    let pool = short(Rule::PoolExceeded, Level::Pool)
        .limit(100)
        .asked(41)
        .available(40);
    let below = short(Rule::AllocationBelowUsage, Level::Member)
        .asked(51)
        .available(50);
    full()
        .when([
            set(CLEO, 41),
            set(ADA, 10),
            of("video", set(ADA, 1)),
            set(NOBODY, 1),
            revoke(BEN, 51),
        ])
        .refused(rows([
            (0, pool.into()),
            (2, unknown_service("video")),
            (3, member_not_found(NOBODY)),
            (4, below.into()),
        ]))
        .pools(100, 100, 0, 0);
}

#[test]
fn one_row_alone_is_refused_by_its_own_name_and_as_a_batch_by_its_index() {
    let pool = || short(Rule::PoolExceeded, Level::Pool).limit(100).asked(1);
    full().when(set(CLEO, 1)).refused(pool());
    full()
        .when([set(CLEO, 1)])
        .refused(rows([(0, pool().into())]));
}

#[test]
fn rows_that_change_nothing_leave_no_events() {
    full()
        .when([set(ADA, 50), keep(BEN), revoke_all(CLEO)])
        .then_nothing();
    full().when(Vec::<AllocationRow>::new()).then_nothing();
}

#[test]
fn a_line_is_named_once_also_by_alias() {
    full()
        .when([revoke(ADA, 1), of("lesson_generation", add(ADA, 1))])
        .refused(rows([(1, Refusal::RepeatedRow)]));
}

#[test]
fn another_service_of_the_same_member_is_another_line() {
    full()
        .given([revoke(ADA, 1), of(CONTENT, add(ADA, 1))])
        .holds(ADA, 49, 0, 0);
}

#[test]
fn a_line_is_not_both_changed_and_moved_to_or_from() {
    let repeated = || rows([(1, Refusal::RepeatedRow)]);
    full()
        .when([set(ADA, 50), transfer(ADA, CLEO, 5)])
        .refused(repeated());
    full()
        .when([set(CLEO, 0), transfer(ADA, CLEO, 5)])
        .refused(repeated());
    full()
        .when([transfer(ADA, CLEO, 5), revoke(CLEO, 1)])
        .refused(repeated());
}

#[test]
fn transfers_build_on_each_other_in_the_given_order() {
    let empty = short(Rule::AllocationBelowUsage, Level::Member).asked(10);
    full()
        .when([transfer(ADA, CLEO, 10), transfer(CLEO, BEN, 10)])
        .then([
            in_batch(transferred((ADA, 50), (CLEO, 0), 10)),
            in_batch(transferred((CLEO, 10), (BEN, 50), 10)),
        ]);
    full()
        .when([transfer(CLEO, BEN, 10), transfer(ADA, CLEO, 10)])
        .refused(rows([(0, empty.into())]));
}

#[test]
fn transfers_together_give_no_more_than_is_there() {
    let below = short(Rule::AllocationBelowUsage, Level::Member)
        .asked(30)
        .available(20);
    full()
        .when([transfer(ADA, CLEO, 30), transfer(ADA, BEN, 30)])
        .refused(rows([(1, below.into())]));
}

#[test]
fn several_rows_that_are_no_batch_name_no_cause() {
    let command = apply(vec![add(CLEO, 5), revoke(ADA, 5)], false);
    full()
        .when(command.action())
        .then([revoked(ADA, 50, 45), allocated(CLEO, 0, 5)]);
}

#[test]
fn a_table_is_a_batch_also_when_it_has_one_row() {
    let expected = [
        in_batch(revoked(ADA, 50, 10)),
        in_batch(allocated(CLEO, 0, 40)),
    ];
    full()
        .when(import([set(CLEO, 40), set(ADA, 10)]))
        .then(expected);
    let pool = short(Rule::PoolExceeded, Level::Pool).limit(100).asked(1);
    full()
        .when(import([set(CLEO, 1)]))
        .refused(rows([(0, pool.into())]));
    full().when(import([set(ADA, 50)])).then_nothing();
}

#[test]
fn a_table_needs_advanced_management_whatever_its_rows() {
    for (school, has, tier) in [
        (
            School::registered(OrgType::Preschool, Tier::Enterprise),
            Management::Basic,
            None,
        ),
        (
            School::k12_without_management(),
            Management::None,
            Some(Tier::Enterprise),
        ),
    ] {
        let needs = Management::Advanced;
        school
            .with_member(ADA)
            .when(import([set(NOBODY, 1)]))
            .refused(Refusal::PlanRequired { has, needs, tier });
    }
}

#[test]
fn an_unknown_external_id_is_refused_with_the_other_rows() {
    let unknown = external_id("unknown@example.org");
    full()
        .when(import([set(unknown, 1), of("video", set(ADA, 1))]))
        .refused(rows([
            (0, Refusal::MemberNotFound { member_id: None }),
            (1, unknown_service("video")),
        ]));
}

#[test]
fn priorities_of_many_are_set_at_once() {
    let low = |member| with_priority(Priority::Low, row(member, Change::Keep));
    let terms = |member| {
        let priorities = (Priority::Normal, Priority::Low);
        in_batch(terms_set(member, priorities, (false, false)))
    };
    full()
        .when([low(ADA), low(BEN)])
        .then([terms(ADA), terms(BEN)]);
}
