//! Departments (SPEC §3): each comes out of the pool and its members' allocations out of it, so
//! that every level holds at once.

use ledger_core::allocation::{AllocationChanged, Cause, Holder};
use ledger_core::department::{DepartmentClosed, DepartmentEvent, DepartmentOpened, MemberMoved};
use ledger_core::school::{ChangeSettings, EnrolMember, Reclaim, SetSubscription};
use ledger_core::usage::{UsageEvent, spendable};
use ledger_core::{DepartmentId, Event, Level, MemberId, Quota, Quotas, Refusal, Rule};

use crate::support::commands::{
    add, buy, cap, close, debit, enrol, grant, hold, move_to, open, remove, revoke, revoke_all,
    set, settle, transfer, with_auto_renew,
};
use crate::support::events::{
    allocated, changed, changed_by, enrolled, in_batch, less, more, over_quota, removed, resets_at,
    revoked, short, transferred,
};
use crate::support::requests::{ASKED, approve, ask, file};
use crate::support::{ADA, ARTS, Amount, BEN, CLAUDE, MATHS, SPORTS, School, key, service, units};

/// A school of 100 Claude messages of which mathematics have 60, with Ada in it and Ben in none.
fn maths_of_60() -> School {
    School::k12()
        .given(open(MATHS))
        .given(set(MATHS, 60))
        .given(EnrolMember {
            department_id: Some(MATHS),
            ..enrol(ADA)
        })
        .with_member(BEN)
}

fn drawing(on: bool) -> ChangeSettings {
    ChangeSettings {
        draw_on_department: Some(on),
        ..Default::default()
    }
}

fn funded_by(department_id: DepartmentId, changed: AllocationChanged) -> AllocationChanged {
    AllocationChanged {
        funded_by: Some(department_id),
        ..changed
    }
}

fn moved(
    member_id: MemberId,
    before: Option<DepartmentId>,
    after: Option<DepartmentId>,
    holds: &[(&str, i64)],
) -> Event {
    let held = holds.iter();
    let units: Quotas = held.map(|(name, n)| (service(name), n.quota())).collect();
    Event::Department(DepartmentEvent::MemberMoved(MemberMoved {
        member_id,
        before,
        after,
        units,
    }))
}

/// (allocated, of that to members, used, held) of a department's Claude messages.
#[track_caller]
fn has(school: School, department_id: DepartmentId, numbers: (i64, i64, i64, i64)) -> School {
    let pool = school.state.pool_of(Some(department_id), &service(CLAUDE));
    let (allocated, to_members, used, held) = numbers;
    assert_eq!(
        (pool.total, pool.allocated(), pool.used, pool.held),
        (
            allocated.quota(),
            to_members.quota(),
            units(used),
            units(held)
        )
    );
    school
}

mod opening {
    use super::*;

    #[test]
    fn a_department_is_opened_once() {
        let opened = DepartmentOpened {
            department_id: MATHS,
        };
        School::k12()
            .when(open(MATHS))
            .then([Event::Department(DepartmentEvent::Opened(opened))])
            .when(open(MATHS))
            .refused(Refusal::DepartmentExists {
                department_id: MATHS,
            });
    }

    #[test]
    fn the_nil_id_is_no_department_s() {
        let nil = DepartmentId(uuid::Uuid::nil());
        School::k12()
            .when(open(nil))
            .refused(Refusal::NilDepartment);
    }

    #[test]
    fn nothing_is_allocated_to_a_department_that_is_not_there() {
        School::k12()
            .when(set(MATHS, 1))
            .refused(Refusal::DepartmentNotFound {
                department_id: MATHS,
            });
    }
}

mod allocating {
    use super::*;

    #[test]
    fn the_pool_funds_a_department() {
        School::k12()
            .given(open(MATHS))
            .when(set(MATHS, 60))
            .then([allocated(MATHS, 0, 60)])
            .pools(100, 60, 0, 0)
            .when(set(MATHS, 101))
            .refused(
                short(Rule::PoolExceeded, Level::Pool)
                    .limit(100)
                    .asked(41)
                    .available(40),
            );
    }

    #[test]
    fn no_cap_per_member_binds_a_department() {
        let school = School::k12().given(open(MATHS)).given(cap(CLAUDE, 5));
        school.when(set(MATHS, 60)).then([allocated(MATHS, 0, 60)]);
    }

