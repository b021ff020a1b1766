//! Do the books balance in every case? Random sequences of commands, in schools of every plan, with
//! few units, without limits and with the largest numbers. `support/laws.rs` checks the laws of
//! every event; this module checks those of every command and of the end.

mod act;
mod steps;

use std::collections::BTreeSet;

use ledger_core::allocation::{AllocationRow, Holder, Line};
use ledger_core::school::{ChangeSettings, EnrolMember, MemberStatus, SetSubscription};
use ledger_core::usage::UsageCommand;
use ledger_core::{
    Action, Management, OrgType, Quota, Refusal, Rule, SchoolState, ServiceId, Shortfall, Tier,
    fold,
};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngAlgorithm};

use crate::support::commands::{enrol, open as open_department, set, with_auto_renew};
use crate::support::laws::a_snapshot_is_the_state;
use crate::support::{
    ADA, ARTS, ASSESSMENT, BEN, CLAUDE, CLEO, CONTENT, MATHS, School, service, units,
};
use act::Proxy;
use steps::{Pause, Shape, Step};

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        // Cheaper in a debug build than the default, and random enough.
        rng_algorithm: RngAlgorithm::XorShift,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

fn open(shape: &Shape) -> School {
    let of_each = |quota: Quota| [CLAUDE, CONTENT, ASSESSMENT].map(|name| (name.to_owned(), quota));
    let mut school = School::registered(shape.org_type, shape.tier).given(SetSubscription {
        totals: of_each(shape.total).to_vec(),
        ..Default::default()
    });
    let overage = shape.overage.map(|policy| (CLAUDE.to_owned(), policy));
    let overage: Vec<_> = overage.into_iter().collect();
    let is_managed = school
        .state
        .school()
        .is_ok_and(|s| s.management != Management::None);
    school = school.given(if is_managed {
        ChangeSettings {
            max_individual_quota: of_each(shape.max_individual_quota).to_vec(),
            default_member_quota: of_each(shape.default_member_quota).to_vec(),
            overage,
            ..Default::default()
        }
    } else {
        ChangeSettings {
            overage,
            ..Default::default()
        }
    });
    school = school.with_member(ADA);
    match shape.org_type {
        OrgType::Individual => school,
        OrgType::Preschool => school.with_member(BEN).with_member(CLEO),
        OrgType::K12 if is_managed => with_departments(school, shape.total),
        OrgType::K12 => school.with_member(BEN).with_member(CLEO),
    }
}

/// One department with a part of the pool, whose members may draw on it, and one with nothing.
fn with_departments(school: School, total: Quota) -> School {
    let part = match school.state.pool(&service(CLAUDE)).unallocated() {
        Quota::Finite(left) => Quota::Finite(units(left.get() / 2)),
        Quota::Unlimited => total,
    };
    let drawing = ChangeSettings {
        draw_on_department: Some(true),
        ..Default::default()
    };
    let into_maths = |who| EnrolMember {
        department_id: Some(MATHS),
        ..enrol(who)
    };
    let school = school
        .given(open_department(MATHS))
        .given(open_department(ARTS));
    let school = school.given(drawing);
    let school = school.given(with_auto_renew(true, set(MATHS, part)));
    school.given(into_maths(BEN)).given(into_maths(CLEO))
}

/// Plays the steps and returns the school.
fn play(shape: &Shape, steps: Vec<Step>) -> School {
    let mut school = open(shape);
    let mut proxy = Proxy::default();
    for Step { pause, by, act } in steps {
        let Some(action) = proxy.command(act) else {
            continue;
        };
        school = school.by(by);
        school = match pause {
            Pause::For(micros) => school.after_micros(micros),
            Pause::UntilTheEnd(micros) => {
                let end = school.state.school().expect("it is registered").period.end;
                school.at(end).after_micros(micros)
            }
        };
        school.catch_up_with_time();
        nothing_is_due_any_more(&school);
        let events_before = school.log.len();
        let closes = closed_by(&action);
        let outcome = school.when(action);
        school = outcome.school;
        match outcome.result {
            Ok(facts) => {
                assert_eq!(school.log.len(), events_before + facts.len());
                if let Some(hold_id) = closes.filter(|_| !facts.is_empty()) {
                    proxy.note_closed(&hold_id);
                }
            }
            Err(refusal) => {
                assert_eq!(school.log.len(), events_before, "a refusal left an event");
                the_numbers_say_why(&refusal);
            }
        }
        a_snapshot_is_the_state(&school.state);
    }
    school
}

