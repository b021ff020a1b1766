//! The rules of holds: reserve, then settle, release or run out (SPEC §4.2).

use ledger_core::usage::{HoldSettled, PlaceHold, ReleaseHold, SettleHold, TTL_SECONDS_MAX};
use ledger_core::{Level, OrgType, Quota, Refusal, Rule, Tier, Units};
use rstest::rstest;

use crate::support::commands::{Ask, debit, hold, reason, release, revoke, settle, suspend};
use crate::support::events::{
    balance, debited, expired, held, hold_settled, member_not_found, over_quota, released, settled,
    short, unknown_service,
};
use crate::support::{ADA, Amount, BEN, CONTENT, NOBODY, School, command_key, key, start};

/// A school of 100 Claude messages, of which Ada holds 50.
fn ada_of_50() -> School {
    School::k12().with_member(ADA).allocated(50)
}

mod placing {
    use super::*;

    #[test]
    fn a_hold_reserves_units_for_five_minutes_by_default() {
        let expires_at = start().plus_seconds(5 * 60);
        ada_of_50()
            .when(hold("h", ADA, 5))
            .then([held("h", ADA, 5, expires_at, balance(50, 0, 5))])
            .pools(100, 50, 0, 5);
    }

    #[rstest]
    #[case::as_asked(60, 60)]
    #[case::a_day_at_most(TTL_SECONDS_MAX + 1, TTL_SECONDS_MAX)]
    #[case::a_second_at_least(-5, 1)]
    fn a_hold_lasts_from_a_second_to_a_day(#[case] asked: i64, #[case] lasts: i64) {
        let expires_at = start().plus_seconds(lasts);
        ada_of_50()
            .when(PlaceHold {
                ttl_seconds: asked,
                ..hold("h", ADA, 5)
            })
            .then([held("h", ADA, 5, expires_at, balance(50, 0, 5))]);
    }

    #[test]
    fn a_hold_is_refused_like_a_debit() {
        ada_of_50()
            .used(48)
            .when(hold("h", ADA, 3))
            .refused(over_quota(Level::Member, (50, 48), 3).available(2))
            .when(hold("h", ADA, 0))
            .refused(Refusal::NothingAsked)
            .when(hold("h", NOBODY, 1))
            .refused(member_not_found(NOBODY))
            .when(PlaceHold {
                service: "video".to_owned(),
                ..hold("h", ADA, 1)
            })
            .refused(unknown_service("video"))
            .given(suspend(ADA))
            .when(hold("h", ADA, 1))
            .refused(Refusal::MemberSuspended { member_id: ADA });
    }

    #[test]
    fn a_hold_is_held_a_microsecond_before_it_runs_out() {
        let school = ada_of_50()
            .given(hold("h", ADA, 50))
            .after_seconds(300)
            .after_micros(-1);
        school.when(debit(ADA, 1)).after_due([]).refused(
            short(Rule::QuotaExceeded, Level::Member)
                .limit(50)
                .held(50)
                .asked(1),
        );
    }

    #[test]
    fn a_hold_is_free_at_the_instant_at_which_it_runs_out() {
        let expires_at = start().plus_seconds(300);
        ada_of_50()
            .given(hold("h", ADA, 50))
            .at(expires_at)
            .when(debit(ADA, 50))
            .after_due([(expires_at, expired("h", ADA, 50, balance(50, 0, 0)))])
            .then([debited(ADA, 50, balance(50, 50, 0))]);
    }

    #[test]
    fn holds_run_out_in_the_order_of_their_instants() {
        let lasting = |seconds, place: PlaceHold| PlaceHold {
            ttl_seconds: seconds,
            ..place
        };
        let school = ada_of_50()
            .given(lasting(90, hold("a", ADA, 1)))
            .given(lasting(60, hold("b", ADA, 2)))
            .given(lasting(600, hold("c", ADA, 4)))
            .after_seconds(100);
        school
            .when(debit(ADA, 1))
            .after_due([
                (
                    start().plus_seconds(60),
                    expired("b", ADA, 2, balance(50, 0, 5)),
                ),
                (
                    start().plus_seconds(90),
                    expired("a", ADA, 1, balance(50, 0, 4)),
                ),
            ])
            .then_done();
    }

    #[test]
    fn a_hold_of_one_service_leaves_the_others_alone() {
        let school = ada_of_50().given(hold("h", ADA, 5));
        assert_eq!(school.pool_of(CONTENT).held, Units::ZERO);
        assert_eq!(school.line_of(ADA, CONTENT).available(), 0.quota());
    }
}

mod settling {
    use super::*;

    #[test]
    fn settling_below_the_hold_frees_the_rest() {
        ada_of_50()
            .given(hold("h", ADA, 5))
            .when(settle("h", 2))
            .then([settled(hold_settled("h", ADA, 2, 5, balance(50, 2, 0)))])
            .pools(100, 50, 2, 0);
    }

    #[test]
    fn settling_above_the_hold_takes_the_rest_from_what_is_available() {
        ada_of_50()
            .given(hold("h", ADA, 5))
            .when(settle("h", 50))
            .then([settled(hold_settled("h", ADA, 50, 5, balance(50, 50, 0)))]);
    }

    #[test]
    fn settling_above_what_is_available_is_recorded_whole_and_marked_overage() {
        ada_of_50()
            .given(hold("h", ADA, 5))
            .when(settle("h", 51))
            .then([settled(HoldSettled {
                overage: true,
                ..hold_settled("h", ADA, 51, 5, balance(50, 51, 0))
            })])
            .when(debit(ADA, 1))
            .refused(over_quota(Level::Member, (50, 51), 1));
    }