    #[test]
    fn a_department_funds_its_members() {
        let school = maths_of_60()
            .when(set(ADA, 20))
            .then([more(funded_by(MATHS, changed(ADA, 0, 20)))])
            .pools(100, 60, 0, 0);
        has(school, MATHS, (60, 20, 0, 0))
            .when(add(ADA, 41))
            .refused(
                short(Rule::PoolExceeded, Level::Department)
                    .limit(60)
                    .asked(41)
                    .available(40),
            );
    }

    #[test]
    fn a_department_is_not_lowered_below_its_members_allocations() {
        maths_of_60()
            .given(set(ADA, 20))
            .when(set(MATHS, 19))
            .refused(
                short(Rule::TotalBelowAllocated, Level::Department)
                    .limit(20)
                    .asked(19)
                    .available(20),
            )
            .when(revoke(MATHS, 41))
            .refused(
                short(Rule::TotalBelowAllocated, Level::Department)
                    .limit(20)
                    .asked(41)
                    .available(40),
            )
            .when(revoke_all(MATHS))
            .then([revoked(MATHS, 60, 20)]);
    }

    #[test]
    fn a_batch_gives_to_the_department_first_and_takes_from_it_last() {
        let school = maths_of_60().when([set(ADA, 80), set(MATHS, 80)]).then([
            in_batch(allocated(MATHS, 60, 80)),
            in_batch(more(funded_by(MATHS, changed(ADA, 0, 80)))),
        ]);
        has(school, MATHS, (80, 80, 0, 0))
            .when([set(MATHS, 5), set(ADA, 5)])
            .then([
                in_batch(less(funded_by(MATHS, changed(ADA, 80, 5)))),
                in_batch(revoked(MATHS, 80, 5)),
            ]);
    }

    #[test]
    fn a_new_teacher_is_granted_the_rest_of_the_department() {
        let school = School::k12().given(grant(CLAUDE, 10));
        let school = school.given(open(MATHS)).given(set(MATHS, 4));
        let into_maths = EnrolMember {
            department_id: Some(MATHS),
            ..enrol(ADA)
        };
        school.when(into_maths).then([
            enrolled(ADA),
            moved(ADA, None, Some(MATHS), &[]),
            more(funded_by(MATHS, changed_by(Cause::Enrolment, ADA, 0, 4))),
        ]);
    }

    #[test]
    fn a_department_funds_an_approved_request() {
        maths_of_60()
            .given(set(MATHS, 5))
            .given(file(ask(ADA, &[(CLAUDE, 6)])))
            .when(approve(ASKED))
            .refused(
                short(Rule::PoolExceeded, Level::Department)
                    .limit(5)
                    .asked(6)
                    .available(5),
            );
    }
}

mod transferring {
    use super::*;

    fn ada_has_20() -> School {
        maths_of_60().given(set(ADA, 20))
    }

    #[test]
    fn units_go_from_one_department_to_another() {
        let school = maths_of_60()
            .given(open(ARTS))
            .when(transfer(MATHS, ARTS, 25))
            .then([transferred((MATHS, 60), (ARTS, 0), 25)])
            .pools(100, 60, 0, 0);
        has(has(school, MATHS, (35, 0, 0, 0)), ARTS, (25, 0, 0, 0));
    }

    #[test]
    fn units_reach_a_member_of_another_department_only_where_it_has_room() {
        let school = ada_has_20().given(open(ARTS));
        let school = school.given(move_to(ARTS, BEN)).given(set(ARTS, 10));
        let school = school
            .when(transfer(ADA, BEN, 11))
            .refused(
                short(Rule::PoolExceeded, Level::Department)
                    .limit(10)
                    .asked(11)
                    .available(10),
            )
            .given(transfer(ADA, BEN, 10));
        has(has(school, MATHS, (60, 10, 0, 0)), ARTS, (10, 10, 0, 0));
    }

    #[test]
    fn a_department_and_its_own_member_add_and_revoke() {
        ada_has_20()
            .when(transfer(MATHS, ADA, 5))
            .refused(Refusal::TransferWithinDepartment)
            .when(transfer(ADA, MATHS, 5))
            .refused(Refusal::TransferWithinDepartment)
            .when(transfer(MATHS, MATHS, 5))
            .refused(Refusal::TransferToSelf);
    }
}

mod drawing_on_it {
    use super::*;

    fn drawn(school: &School, who: MemberId) -> Option<(Level, Quota)> {
        let (level, line) = spendable(&school.state, who, &service(CLAUDE))?;
        Some((level, line.available()))
    }

