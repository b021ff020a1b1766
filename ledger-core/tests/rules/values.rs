//! Are values parsed at the edge what they say? Instants, keys, texts, amounts, identities.

use std::collections::BTreeSet;

use ledger_core::ids::KEY_CHARS_MAX;
use ledger_core::text::TEXT_CHARS_MAX;
use ledger_core::usage::{PlaceHold, UsageEvent};
use ledger_core::{
    Action, CommandKey, Commitment, Event, EventId, Fingerprint, FreeText, Key, Level, Needs,
    Quota, Recorded, Refusal, Rule, SchoolState, Seq, Tier, Timestamp, Units, due, evolve, fold,
};
use rstest::rstest;
use uuid::Uuid;

use crate::support::commands::{
    Ask, add, debit, go_to, hold, refund_all, release, remove, reported, set, settle,
};
use crate::support::events::short;
use crate::support::laws::a_snapshot_is_the_state;
use crate::support::requests::{ASKED, approve};
use crate::support::{ADA, Amount, School, at, external_id, key, start, units};

mod instants {
    use super::*;

    #[rstest]
    #[case::whole_microseconds("2026-11-24T08:00:00.0000019Z", "2026-11-24T08:00:00.000001Z")]
    #[case::before_the_epoch("1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.999999Z")]
    #[case::a_leap_second("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z")]
    #[case::another_offset("2026-11-24T10:00:00+02:00", "2026-11-24T08:00:00Z")]
    fn an_instant_has_the_precision_of_the_database(#[case] text: &str, #[case] kept: &str) {
        assert_eq!(at(text), at(kept));
        let read: Timestamp = serde_json::from_value(text.into()).expect("it is an instant");
        assert_eq!(read.to_string(), kept);
    }

    #[rstest]
    #[case::too_late("+10000-01-01T00:00:00Z")]
    #[case::too_early("-0001-12-31T23:59:59Z")]
    fn an_instant_that_no_database_keeps_does_not_read(#[case] text: &str) {
        assert!(serde_json::from_value::<Timestamp>(text.into()).is_err());
        assert!([Timestamp::MIN, Timestamp::MAX].contains(&at(text)));
    }

    #[test]
    fn time_ends_and_does_not_overflow() {
        let end = start().plus_seconds(i64::MAX);
        assert_eq!((end, end.plus_seconds(1)), (Timestamp::MAX, Timestamp::MAX));
        assert_eq!(end.plus_seconds(i64::MIN), Timestamp::MIN);
        assert_eq!(Timestamp::MIN.to_string(), "0000-01-01T00:00:00Z");
        assert_eq!(end.to_string(), "9999-12-31T23:59:59.999999Z");
        let text = serde_json::to_string(&end).expect("it is JSON");
        assert_eq!(
            serde_json::from_str::<Timestamp>(&text).expect("it is an instant"),
            end
        );
    }

    #[test]
    fn the_state_before_any_event_is_a_snapshot_too() {
        let nothing = SchoolState::default();
        a_snapshot_is_the_state(&nothing);
        assert_eq!(fold([]), nothing);
        assert_eq!(nothing.head(), Seq::ZERO);
        assert_eq!(nothing.school(), Err(Refusal::SchoolNotFound));
    }
}

mod texts {
    use super::*;

