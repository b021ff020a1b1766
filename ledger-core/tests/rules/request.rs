//! The rules of requests: ask, then approve, reject, withdraw or run out (SPEC §3).

use crate::support;
use ledger_core::allocation::{AllocationChanged, Cause};
use ledger_core::request::{FileRequest, RequestCommand, RequestStatus, TTL_SECONDS, Urgency};
use ledger_core::school::ChangeSettings;
use ledger_core::usage::PlaceHold;
use ledger_core::{
    Actor, ActorId, Level, Management, MemberId, OrgType, Quota, Refusal, Role, Rule, Tier,
};
use rstest::rstest;
use uuid::Uuid;

use crate::support::commands::{enrol, go_to, hold, reason, remove, set};
use crate::support::events::{
    balance, changed, changed_by, expired, less, member_not_found, more, removed, short,
    unknown_service,
};
use crate::support::requests::{
    ASKED, OTHER, THIRD, approve, approve_part, approved, approved_because, ask, file, filed,
    principal, ran_out, reject, rejected, teacher, withdraw, withdrawn, withdrawn_on_removal,
};
use crate::support::{ADA, ASSESSMENT, BEN, CLAUDE, CLEO, CONTENT, NOBODY, School, service, start};

/// A school of 100 Claude messages, of which Ada holds 10.
fn ada_of_10() -> School {
    let school = School::k12().with_member(ADA).allocated(10);
    school.by(teacher(ADA))
}

/// The same, with a request for 20 more; the principal acts.
fn ada_asks_for_20() -> School {
    let school = ada_of_10().given(file(ask(ADA, &[(CLAUDE, 20)])));
    school.by(principal(CLEO))
}

/// What an approval leaves of Ada's Claude messages.
fn granted(before: i64, after: i64) -> AllocationChanged {
    changed_by(Cause::Request(ASKED), ADA, before, after)
}

fn self_service(on: bool) -> ChangeSettings {
    ChangeSettings {
        self_service_requests: Some(on),
        ..Default::default()
    }
}

fn closed(status: RequestStatus) -> Refusal {
    let request_id = ASKED;
    Refusal::RequestClosed { request_id, status }
}

mod asking {
    use super::*;

    #[test]
    fn a_teacher_asks_for_units_of_a_service() {
        ada_of_10()
            .when(file(ask(ADA, &[(CLAUDE, 20)])))
            .then([filed(ADA, &[(CLAUDE, 20)], start())])
            .holds(ADA, 10, 0, 0);
    }

    #[test]
    fn a_request_names_several_services_and_aliases_by_the_name_of_the_service() {
        ada_of_10()
            .when(file(ask(ADA, &[("lesson_generation", 20), (CONTENT, 5)])))
            .then([filed(ADA, &[(CLAUDE, 20), (CONTENT, 5)], start())]);
    }

    #[test]
    fn a_request_has_an_urgency() {
        let school = ada_of_10().given(file(FileRequest {
            urgency: Urgency::High,
            ..ask(ADA, &[(CLAUDE, 20)])
        }));
        let last = school.log.last().map(|recorded| &recorded.event);
        let data = last.and_then(|event| event.data().ok());
        assert_eq!(
            data.map(|data| data["urgency"].clone()),
            Some("high".into())
        );
    }

    #[test]
    fn a_request_commits_to_its_justification() {
        let school = ada_asks_for_20();
        assert_eq!(school.last_reason(), Some(reason().commitment()));
    }

    #[test]
    fn the_units_are_more_than_none_of_at_least_one_service_each_named_once() {
        ada_of_10()
            .when(file(ask(ADA, &[])))
            .refused(Refusal::NothingAsked)
            .when(file(ask(ADA, &[(CLAUDE, 20), (CONTENT, 0)])))
            .refused(Refusal::NothingAsked)
            .when(file(ask(ADA, &[(CLAUDE, 1), ("lesson_generation", 1)])))
            .refused(Refusal::RepeatedService {
                service: service(CLAUDE),
            })
            .when(file(ask(ADA, &[("video", 1)])))
            .refused(unknown_service("video"));
    }

    #[test]
    fn a_teacher_files_for_their_own_member_only() {
        ada_of_10()
            .with_member(BEN)
            .when(file(ask(BEN, &[(CLAUDE, 20)])))
            .refused(member_not_found(BEN))
            .when(file(ask(NOBODY, &[(CLAUDE, 20)])))
            .refused(member_not_found(NOBODY));
    }