    #[test]
    fn a_member_without_an_allocation_draws_on_the_department_if_permitted() {
        let school = maths_of_60()
            .when(debit(ADA, 1))
            .refused(
                short(Rule::QuotaExceeded, Level::Member)
                    .asked(1)
                    .available(0)
                    .limit(0),
            )
            .given(drawing(true));
        assert_eq!(drawn(&school, ADA), Some((Level::Department, 60.quota())));
        let school = school.given(debit(ADA, 25)).pools(100, 60, 25, 0);
        let school = has(school, MATHS, (60, 0, 25, 0)).holds(ADA, 0, 0, 0);
        school
            .when(debit(ADA, 36))
            .refused(over_quota(Level::Department, (60, 25), 36).available(35));
    }

    #[test]
    fn a_member_with_an_allocation_or_without_a_department_draws_on_their_own() {
        let school = maths_of_60().given(drawing(true)).given(set(ADA, 20));
        assert_eq!(drawn(&school, ADA), Some((Level::Member, 20.quota())));
        assert_eq!(drawn(&school, BEN), Some((Level::Member, 0.quota())));
        let school = school.given(debit(ADA, 3)).holds(ADA, 20, 3, 0);
        has(school, MATHS, (60, 20, 3, 0));
    }

    #[test]
    fn units_drawn_on_a_department_reduce_its_headroom() {
        let school = maths_of_60().given(drawing(true)).given(debit(ADA, 25));
        school.when(set(ADA, 36)).refused(
            short(Rule::PoolExceeded, Level::Department)
                .limit(60)
                .used(25)
                .asked(36)
                .available(35),
        );
    }

    #[test]
    fn a_hold_settles_where_it_was_placed() {
        let school = maths_of_60()
            .given(drawing(true))
            .given(hold("h", ADA, 10))
            .given(move_to(None, ADA))
            .given(set(ADA, 5));
        let school = has(school, MATHS, (60, 0, 0, 10)).given(settle("h", 4));
        let Some(Event::Usage(UsageEvent::HoldSettled(settled))) =
            school.log.last().map(|last| last.event.clone())
        else {
            panic!("it settles");
        };
        assert_eq!(settled.hold_id, key("h"));
        assert_eq!(settled.account.department_id, Some(MATHS));
        has(school, MATHS, (60, 0, 4, 0)).holds(ADA, 5, 0, 0);
    }
}

mod moving {
    use super::*;

    /// Ada holds 20 of the department's 60 and used 7; the arts have 15.
    fn between_two() -> School {
        maths_of_60()
            .given(set(ADA, 20))
            .given(debit(ADA, 7))
            .given(open(ARTS))
            .given(set(ARTS, 15))
    }

    #[test]
    fn a_member_moves_with_allocations_if_there_is_headroom() {
        let school = between_two()
            .when(move_to(ARTS, ADA))
            .refused(
                short(Rule::PoolExceeded, Level::Department)
                    .limit(15)
                    .asked(20)
                    .available(15),
            )
            .given(add(ARTS, 5))
            .when(move_to(ARTS, ADA))
            .then([moved(ADA, Some(MATHS), Some(ARTS), &[(CLAUDE, 20)])])
            .pools(100, 80, 7, 0);
        has(has(school, MATHS, (60, 0, 0, 0)), ARTS, (20, 20, 7, 0)).holds(ADA, 20, 7, 0);
    }

    #[test]
    fn out_of_every_department_means_out_of_the_pool() {
        let school = between_two().given(move_to(None, ADA)).pools(100, 95, 7, 0);
        has(school, MATHS, (60, 0, 0, 0));
    }

    #[test]
    fn a_move_to_the_same_department_changes_nothing() {
        between_two().when(move_to(MATHS, ADA)).then_nothing();
        between_two()
            .when(move_to(SPORTS, ADA))
            .refused(Refusal::DepartmentNotFound {
                department_id: SPORTS,
            });
    }

    #[test]
    fn a_returning_member_brings_along_used_units() {
        let school = between_two().given(grant(CLAUDE, 10)).given(remove(ADA));
        let school = has(school, MATHS, (60, 7, 7, 0)).when(enrol(ADA)).then([
            enrolled(ADA),
            moved(ADA, Some(MATHS), None, &[(CLAUDE, 7)]),
            more(changed_by(Cause::Enrolment, ADA, 7, 10)),
        ]);
        has(school, MATHS, (60, 0, 0, 0));
    }
}

mod closing {
    use super::*;

