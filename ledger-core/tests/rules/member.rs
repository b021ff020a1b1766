//! The rules of who comes, goes and may do what (SPEC §2 and §3, School).

use ledger_core::allocation::Cause;
use ledger_core::catalog::Event;
use ledger_core::school::{EnrolMember, MemberEnrolled, MemberRoleChanged, SchoolEvent};
use ledger_core::{MemberId, OrgType, Quota, Refusal, Role, Tier};
use rstest::rstest;
use uuid::Uuid;

use crate::support::commands::{
    debit, enrol, grant, hold, reactivate, release, remove, revoke, set, set_role, settle, suspend,
};
use crate::support::events::{
    balance, changed_by, enrolled, expired, hold_settled, less, member_not_found, more,
    reactivated, released, removed, settled, suspended,
};
use crate::support::{
    ADA, ASSESSMENT, BEN, CLAUDE, CLEO, CONTENT, NOBODY, School, external_id, service, start,
};

mod enrolment {
    use super::*;

    fn granted(member_id: MemberId, name: &str, before: i64, after: i64) -> Event {
        let mut changed = changed_by(Cause::Enrolment, member_id, before, after);
        changed.service = service(name);
        more(changed)
    }

    #[test]
    fn a_new_teacher_is_granted_the_default_quota() {
        School::registered(OrgType::K12, Tier::Enterprise)
            .when(enrol(ADA))
            .then([
                enrolled(ADA),
                granted(ADA, ASSESSMENT, 0, 3),
                granted(ADA, CLAUDE, 0, 10),
                granted(ADA, CONTENT, 0, 5),
            ]);
    }

    #[rstest]
    fn nobody_else_is_granted_anything(
        #[values(Role::Principal, Role::PrincipalAdmin, Role::Auditor, Role::Proxy)] role: Role,
    ) {
        let event = MemberEnrolled {
            member_id: ADA,
            role,
        };
        School::registered(OrgType::K12, Tier::Enterprise)
            .when(EnrolMember { role, ..enrol(ADA) })
            .then([Event::School(SchoolEvent::MemberEnrolled(event))]);
    }

    #[test]
    fn without_allocations_no_member_is_granted_units() {
        School::k12_without_management()
            .when(enrol(ADA))
            .then([enrolled(ADA)]);
    }

    #[test]
    fn the_grant_is_limited_by_the_headroom_of_the_pool() {
        School::k12()
            .buying(16)
            .given(grant(CLAUDE, 10))
            .with_member(ADA)
            .holds(ADA, 10, 0, 0)
            .with_member(BEN)
            .holds(BEN, 6, 0, 0)
            .when(enrol(CLEO))
            .then([enrolled(CLEO)])
            .pools(16, 16, 0, 0);
    }

    #[test]
    fn the_grant_stops_at_the_cap() {
        School::k12()
            .given(grant(CLAUDE, Quota::Unlimited))
            .capped_at(30)
            .with_member(ADA)
            .holds(ADA, 30, 0, 0)
            .capped_at(Quota::Unlimited)
            .with_member(BEN)
            .holds(BEN, 70, 0, 0);
    }

    #[test]
    fn a_member_is_enrolled_once() {
        School::k12()
            .with_member(ADA)
            .when(enrol(ADA))
            .refused(Refusal::MemberExists { member_id: ADA });
    }

    #[test]
    fn the_nil_id_is_nobodys() {
        let nil = MemberId(Uuid::nil());
        School::k12().when(enrol(nil)).refused(Refusal::NilMember);
    }

    #[test]
    fn an_external_id_has_one_owner() {
        let shared = external_id("ada@example.org");
        School::k12()
            .with_member(ADA)
            .with_external_id(shared.as_str(), ADA)
            .when(EnrolMember {
                external_ids: vec![external_id("ben@example.org"), shared.clone()],
                ..enrol(BEN)
            })
            .refused(Refusal::ExternalIdTaken {
                external_id: shared,
            });
    }

    #[test]
    fn an_individual_is_a_school_of_one_member_at_a_time() {
        School::registered(OrgType::Individual, Tier::Pro)
            .with_member(ADA)
            .when(enrol(BEN))
            .refused(Refusal::IndividualIsOneMember)
            .given(remove(ADA))
            .when(enrol(BEN))
            .then([enrolled(BEN)]);
    }

    #[test]
    fn a_returning_member_keeps_used_units_and_is_granted_up_to_the_default() {
        School::k12()
            .buying(12)
            .given(grant(CLAUDE, 10))
            .with_member(ADA)
            .used(5)
            .given(remove(ADA))
            .holds(ADA, 5, 5, 0)
            .with_member(BEN)
            .allocated(4)
            .when(enrol(ADA))
            .then([enrolled(ADA), granted(ADA, CLAUDE, 5, 8)])
            .pools(12, 12, 5, 0);
    }

    #[test]
    fn a_role_changes_and_the_same_role_is_no_change() {
        let event = MemberRoleChanged {
            member_id: ADA,
            before: Role::Teacher,
            after: Role::Principal,
        };
        School::k12()
            .with_member(ADA)
            .when(set_role(ADA, Role::Principal))
            .then([Event::School(SchoolEvent::MemberRoleChanged(event))])
            .when(set_role(ADA, Role::Principal))
            .then_nothing()
            .when(set_role(NOBODY, Role::Principal))
            .refused(member_not_found(NOBODY));
    }
}