fn closed_by(action: &Action) -> Option<String> {
    match action {
        Action::Usage(UsageCommand::Settle(settle)) => Some(settle.hold_id.to_string()),
        Action::Usage(UsageCommand::Release(release)) => Some(release.hold_id.to_string()),
        Action::Usage(
            UsageCommand::Debit(_)
            | UsageCommand::PlaceHold(_)
            | UsageCommand::NoteRefused(_)
            | UsageCommand::Report(_)
            | UsageCommand::Attribute(_)
            | UsageCommand::Correct(_),
        )
        | Action::School(_)
        | Action::Department(_)
        | Action::Allocation(_)
        | Action::Request(_) => None,
    }
}

/// The period has not ended, no hold is open and no request pending at or after the instant at
/// which it expires; a removed member, and every member if the plan has no allocations, has no
/// unused units.
fn nothing_is_due_any_more(school: &School) {
    let now = school.state.not_before_last(school.now());
    let period = school.state.school().expect("it is registered").period;
    assert!(
        period.start <= now && now < period.end,
        "{now} is not in it"
    );
    for (hold_id, hold) in school.state.holds().iter() {
        assert!(now < hold.expires_at, "{hold_id} is open at {now}");
    }
    for (request_id, request) in school.state.requests().by_id().iter() {
        assert!(now < request.expires_at, "{request_id} is pending at {now}");
    }
    let draws_on_pool = school
        .state
        .school()
        .is_ok_and(|s| s.management == Management::None);
    for (id, member) in school.state.members() {
        if draws_on_pool || member.status == MemberStatus::Removed {
            for (service, line) in member.lines().filter(|(service, line)| {
                line.allocated != Quota::Unlimited || fits_beside(&school.state, service, line)
            }) {
                assert_eq!(line.min_allocated(), line.allocated, "{id} keeps {service}");
            }
        }
    }
    for (id, department) in school.state.departments() {
        if draws_on_pool || department.closed {
            for (service, line) in department.lines() {
                let (least, pool) = (line.pool.min_total(), school.state.pool(service));
                let fits = line.pool.total != Quota::Unlimited
                    || pool.total != Quota::Unlimited
                    || least == Quota::Unlimited;
                assert!(!fits || least == line.pool.total, "{id} keeps {service}");
            }
        }
    }
}

/// Whether what was used of an unlimited line fits beside the finite allocations into 64 bits.
fn fits_beside(state: &SchoolState, service: &ServiceId, line: &Line) -> bool {
    let lines = state.members().map(|(_, member)| member.line(service));
    let finite = lines.filter_map(|line| line.allocated.finite());
    let sum: i128 = finite.map(|units| i128::from(units.get())).sum();
    sum + i128::from(line.spent().get()) <= i128::from(i64::MAX)
}

/// A refusal's numbers are such that they refuse.
fn the_numbers_say_why(refusal: &Refusal) {
    if let Refusal::Rows(rows) = refusal {
        assert!(!rows.is_empty());
        assert!(
            rows.is_sorted_by(|a, b| a.index < b.index),
            "a row is refused twice"
        );
        rows.iter()
            .for_each(|row| the_numbers_say_why(&row.refusal));
    }
    let Refusal::Shortfall(shortfall) = refusal else {
        return;
    };
    let Shortfall {
        rule,
        limit,
        used,
        held,
        asked,
        available,
        ..
    } = **shortfall;
    let spent = used.saturating_add(held);
    match rule {
        Rule::QuotaExceeded => {
            assert_eq!(available, limit.minus(spent));
            assert!(!asked.fits_in(available));
        }
        Rule::PoolExceeded => {
            assert!(available.fits_in(limit));
            assert!(!asked.fits_in(available));
        }
        Rule::MemberCapExceeded => assert!(!asked.fits_in(limit)),
        Rule::AllocationBelowUsage => {
            assert_eq!(limit, Quota::Finite(spent));
            assert!(asked != available);
        }
        Rule::TotalBelowUsage => {
            assert_eq!(limit, Quota::Finite(spent));
            assert!(!limit.fits_in(asked));
        }
        // Of a department a part may be asked back, or another amount.
        Rule::TotalBelowAllocated => {
            assert!(
                !limit.fits_in(asked) || !asked.fits_in(available),
                "{shortfall:?}"
            );
        }
    }
}

