//! The rules of spending: debits and meters (SPEC §4.1).

use ledger_core::catalog::Event;
use ledger_core::usage::{
    CallFacts, Debit, FUTURE_LIMIT_SECONDS, Outcome, SettleHold, UsageDebited, UsageEvent,
};
use ledger_core::{Catalogue, Level, MicroUsd, OrgType, Quota, Refusal, Rule, Tier};
use rstest::rstest;

use crate::support::commands::{debit, hold, settle, suspend};
use crate::support::events::{
    balance, debited, member_not_found, pool_account, short, unknown_service, usage_debited,
};
use crate::support::{ADA, NOBODY, School, key, service, start, units};

/// A school of 100 Claude messages, of which Ada holds 50.
fn ada_of_50() -> School {
    School::k12().with_member(ADA).allocated(50)
}

mod debits {
    use super::*;

    #[test]
    fn a_debit_checks_and_spends_in_one_step() {
        ada_of_50()
            .when(debit(ADA, 3))
            .then([debited(ADA, 3, balance(50, 3, 0))])
            .when(debit(ADA, 47))
            .then([debited(ADA, 47, balance(50, 50, 0))])
            .pools(100, 50, 50, 0);
    }

    #[test]
    fn a_debit_that_would_overspend_is_refused_with_every_number() {
        ada_of_50()
            .used(40)
            .given(hold("h", ADA, 4))
            .when(debit(ADA, 7))
            .refused(
                short(Rule::QuotaExceeded, Level::Member)
                    .limit(50)
                    .used(40)
                    .held(4)
                    .asked(7)
                    .available(6),
            );
    }

    #[test]
    fn a_member_without_an_allocation_has_nothing_to_spend() {
        School::k12()
            .with_member(ADA)
            .when(debit(ADA, 1))
            .refused(short(Rule::QuotaExceeded, Level::Member).asked(1));
    }

    #[test]
    fn an_unknown_service_is_refused_and_never_taken_for_another() {
        let video = Debit {
            service: "video".to_owned(),
            ..debit(ADA, 1)
        };
        ada_of_50().when(video).refused(unknown_service("video"));
    }

    #[test]
    fn an_unknown_member_and_a_suspended_one_are_refused() {
        ada_of_50()
            .when(debit(NOBODY, 1))
            .refused(member_not_found(NOBODY))
            .given(suspend(ADA))
            .when(debit(ADA, 1_000))
            .refused(Refusal::MemberSuspended { member_id: ADA });
    }

    #[test]
    fn an_alias_spends_the_units_of_its_service() {
        let lesson = Debit {
            service: "lesson_generation".to_owned(),
            ..debit(ADA, 3)
        };
        ada_of_50()
            .when(lesson)
            .then([debited(ADA, 3, balance(50, 3, 0))]);
    }

    #[test]
    fn no_units_can_be_spent_even_when_none_are_left() {
        ada_of_50()
            .used(50)
            .when(debit(ADA, 0))
            .then([debited(ADA, 0, balance(50, 50, 0))]);
    }

    #[test]
    fn an_unlimited_allocation_is_not_exhausted() {
        School::unlimited_ada()
            .when(debit(ADA, i64::MAX))
            .then([debited(
                ADA,
                i64::MAX,
                balance(Quota::Unlimited, i64::MAX, 0),
            )])
            .when(debit(ADA, 1))
            .refused(Refusal::AmountOutOfRange)
            .when(hold("h", ADA, 1))
            .refused(Refusal::AmountOutOfRange);
    }

    #[test]
    fn a_debit_of_an_individual_goes_on_the_pool() {
        let event = UsageDebited {
            account: pool_account(ADA),
            ..usage_debited(ADA, 3, balance(100, 3, 0))
        };
        School::registered(OrgType::Individual, Tier::Pro)
            .with_member(ADA)
            .when(debit(ADA, 3))
            .then([Event::Usage(UsageEvent::Debited(event))]);
    }

    #[test]
    fn a_debit_in_a_school_with_basic_management_goes_on_the_members_allocation() {
        let balance = balance(10, 3, 0);
        School::registered(OrgType::Preschool, Tier::Pro)
            .with_member(ADA)
            .when(debit(ADA, 3))
            .then([debited(ADA, 3, balance)]);
    }

    #[test]
    fn what_is_known_of_the_call_is_recorded_whole() {
        let call = CallFacts {
            model: Some("claude-sonnet-4".into()),
            input_tokens: Some(units(812)),
            output_tokens: Some(units(344)),
            cached_tokens: Some(units(0)),
            cost_micros: Some(MicroUsd(units(5_400))),
            latency_ms: Some(units(900)),
            outcome: Some(Outcome::Timeout),
            request_id: Some(key("r")),
            session_id: Some(key("s")),
        };
        let event = UsageDebited {
            call: call.clone(),
            ..usage_debited(ADA, 3, balance(50, 3, 0))
        };
        ada_of_50()
            .when(Debit {
                call,
                ..debit(ADA, 3)
            })
            .then([Event::Usage(UsageEvent::Debited(event))]);
    }