    #[test]
    fn a_teacher_whose_token_has_another_id_files_as_their_member() {
        let elsewhere = MemberId(Uuid::from_u128(0x5b));
        ada_of_10()
            .by(teacher(elsewhere))
            .when(file(ask(ADA, &[(CLAUDE, 20)])))
            .refused(member_not_found(ADA))
            .known_as(ADA)
            .when(file(ask(ADA, &[(CLAUDE, 20)])))
            .then([filed(ADA, &[(CLAUDE, 20)], start())]);
    }

    #[test]
    fn a_teacher_files_only_with_self_service() {
        ada_of_10()
            .given(self_service(false))
            .when(file(ask(ADA, &[(CLAUDE, 20)])))
            .refused(Refusal::SelfServiceOff)
            .given(self_service(true))
            .when(file(ask(ADA, &[(CLAUDE, 20)])))
            .then_done();
    }

    #[test]
    fn a_principal_asks_on_behalf_of_a_member_even_where_teachers_do_not() {
        ada_of_10()
            .given(self_service(false))
            .by(principal(CLEO))
            .when(file(ask(ADA, &[(CLAUDE, 20)])))
            .then([filed(ADA, &[(CLAUDE, 20)], start())]);
    }

    #[test]
    fn a_request_for_an_absent_member_is_refused() {
        ada_of_10()
            .given(remove(ADA))
            .by(principal(CLEO))
            .when(file(ask(ADA, &[(CLAUDE, 20)])))
            .refused(member_not_found(ADA))
            .when(file(ask(NOBODY, &[(CLAUDE, 20)])))
            .refused(member_not_found(NOBODY));
    }

    #[rstest]
    #[case::of_a_school_that_has_none(OrgType::K12, Tier::Pro, Some(Tier::Enterprise))]
    #[case::of_a_preschool(OrgType::Preschool, Tier::Basic, Some(Tier::Pro))]
    #[case::of_an_individual(OrgType::Individual, Tier::Pro, None)]
    fn a_plan_without_allocation_management_has_no_requests(
        #[case] org_type: OrgType,
        #[case] tier: Tier,
        #[case] would: Option<Tier>,
    ) {
        let school = School::registered(org_type, tier).with_member(ADA);
        let refusal = || Refusal::PlanRequired {
            has: Management::None,
            needs: Management::Basic,
            tier: would,
        };
        school
            .by(teacher(ADA))
            .when(file(ask(ADA, &[(CLAUDE, 20)])))
            .refused(refusal())
            .when(approve(ASKED))
            .refused(refusal());
    }

    #[test]
    fn basic_management_has_requests() {
        School::registered(OrgType::Preschool, Tier::Premium)
            .with_member(ADA)
            .by(teacher(ADA))
            .when(file(ask(ADA, &[(CLAUDE, 20)])))
            .then_done();
    }

    #[test]
    fn there_is_one_pending_request_per_member_and_service() {
        let again = |asked: &[(&str, i64)]| {
            file(FileRequest {
                request_id: OTHER,
                ..ask(ADA, asked)
            })
        };
        let pending = || Refusal::RequestPending {
            request_id: ASKED,
            service: service(CLAUDE),
        };
        ada_asks_for_20()
            .when(again(&[(CLAUDE, 1)]))
            .refused(pending())
            .when(again(&[(ASSESSMENT, 1), ("lesson_generation", 1)]))
            .refused(pending())
            .given(again(&[(ASSESSMENT, 1), (CONTENT, 1)]))
            .with_member(BEN)
            .given(file(FileRequest {
                request_id: THIRD,
                ..ask(BEN, &[(CLAUDE, 20)])
            }));
    }

    #[test]
    fn who_got_an_answer_may_ask_again() {
        ada_asks_for_20()
            .given(reject(ASKED))
            .given(file(FileRequest {
                request_id: OTHER,
                ..ask(ADA, &[(CLAUDE, 20)])
            }));
    }
}

mod approving {
    use super::*;

    #[test]
    fn a_principal_approves_and_the_grant_names_the_request_as_its_cause() {
        ada_asks_for_20()
            .when(approve(ASKED))
            .then([approved(ADA, &[(CLAUDE, 20)]), more(granted(10, 30))])
            .holds(ADA, 30, 0, 0);
    }

    #[test]
    fn an_approval_in_part_grants_nothing_of_absent_services() {
        let because = AllocationChanged {
            cause: Some(Cause::Request(ASKED)),
            ..changed(ADA, 10, 15)
        };
        ada_of_10()
            .given(file(ask(ADA, &[(CLAUDE, 20), (CONTENT, 5)])))
            .by(principal(CLEO))
            .when(approve_part(ASKED, &[("lesson_generation", 5)]))
            .then([approved_because(ADA, &[(CLAUDE, 5)]), more(because)])
            .holds(ADA, 15, 0, 0);
    }