mod removal {
    use super::*;

    fn returned(before: i64, after: i64) -> Event {
        less(changed_by(Cause::Removal, ADA, before, after))
    }

    #[test]
    fn what_was_not_used_returns_to_the_pool() {
        School::k12()
            .with_member(ADA)
            .allocated(50)
            .used(7)
            .when(remove(ADA))
            .then([returned(50, 7), removed(ADA)])
            .holds(ADA, 7, 7, 0)
            .pools(100, 7, 7, 0);
    }

    #[test]
    fn an_unlimited_allocation_returns_too() {
        School::unlimited_ada()
            .used(7)
            .when(remove(ADA))
            .then([
                less(changed_by(Cause::Removal, ADA, Quota::Unlimited, 7)),
                removed(ADA),
            ])
            .pools(Quota::Unlimited, 7, 7, 0);
    }

    #[test]
    fn an_unlimited_allocation_stays_until_what_was_used_fits_into_64_bits() {
        School::unlimited_ada()
            .used(7)
            .with_member(BEN)
            .allocated(i64::MAX)
            .when(remove(ADA))
            .then([removed(ADA)])
            .when(revoke(BEN, 7))
            .after_due([])
            .then_done()
            .when(enrol(CLEO))
            .after_due([(
                start(),
                less(changed_by(Cause::Removal, ADA, Quota::Unlimited, 7)),
            )])
            .then([enrolled(CLEO)])
            .pools(Quota::Unlimited, i64::MAX, 7, 0);
    }

    #[test]
    fn the_grant_stops_where_the_sum_is_beyond_64_bits() {
        School::unlimited()
            .with_member(ADA)
            .allocated(i64::MAX)
            .given(grant(CLAUDE, 10))
            .when(enrol(BEN))
            .then([enrolled(BEN)]);
    }

    #[test]
    fn a_removed_member_is_absent_and_removed_once() {
        School::k12()
            .with_member(ADA)
            .allocated(50)
            .given(remove(ADA))
            .when(remove(ADA))
            .then_nothing()
            .when(debit(ADA, 1))
            .refused(member_not_found(ADA))
            .when(set(ADA, 1))
            .refused(member_not_found(ADA))
            .when(remove(NOBODY))
            .refused(member_not_found(NOBODY));
    }

    #[test]
    fn a_call_in_flight_still_settles_and_what_it_did_not_use_returns_then() {
        let first = settled(hold_settled("h", ADA, 3, 5, balance(7, 5, 0)));
        School::k12()
            .with_member(ADA)
            .allocated(50)
            .used(2)
            .given(hold("h", ADA, 5))
            .when(remove(ADA))
            .then([returned(50, 7), removed(ADA)])
            .when(settle("h", 3))
            .then([first])
            .with_member(BEN)
            .holds(ADA, 5, 5, 0)
            .pools(100, 5, 5, 0);
    }

    #[test]
    fn a_call_that_is_given_up_returns_all_that_was_held() {
        School::k12()
            .with_member(ADA)
            .allocated(50)
            .given(hold("h", ADA, 5))
            .given(remove(ADA))
            .when(release("h"))
            .then([released("h", ADA, 5, balance(5, 0, 0))])
            .when(enrol(BEN))
            .after_due([(start(), returned(5, 0))])
            .then([enrolled(BEN)])
            .pools(100, 0, 0, 0);
    }

    #[test]
    fn a_hold_that_runs_out_returns_all_that_was_held() {
        let expires_at = start().plus_seconds(300);
        let later = start().plus_seconds(400);
        School::k12()
            .with_member(ADA)
            .allocated(50)
            .given(hold("h", ADA, 5))
            .given(remove(ADA))
            .at(later)
            .when(enrol(BEN))
            .after_due([
                (expires_at, expired("h", ADA, 5, balance(5, 0, 0))),
                (later, returned(5, 0)),
            ])
            .then([enrolled(BEN)])
            .pools(100, 0, 0, 0);
    }
}

mod suspension {
    use super::*;

    #[test]
    fn suspension_blocks_debits_and_holds_and_keeps_the_allocation() {
        let refusal = Refusal::MemberSuspended { member_id: ADA };
        School::ada_of_50()
            .when(suspend(ADA))
            .then([suspended(ADA)])
            .when(debit(ADA, 1))
            .refused(refusal.clone())
            .when(hold("i", ADA, 1))
            .refused(refusal)
            .pools(100, 50, 5, 3);
    }

    #[test]
    fn a_hold_in_flight_still_settles() {
        School::ada_of_50()
            .given(suspend(ADA))
            .given(settle("h", 4))
            .holds(ADA, 50, 9, 0);
    }

    #[test]
    fn a_reactivated_member_goes_on() {
        School::ada_of_50()
            .given(suspend(ADA))
            .when(reactivate(ADA))
            .then([reactivated(ADA)])
            .given(debit(ADA, 1));
    }

    #[test]
    fn a_repeated_suspension_or_reactivation_changes_nothing() {
        School::ada_of_50()
            .when(reactivate(ADA))
            .then_nothing()
            .given(suspend(ADA))
            .when(suspend(ADA))
            .then_nothing()
            .when(suspend(NOBODY))
            .refused(member_not_found(NOBODY))
            .when(reactivate(NOBODY))
            .refused(member_not_found(NOBODY));
    }
}