    #[test]
    fn another_calls_hold_is_not_available() {
        ada_of_50()
            .given(hold("h", ADA, 5))
            .given(hold("i", ADA, 45))
            .when(settle("h", 6))
            .then([settled(HoldSettled {
                overage: true,
                ..hold_settled("h", ADA, 6, 5, balance(50, 6, 45))
            })]);
    }

    #[test]
    fn one_calls_overage_is_not_charged_to_another_that_keeps_to_its_hold() {
        ada_of_50()
            .given(hold("h", ADA, 5))
            .given(hold("i", ADA, 45))
            .given(settle("h", 6))
            .when(settle("i", 45))
            .then([settled(hold_settled("i", ADA, 45, 45, balance(50, 51, 0)))]);
    }

    #[test]
    fn a_settle_after_expiry_is_recorded_and_marked_late() {
        let late = HoldSettled {
            late: true,
            ..hold_settled("h", ADA, 3, 0, balance(50, 3, 0))
        };
        let expires_at = start().plus_seconds(300);
        ada_of_50()
            .given(hold("h", ADA, 5))
            .at(expires_at)
            .when(settle("h", 3))
            .after_due([(expires_at, expired("h", ADA, 5, balance(50, 0, 0)))])
            .then([settled(late)]);
    }

    #[test]
    fn a_settle_a_microsecond_before_expiry_is_in_time() {
        ada_of_50()
            .given(hold("h", ADA, 5))
            .after_seconds(300)
            .after_micros(-1)
            .when(settle("h", 3))
            .then([settled(hold_settled("h", ADA, 3, 5, balance(50, 3, 0)))]);
    }

    #[test]
    fn a_late_settle_above_what_is_available_is_also_an_overage() {
        let late = HoldSettled {
            late: true,
            overage: true,
            ..hold_settled("h", ADA, 5, 0, balance(50, 53, 0))
        };
        ada_of_50()
            .given(hold("h", ADA, 5))
            .after_seconds(300)
            .given(debit(ADA, 48))
            .when(settle("h", 5))
            .then([settled(late)]);
    }

    #[test]
    fn usage_counts_on_the_account_of_the_hold_whatever_the_member_s_status() {
        ada_of_50()
            .given(hold("h", ADA, 5))
            .given(suspend(ADA))
            .given(settle("h", 5))
            .holds(ADA, 50, 5, 0);
    }

    #[test]
    fn usage_beyond_64_bits_is_refused() {
        School::unlimited_ada()
            .used(1)
            .given(hold("h", ADA, 5))
            .when(settle("h", i64::MAX))
            .refused(Refusal::AmountOutOfRange)
            .given(settle("h", i64::MAX - 1))
            .holds(ADA, Quota::Unlimited, i64::MAX, 0);
    }

    #[test]
    fn a_settle_has_the_time_of_the_call() {
        let earlier = start().plus_seconds(-10);
        let outcome = ada_of_50().given(hold("h", ADA, 5)).when(SettleHold {
            occurred_at: Some(earlier),
            ..settle("h", 5)
        });
        assert_eq!(
            outcome.result.map(|facts| facts[0].occurred_at),
            Ok(earlier)
        );
    }

    #[test]
    fn there_is_no_settling_or_releasing_without_a_hold() {
        let hold_id = || key("nothing");
        ada_of_50()
            .when(settle("nothing", 1))
            .refused(Refusal::HoldNotFound { hold_id: hold_id() })
            .when(release("nothing"))
            .refused(Refusal::HoldNotFound { hold_id: hold_id() });
    }
}

mod releasing {
    use super::*;

    #[test]
    fn releasing_frees_all_that_was_held() {
        ada_of_50()
            .given(hold("h", ADA, 5))
            .given(revoke(ADA, 45))
            .when(release("h"))
            .then([released("h", ADA, 5, balance(5, 0, 0))])
            .pools(100, 5, 0, 0);
    }

    #[test]
    fn a_release_commits_to_its_reason() {
        let school = ada_of_50().given(hold("h", ADA, 5)).given(ReleaseHold {
            reason: Some(reason()),
            ..release("h")
        });
        assert_eq!(school.last_reason(), Some(reason().commitment()));
    }

    #[test]
    fn releasing_a_hold_that_ran_out_is_done_already() {
        ada_of_50()
            .given(hold("h", ADA, 5))
            .after_seconds(300)
            .when(release("h"))
            .then_nothing()
            .when(release("h"))
            .then_nothing()
            .when(settle("h", 1))
            .then([settled(HoldSettled {
                late: true,
                ..hold_settled("h", ADA, 1, 0, balance(50, 1, 0))
            })]);
    }

    #[test]
    fn a_hold_on_the_pool_is_released_to_the_pool() {
        School::registered(OrgType::Preschool, Tier::Free)
            .with_member(ADA)
            .given(hold("h", ADA, 15))
            .with_member(BEN)
            .when(debit(BEN, 6))
            .refused(
                short(Rule::QuotaExceeded, Level::Pool)
                    .limit(20)
                    .held(15)
                    .asked(6)
                    .available(5),
            )
            .given(release("h"))
            .given(debit(BEN, 20))
            .pools(20, 0, 20, 0);
    }

    #[test]
    fn settling_and_releasing_a_hold_share_one_key_so_that_it_closes_once() {
        let state = ada_of_50().state;
        let closing = |ask: ledger_core::Action| command_key(&ask, &state).first_event_id();
        let settled = closing(settle("h", 1).action());
        assert_eq!(settled, closing(release("h").action()));
        assert_ne!(settled, closing(hold("h", ADA, 1).action()));
        assert_ne!(settled, closing(settle("i", 1).action()));
    }
}