/// The log is the whole truth: folded from its first event, at its end and at some event before it,
/// it comes to the state that grew with it; and no two of its events have one identity.
fn the_log_is_the_whole_truth(school: &School) {
    assert_eq!(fold(&school.log), school.state);
    let half = &school.log[..school.log.len() / 2];
    let mut state = fold(half);
    a_snapshot_is_the_state(&state);
    for recorded in &school.log[half.len()..] {
        ledger_core::evolve(&mut state, recorded);
    }
    assert_eq!(state, school.state);
    let ids: BTreeSet<_> = school
        .log
        .iter()
        .map(|recorded| recorded.event_id.0)
        .collect();
    assert_eq!(ids.len(), school.log.len(), "two events have one identity");
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_school_with_advanced_management_keeps_its_books(
        shape in steps::shape(OrgType::K12, Tier::Enterprise),
        steps in steps::steps(),
    ) {
        the_log_is_the_whole_truth(&play(&shape, steps));
    }

    #[test]
    fn a_school_with_basic_management_keeps_its_books(
        shape in steps::shape(OrgType::Preschool, Tier::Pro),
        steps in steps::steps(),
    ) {
        the_log_is_the_whole_truth(&play(&shape, steps));
    }

    #[test]
    fn a_school_without_management_keeps_its_books(
        shape in steps::shape(OrgType::K12, Tier::Free),
        steps in steps::steps(),
    ) {
        the_log_is_the_whole_truth(&play(&shape, steps));
    }

    #[test]
    fn an_individual_keeps_their_books(
        shape in steps::shape(OrgType::Individual, Tier::Pro),
        steps in steps::steps(),
    ) {
        the_log_is_the_whole_truth(&play(&shape, steps));
    }
}

/// The allocations of all holders.
fn amounts(state: &SchoolState) -> Vec<Quota> {
    [CLAUDE, CONTENT]
        .into_iter()
        .flat_map(|name| {
            let service = service(name);
            let members = state.members().map(|(id, _)| Holder::Member(id));
            let departments = state.departments().map(|(id, _)| Holder::Department(id));
            members
                .chain(departments)
                .map(|holder| state.line(holder, &service).allocated)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// A school of three members with 30 Claude messages each, one of whom has all units of a
/// department.
fn three_of_30(total: i64) -> School {
    let school = School::k12().buying(total);
    let school = school.with_member(ADA).allocated(30).used(10);
    let school = school.given(open_department(MATHS)).given(set(MATHS, 30));
    let ben = EnrolMember {
        department_id: Some(MATHS),
        ..enrol(BEN)
    };
    let school = school.given(ben).given(set(BEN, 30));
    school.with_member(CLEO).allocated(30)
}

fn apply(rows: Vec<AllocationRow>, total: i64) -> Result<Vec<Quota>, BTreeSet<String>> {
    let rows_given = rows.clone();
    let outcome = three_of_30(total).when(steps::batch(rows));
    match outcome.result {
        Ok(_) => Ok(amounts(&outcome.school.state)),
        Err(Refusal::Rows(refused)) => {
            let named = |index: usize| format!("{:?}", rows_given[index]);
            Err(refused.iter().map(|row| named(row.index)).collect())
        }
        Err(other) => panic!("a batch is refused by its rows: {other}"),
    }
}

proptest! {
    #![proptest_config(cases(700))]

    /// The result of a batch does not depend on the order of its rows.
    /// (Which of several rows finds the pool empty does.)
    #[test]
    fn the_result_of_a_batch_is_independent_of_its_order(
        (rows, shuffled) in steps::rows_of_different_lines()
            .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        total in 90_i64..130,
    ) {
        let (one, other) = (apply(rows, total), apply(shuffled, total));
        match (one, other) {
            (Ok(one), Ok(other)) => prop_assert_eq!(one, other),
            (Err(_), Err(_)) => {}
            (one, other) => prop_assert!(false, "{:?} and {:?}", one, other),
        }
    }

    /// All or nothing: a batch that is done does what its rows would do one after another.
    #[test]
    fn a_batch_that_is_done_is_the_sum_of_its_rows(
        rows in steps::rows_of_different_lines(),
    ) {
        let total = 1_000;
        // A batch gives to a department before its members, one after another in the order given.
        let rows: Vec<_> = rows
            .into_iter()
            .filter(|row| row.holder.department_id().is_none())
            .collect();
        if let Ok(amounts_after) = apply(rows.clone(), total) {
            let mut school = three_of_30(total);
            for row in rows {
                school = school.given(row);
            }
            prop_assert_eq!(amounts(&school.state), amounts_after);
        }
    }
}