    #[test]
    fn a_key_is_short_and_has_no_control_characters() {
        let longest = "é".repeat(KEY_CHARS_MAX);
        assert!(Key::new(&longest).is_ok());
        for text in ["", "a\u{1f}b", "a\0", &format!("{longest}x")] {
            assert!(Key::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_reason_is_not_blank_and_has_a_length_limit() {
        let longest = "é".repeat(TEXT_CHARS_MAX);
        let trimmed = FreeText::new(&format!("  {longest}\n"), [0; 16]);
        assert_eq!(
            trimmed.map(|text| text.text().to_owned()),
            Ok(longest.clone())
        );
        for text in ["", " \n\t", "a\0b", &format!("{longest}x")] {
            assert!(FreeText::new(text, [0; 16]).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_commitment_is_the_hash_of_salt_and_text() {
        // SHA-256 of sixteen zero bytes and "because", computed by another program.
        let commitment = FreeText::new("because", [0; 16]).map(|text| text.commitment());
        assert_eq!(commitment.map(|c| c.to_string()), Ok(BECAUSE.to_owned()));
        let salted = FreeText::new("because", [1; 16]).map(|text| text.commitment());
        assert_ne!(salted, commitment);
    }

    const BECAUSE: &str = "d347067c166949a4ff034db733132573fde029ce2b9eb82582db87b7bb2b9e51";

    #[test]
    fn a_commitment_is_64_hexadecimal_digits() {
        let read = |text: &str| serde_json::from_value::<Commitment>(text.into());
        assert_eq!(
            read(BECAUSE).map(|c| c.to_string()).ok().as_deref(),
            Some(BECAUSE)
        );
        for text in [
            "",
            &BECAUSE[1..],
            &"+f".repeat(32),
            &"é".repeat(32),
            &"g".repeat(64),
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}

mod amounts {
    use super::*;

    #[test]
    fn units_are_never_negative_and_never_wrap() {
        assert!(Units::new(-1).is_err());
        assert_eq!(Units::MAX.checked_add(units(1)), None);
        assert_eq!(units(1).checked_sub(units(2)), None);
        assert_eq!(Units::MAX.checked_mul(units(2)), None);
        assert_eq!(Units::MAX.saturating_add(units(1)), Units::MAX);
        assert_eq!(units(1).saturating_sub(units(2)), Units::ZERO);
    }

    #[test]
    fn zero_is_zero_and_unlimited_is_its_own_value() {
        assert!(!Quota::ZERO.covers(units(1)));
        assert!(Quota::Unlimited.covers(Units::MAX));
        assert!(!Quota::Unlimited.fits_in(Units::MAX.into()));
        assert!(Quota::Finite(Units::MAX).fits_in(Quota::Unlimited));
        assert_eq!(Quota::Unlimited.minus(Units::MAX), Quota::Unlimited);
        assert_eq!(Quota::Unlimited.min(7.quota()), 7.quota());
        let json = serde_json::json!([Quota::ZERO, Quota::Unlimited]);
        assert_eq!(json, serde_json::json!([0, "unlimited"]));
    }

    #[rstest]
    #[case(
        Rule::QuotaExceeded,
        "9 units of claude_messages requested, 4 available (limit 10, used 5, held 1)"
    )]
    #[case(
        Rule::PoolExceeded,
        "9 units of claude_messages requested, 4 of the pool's 10 are unallocated"
    )]
    #[case(
        Rule::MemberCapExceeded,
        "9 units of claude_messages requested, the cap per member is 10"
    )]
    #[case(
        Rule::AllocationBelowUsage,
        "the allocation of claude_messages cannot be less than 10: 5 are used, 1 held"
    )]
    #[case(
        Rule::TotalBelowUsage,
        "the total of claude_messages cannot be 9: 5 are used and 1 held, so the minimum is 10"
    )]
    #[case(
        Rule::TotalBelowAllocated,
        "the total of claude_messages cannot be 9: 10 are allocated; revoke first, or reclaim \
         by priority"
    )]
    fn a_shortfall_displays_its_numbers(#[case] rule: Rule, #[case] expected: &str) {
        let numbers = short(rule, Level::Member)
            .limit(10)
            .used(5)
            .held(1)
            .asked(9)
            .available(4);
        assert_eq!(Refusal::from(numbers).to_string(), expected);
    }
}

mod identities {
    use super::*;

    #[test]
    fn every_key_has_an_identity_of_its_own() {
        let commands = [
            CommandKey::Request(key("1")),
            CommandKey::Debit(key("1")),
            CommandKey::Hold(key("1")),
            CommandKey::HoldClosing(key("1")),
            CommandKey::HoldExpiry(key("1")),
            CommandKey::RequestExpiry(ASKED),
            CommandKey::PeriodRollover(start()),
            CommandKey::PeriodRollover(start().plus_seconds(1)),
            CommandKey::Renewals {
                period_start: start(),
                index: 0,
            },
            CommandKey::Renewals {
                period_start: start(),
                index: 1,
            },
            CommandKey::Consequence(Seq(1)),
            CommandKey::Consequence(Seq(2)),
            CommandKey::Fresh(Uuid::from_u128(1)),
        ];
        let ids: BTreeSet<_> = commands
            .iter()
            .flat_map(|key| (0..3).map(|index| key.first_event_id().at_index(index).0))
            .collect();
        assert_eq!(ids.len(), commands.len() * 3);
    }

    #[test]
    fn identities_never_change_since_the_log_holds_them() {
        let first = CommandKey::Debit(key("chatcmpl-88f8")).first_event_id();
        assert_eq!(first.to_string(), "06ada445-1e90-51d6-aca7-d549c683df45");
        assert_eq!(first.at_index(0), first);
        assert_eq!(
            first.at_index(1).to_string(),
            "f9a804c1-14b5-5329-8573-fb6284480b27"
        );
        let returned = CommandKey::Consequence(Seq(42)).first_event_id();
        assert_eq!(returned.to_string(), "26e0fa02-8ace-576c-a3b4-fbb1bbed5316");
        let ran_out = CommandKey::RequestExpiry(ASKED).first_event_id();
        assert_eq!(ran_out.to_string(), "abea3b8e-b471-5910-b70c-81baa9118ac9");
        let roll = CommandKey::PeriodRollover(at("2026-12-01T05:00:00Z")).first_event_id();
        assert_eq!(roll.to_string(), "c878e7f1-2d59-5619-be09-238a63fe91f6");
        let renewals = CommandKey::Renewals {
            period_start: at("2026-12-01T05:00:00Z"),
            index: 2,
        };
        assert_eq!(
            renewals.first_event_id().to_string(),
            "7bc37fa8-0bb2-5353-8352-1375fb327297"
        );
        assert_eq!(Fingerprint::of(b"{}").0, 4_905_387_166_444_775_306);
        let drawn = Uuid::from_u128(7);
        assert_eq!(CommandKey::Fresh(drawn).first_event_id(), EventId(drawn));
    }