    #[test]
    fn a_grant_is_above_zero_and_at_most_the_request() {
        let above = |name: &str, asked, granted| Refusal::GrantAboveAsked {
            service: service(name),
            asked: support::units(asked),
            granted: support::units(granted),
        };
        ada_asks_for_20()
            .when(approve_part(ASKED, &[(CLAUDE, 21)]))
            .refused(above(CLAUDE, 20, 21))
            .when(approve_part(ASKED, &[(CLAUDE, 20), (CONTENT, 1)]))
            .refused(above(CONTENT, 0, 1))
            .when(approve_part(ASKED, &[(CLAUDE, 0)]))
            .refused(Refusal::NothingAsked)
            .when(approve_part(ASKED, &[]))
            .refused(Refusal::NothingAsked)
            .given(approve_part(ASKED, &[(CLAUDE, 20)]));
    }

    #[test]
    fn the_pool_is_checked_again_and_a_refusal_leaves_the_request_pending() {
        ada_asks_for_20()
            .with_member(BEN)
            .allocated(75)
            .when(approve(ASKED))
            .refused(
                short(Rule::PoolExceeded, Level::Pool)
                    .limit(100)
                    .asked(20)
                    .available(15),
            )
            .when(approve_part(ASKED, &[(CLAUDE, 15)]))
            .then_done()
            .holds(ADA, 25, 0, 0);
    }

    #[test]
    fn the_cap_per_member_is_checked_again() {
        ada_asks_for_20()
            .capped_at(29)
            .when(approve(ASKED))
            .refused(
                short(Rule::MemberCapExceeded, Level::Member)
                    .limit(29)
                    .asked(30)
                    .available(29),
            );
    }

    #[test]
    fn several_services_are_granted_all_or_none() {
        let school = ada_of_10()
            .given(file(ask(ADA, &[(CLAUDE, 20), (CONTENT, 51)])))
            .by(principal(CLEO));
        let outcome = school.when(approve(ASKED));
        assert!(matches!(outcome.result, Err(Refusal::Shortfall(_))));
        let school = outcome.school.holds(ADA, 10, 0, 0);
        assert_eq!(school.state.requests().by_id().len(), 1);
    }

    #[test]
    fn who_holds_without_limit_gets_an_answer_and_no_more_units() {
        ada_of_10()
            .buying(Quota::Unlimited)
            .capped_at(Quota::Unlimited)
            .given(set(ADA, Quota::Unlimited))
            .given(file(ask(ADA, &[(CLAUDE, 20)])))
            .by(principal(CLEO))
            .when(approve(ASKED))
            .then([approved(ADA, &[(CLAUDE, 20)])]);
    }
}

mod deciding {
    use super::*;

    #[test]
    fn a_principal_rejects_with_a_reason_and_nothing_is_granted() {
        ada_asks_for_20()
            .when(reject(ASKED))
            .then([rejected(ADA)])
            .holds(ADA, 10, 0, 0);
    }

    #[rstest]
    fn a_member_cannot_decide_their_own_request(
        #[values(approve(ASKED), reject(ASKED), approve_part(ASKED, &[(CLAUDE, 1)]))]
        decision: RequestCommand,
        #[values(Role::Principal, Role::PrincipalAdmin, Role::PlatformAdmin)] role: Role,
    ) {
        let ada = Actor {
            role,
            id: ActorId(ADA.0),
        };
        ada_asks_for_20()
            .by(ada)
            .when(decision)
            .refused(Refusal::OwnRequest { request_id: ASKED });
    }

    #[test]
    fn a_member_known_by_another_id_cannot_decide_their_own_request() {
        ada_asks_for_20()
            .known_as(ADA)
            .when(approve_part(ASKED, &[(CLAUDE, 1)]))
            .refused(Refusal::OwnRequest { request_id: ASKED });
    }

    #[test]
    fn a_principal_who_filed_for_a_member_may_decide() {
        ada_of_10()
            .by(principal(CLEO))
            .given(file(ask(ADA, &[(CLAUDE, 20)])))
            .given(approve(ASKED));
    }

    #[rstest]
    #[case::approved(approve(ASKED), RequestStatus::Approved)]
    #[case::rejected(reject(ASKED), RequestStatus::Rejected)]
    #[case::withdrawn(withdraw(ASKED), RequestStatus::Withdrawn)]
    fn a_closed_request_stays_closed(
        #[case] closes: RequestCommand,
        #[case] status: RequestStatus,
        #[values(approve(ASKED), reject(ASKED), withdraw(ASKED))] again: RequestCommand,
    ) {
        let school = ada_asks_for_20().given(closes);
        let school = school.when(again).refused(closed(status));
        assert!(school.state.requests().by_id().is_empty());
    }