    #[test]
    fn only_an_empty_department_is_closed_and_its_unused_units_return() {
        let closed = DepartmentClosed {
            department_id: MATHS,
        };
        maths_of_60()
            .given(drawing(true))
            .given(debit(ADA, 9))
            .when(close(MATHS))
            .refused(Refusal::DepartmentNotEmpty {
                department_id: MATHS,
                members: 1,
            })
            .given(move_to(None, ADA))
            .when(close(MATHS))
            .then([
                less(changed_by(Cause::DepartmentClosed, MATHS, 60, 9)),
                Event::Department(DepartmentEvent::Closed(closed)),
            ])
            .pools(100, 9, 9, 0)
            .when(move_to(MATHS, ADA))
            .refused(Refusal::DepartmentNotFound {
                department_id: MATHS,
            });
    }

    #[test]
    fn what_a_call_in_flight_leaves_returns_when_it_closes() {
        let school = maths_of_60()
            .given(drawing(true))
            .given(hold("h", ADA, 30))
            .given(move_to(None, ADA))
            .given(close(MATHS));
        let school = has(school, MATHS, (30, 0, 0, 30)).given(settle("h", 4));
        let mut school = school;
        school.catch_up_with_time();
        has(school, MATHS, (4, 0, 4, 0));
    }

    #[test]
    fn a_removed_member_does_not_refuse_a_downgrade() {
        maths_of_60()
            .when(remove(ADA))
            .then([removed(ADA)])
            .when(close(MATHS))
            .then_done();
    }
}

mod over_time {
    use super::*;

    #[test]
    fn a_period_renews_the_department_s_and_then_its_members() {
        let mut school = maths_of_60()
            .given(with_auto_renew(true, set(MATHS, 50)))
            .given(with_auto_renew(true, set(ADA, 20)))
            .given(drawing(true))
            .given(debit(ADA, 5))
            .at(resets_at());
        school.catch_up_with_time();
        has(school, MATHS, (50, 20, 0, 0)).holds(ADA, 20, 0, 0);
    }

    /// 1,200 members, each of whom has two of the department's 2,500 units, which renew.
    fn many(department_renews: bool) -> School {
        let members: Vec<_> = (1..=1_200)
            .map(|n| MemberId(uuid::Uuid::from_u128(n)))
            .collect();
        let mut school = School::k12().buying(4_000).unchecked().given(open(MATHS));
        for member_id in &members {
            school = school.given(EnrolMember {
                department_id: Some(MATHS),
                ..enrol(*member_id)
            });
        }
        let mut rows = vec![with_auto_renew(department_renews, set(MATHS, 2_500))];
        rows.extend(members.iter().map(|id| with_auto_renew(true, set(*id, 2))));
        school.given(rows).at(resets_at())
    }

    #[test]
    fn members_in_several_renewal_events_never_exceed_their_department() {
        for (renews, department, members) in [(true, 2_500, 2_400), (false, 0, 0)] {
            let mut school = many(renews);
            let mut events = 0;
            while let Some(due) = ledger_core::due(&school.state, resets_at()) {
                school.take_in(due);
                events += 1;
                let pool = school.state.pool_of(Some(MATHS), &service(CLAUDE));
                assert!(
                    pool.allocated().fits_in(pool.total),
                    "after {events} events"
                );
            }
            assert_eq!(
                events, 3,
                "the end of the period, and two events with 1,201 renewals"
            );
            let school = has(school, MATHS, (department, members, 0, 0));
            let _ = school.pools(4_000, department, 0, 0);
        }
    }

    #[test]
    fn members_lapse_with_their_department() {
        let mut school = maths_of_60()
            .given(with_auto_renew(true, set(ADA, 20)))
            .at(resets_at());
        school.catch_up_with_time();
        has(school, MATHS, (0, 0, 0, 0)).holds(ADA, 0, 0, 0);
    }

    #[test]
    fn a_lower_total_reclaims_from_a_department_down_to_its_usage() {
        let school = maths_of_60().given(set(ADA, 30)).given(debit(ADA, 12));
        let lower = SetSubscription {
            reclaim: Reclaim::ByPriority,
            ..buy(CLAUDE, 20)
        };
        let school = school.given(lower).pools(20, 20, 12, 0);
        has(school, MATHS, (20, 20, 12, 0)).holds(ADA, 20, 12, 0);
    }
}

#[test]
fn a_holder_is_one_field_in_json() {
    let (ada, maths) = (Holder::Member(ADA), Holder::Department(MATHS));
    assert_eq!(
        serde_json::to_value([ada, maths]).expect("holders are JSON"),
        serde_json::json!([{"member_id": ADA}, {"department_id": MATHS}])
    );
}