    #[test]
    fn only_what_a_debit_or_a_hold_would_use_has_a_spender() {
        let spender = |ask: Action| ask.spender().cloned();
        assert_eq!(spender(debit(ADA, 1).action()), Some(ADA.into()));
        assert_eq!(spender(hold("h", ADA, 1).action()), Some(ADA.into()));
        assert_eq!(spender(settle("h", 1).action()), None);
        assert_eq!(spender(add(ADA, 1).action()), None);
    }

    #[test]
    fn a_decision_needs_only_what_its_command_names() {
        let ada = external_id("ada@example.org");
        let none = Needs::default();
        assert_eq!(debit(ADA, 1).action().needs(), none);
        assert_eq!(add(ADA, 1).action().needs(), none);
        assert_eq!(go_to(Tier::Pro).action().needs(), none);
        let by_external_id = Needs {
            external_ids: vec![&ada],
            ..Needs::default()
        };
        assert_eq!(debit(ada.clone(), 1).action().needs(), by_external_id);
        let rows = [set(ADA, 1), set(ada.clone(), 2)];
        assert_eq!(rows.action().needs(), by_external_id);
        let hold_id = key("h");
        let closes_hold = Needs {
            hold: Some(&hold_id),
            ..Needs::default()
        };
        assert_eq!(settle("h", 1).action().needs(), closes_hold);
        let closes_request = Needs {
            request: Some(ASKED),
            actor_member: true,
            ..Needs::default()
        };
        assert_eq!(approve(ASKED).action().needs(), closes_request);
        let usage = Needs {
            usage: Some(reported("r")),
            ..Needs::default()
        };
        assert_eq!(refund_all(reported("r")).action().needs(), usage);
    }
}

/// What no writer does, and what the state must bear.
mod states {
    use super::*;

    fn next(
        state: &SchoolState,
        last: &Recorded,
        recorded_at: Timestamp,
        event: Event,
    ) -> Recorded {
        Recorded {
            seq: state.head().next(),
            recorded_at,
            event,
            ..last.clone()
        }
    }

    #[test]
    fn a_hold_id_that_came_twice_does_not_stop_other_holds_from_running_out() {
        let placed = |hold_id: &str, seconds| PlaceHold {
            ttl_seconds: seconds,
            ..hold(hold_id, ADA, 5)
        };
        let school = School::k12().with_member(ADA).allocated(50);
        let school = school
            .given(placed("other", 900))
            .given(placed("twice", 300));
        let (mut state, first) = (school.state, &school.log[school.log.len() - 1]);
        let mut again = next(&state, first, start(), first.event.clone());
        if let Event::Usage(UsageEvent::HoldPlaced(placed)) = &mut again.event {
            placed.expires_at = placed.expires_at.plus_seconds(60);
        }
        evolve(&mut state, &again);
        let later = start().plus_seconds(1_000);
        let mut expired = Vec::new();
        while let Some(due) = due(&state, later) {
            expired.push(due.fact.occurred_at);
            let recorded = next(&state, first, later, due.fact.event);
            evolve(&mut state, &recorded);
        }
        assert_eq!(
            expired,
            [start().plus_seconds(360), start().plus_seconds(900)]
        );
    }

    #[test]
    fn time_never_runs_backwards_inside_a_stream() {
        let school = School::k12()
            .with_member(ADA)
            .allocated(50)
            .given(hold("h", ADA, 5));
        let school = school.after_seconds(299).given(debit(ADA, 1));
        let (mut state, last) = (school.state, &school.log[school.log.len() - 1]);
        let (early, later) = (start().plus_seconds(-60), start().plus_seconds(300));
        for recorded_at in [later, early] {
            let again = next(&state, last, recorded_at, last.event.clone());
            evolve(&mut state, &again);
            assert_eq!(state.not_before_last(early), later);
        }
        let due = due(&state, early).map(|due| due.fact.occurred_at);
        assert_eq!(
            due,
            Some(later),
            "the hold ran out before the last recorded instant"
        );
    }

    #[test]
    fn a_holder_without_unused_units_has_no_pending_reclaim() {
        let pending = |state: &SchoolState| {
            let snapshot = serde_json::to_value(state).expect("a state is JSON");
            snapshot["pending_reclaims"].as_array().map(Vec::len)
        };
        let school = School::k12()
            .with_member(ADA)
            .allocated(50)
            .given(hold("h", ADA, 5));
        let mut school = school.given(remove(ADA)).given(release("h"));
        assert_eq!(pending(&school.state), Some(1));
        school.catch_up_with_time();
        assert_eq!(pending(&school.state), Some(0));
        a_snapshot_is_the_state(&school.state);
    }
}