    #[test]
    fn a_call_occurs_now_unless_it_says_when() {
        let earlier = start().plus_seconds(-86_400);
        let outcome = ada_of_50().when(Debit {
            occurred_at: Some(earlier),
            ..debit(ADA, 1)
        });
        assert_eq!(
            outcome.result.as_ref().map(|facts| facts[0].occurred_at),
            Ok(earlier)
        );
        let outcome = outcome.then_done().when(debit(ADA, 1));
        assert_eq!(
            outcome.result.map(|facts| facts[0].occurred_at),
            Ok(start())
        );
    }

    #[test]
    fn a_call_may_be_five_minutes_ahead_and_not_a_microsecond_more() {
        let limit = start().plus_seconds(FUTURE_LIMIT_SECONDS);
        let said = |occurred_at| Debit {
            occurred_at: Some(occurred_at),
            ..debit(ADA, 1)
        };
        let beyond = ada_of_50().at(limit).after_micros(1).now();
        let refusal = Refusal::OccurredInFuture {
            now: start(),
            limit_seconds: FUTURE_LIMIT_SECONDS,
        };
        ada_of_50()
            .given(said(limit))
            .when(said(beyond))
            .refused(refusal);
    }

    #[test]
    fn an_earlier_clock_counts_as_the_last_recorded_instant() {
        let early = start().plus_seconds(-3_600);
        let outcome = ada_of_50().at(early).when(debit(ADA, 1));
        assert_eq!(
            outcome.result.as_ref().map(|facts| facts[0].occurred_at),
            Ok(start())
        );
        let last = outcome
            .school
            .log
            .last()
            .map(|recorded| recorded.recorded_at);
        assert_eq!(last, Some(start()));
    }
}

mod meters {
    use super::*;

    fn metered(meter: &str) -> School {
        let built_in = include_str!("../../src/plan.toml");
        let file = built_in.replacen("{ per = \"request\" }", meter, 1);
        let catalogue = Catalogue::parse(&file).expect("the catalogue is valid");
        ada_of_50().under(catalogue)
    }

    fn call(model: &str, tokens: i64) -> Debit {
        Debit {
            units: None,
            call: CallFacts {
                model: Some(model.into()),
                input_tokens: Some(units(tokens)),
                output_tokens: Some(units(1)),
                ..CallFacts::default()
            },
            ..debit(ADA, 0)
        }
    }

    #[rstest]
    #[case::per_request("{ per = \"request\" }", 1)]
    #[case::weighed(
        "{ per = \"request\", weights = [\
           { model = \"*opus*\", units = 5 }, { model = \"*\", units = 2 }] }",
        5
    )]
    #[case::per_thousand_tokens_begun("{ per = \"thousand_tokens\", units = 4 }", 12)]
    fn the_meter_gives_the_units_that_the_caller_does_not_state(
        #[case] meter: &str,
        #[case] used: i64,
    ) {
        metered(meter)
            .given(call("claude-opus-4", 2_000))
            .holds(ADA, 50, used, 0);
    }

    #[test]
    fn the_caller_knows_better_than_the_meter() {
        let said = Debit {
            units: Some(units(3)),
            ..call("claude-opus-4", 9_000)
        };
        metered("{ per = \"thousand_tokens\", units = 4 }")
            .given(said)
            .holds(ADA, 50, 3, 0);
    }

    #[test]
    fn a_settle_is_metered_by_the_service_that_was_held() {
        let settle = SettleHold {
            units: None,
            call: call("claude-opus-4", 2_000).call,
            ..settle("h", 0)
        };
        metered("{ per = \"thousand_tokens\", units = 4 }")
            .given(hold("h", ADA, 20))
            .given(settle)
            .holds(ADA, 50, 12, 0);
    }

    #[test]
    fn a_call_too_large_for_64_bits_is_refused() {
        let meter = format!("{{ per = \"thousand_tokens\", units = {} }}", i64::MAX);
        metered(&meter)
            .when(call("claude-opus-4", 2_000))
            .refused(Refusal::AmountOutOfRange);
    }
}

#[test]
fn a_service_is_named_by_the_rules_of_its_words() {
    assert_eq!(service("claude_messages").as_str(), "claude_messages");
    for text in ["", "Claude", "a b", "é", &"a".repeat(41)] {
        assert!(ledger_core::ServiceId::new(text).is_err(), "{text:?}");
    }
}