    #[rstest]
    fn there_is_no_deciding_without_a_request(
        #[values(approve(OTHER), reject(OTHER), withdraw(OTHER))] decision: RequestCommand,
    ) {
        ada_asks_for_20()
            .when(decision)
            .refused(Refusal::RequestNotFound { request_id: OTHER });
    }

    #[test]
    fn a_decision_needs_the_plan_that_a_request_needs() {
        ada_asks_for_20()
            .given(support::commands::revoke_all(ADA))
            .given(go_to(Tier::Free))
            .when(approve(ASKED))
            .refused(Refusal::PlanRequired {
                has: Management::None,
                needs: Management::Basic,
                tier: Some(Tier::Enterprise),
            });
    }
}

mod withdrawing {
    use super::*;

    #[test]
    fn a_teacher_withdraws_their_own_request() {
        ada_asks_for_20()
            .by(teacher(ADA))
            .when(withdraw(ASKED))
            .then([withdrawn(ADA)]);
    }

    #[test]
    fn another_teacher_does_not_even_learn_of_it() {
        let not_found = || Refusal::RequestNotFound { request_id: ASKED };
        ada_asks_for_20()
            .by(teacher(BEN))
            .when(withdraw(ASKED))
            .refused(not_found())
            .by(principal(CLEO))
            .given(reject(ASKED))
            .by(teacher(BEN))
            .when(withdraw(ASKED))
            .refused(not_found());
    }

    #[test]
    fn a_principal_withdraws_for_the_member() {
        ada_asks_for_20()
            .when(withdraw(ASKED))
            .then([withdrawn(ADA)]);
    }

    #[test]
    fn who_leaves_asks_for_nothing_any_more() {
        ada_asks_for_20()
            .when(remove(ADA))
            .then([
                withdrawn_on_removal(ADA),
                less(changed_by(Cause::Removal, ADA, 10, 0)),
                removed(ADA),
            ])
            .given(enrol(ADA))
            .when(approve(ASKED))
            .refused(closed(RequestStatus::Withdrawn));
    }
}

mod running_out {
    use super::*;
    use ledger_core::period::Tz;

    /// The same, in a school whose period lasts longer than the request.
    fn ada_asks_for_20() -> School {
        let school = School::k12_in(Tz::UTC, 20, start());
        let school = school.with_member(ADA).allocated(10).by(teacher(ADA));
        let school = school.given(file(ask(ADA, &[(CLAUDE, 20)])));
        school.by(principal(CLEO))
    }

    #[test]
    fn a_request_is_decided_a_microsecond_before_it_runs_out() {
        ada_asks_for_20()
            .after_seconds(TTL_SECONDS)
            .after_micros(-1)
            .when(reject(ASKED))
            .after_due([])
            .then([rejected(ADA)]);
    }

    #[rstest]
    fn a_request_runs_out_at_exactly_seven_days(
        #[values(approve(ASKED), reject(ASKED), withdraw(ASKED))] late: RequestCommand,
        #[values(0, 1, 86_400_000_000)] micros: i64,
    ) {
        let expires_at = start().plus_seconds(7 * 24 * 60 * 60);
        ada_asks_for_20()
            .at(expires_at)
            .after_micros(micros)
            .when(late)
            .after_due([(expires_at, ran_out(ADA))])
            .refused(closed(RequestStatus::Expired));
    }

    #[test]
    fn expiries_of_holds_and_requests_are_in_the_order_of_time() {
        let lasting = |id, seconds| PlaceHold {
            ttl_seconds: seconds,
            ..hold(id, ADA, 1)
        };
        let filed_at = start();
        let expires_at = filed_at.plus_seconds(TTL_SECONDS);
        ada_asks_for_20()
            .at(expires_at.plus_seconds(-60))
            .given(lasting("before", 59))
            .given(lasting("at", 60))
            .given(lasting("after", 61))
            .at(expires_at.plus_seconds(3_600))
            .when(set(ADA, 11))
            .after_due([
                (
                    expires_at.plus_seconds(-1),
                    expired("before", ADA, 1, balance(10, 0, 2)),
                ),
                (expires_at, expired("at", ADA, 1, balance(10, 0, 1))),
                (expires_at, ran_out(ADA)),
                (
                    expires_at.plus_seconds(1),
                    expired("after", ADA, 1, balance(10, 0, 0)),
                ),
            ])
            .then_done();
    }
}
