//! Usage that already happened: reported, attributed, corrected (SPEC §4).

use crate::support;
use crate::support::commands::{
    Ask as _, SOURCE, debit, debited, enrol, give, hold, reason, refund, refund_all, release,
    remove, report, reported, settle, subject, suspend,
};
use crate::support::events::{balance, own_account, pool_account};
use crate::support::{
    ADA, BEN, CLAUDE, NOBODY, School, at, attribute, external_id, key, start, units,
};
use ledger_core::allocation::AllocationEvent;
use ledger_core::catalog::Event;
use ledger_core::usage::{
    Attribution, CallFacts, Counted, Debit, FUTURE_LIMIT_SECONDS, PriorUsage, Report,
    UnattributedReason, UsageAttributed, UsageCorrected, UsageEvent, UsageParked, UsageReported,
};
use ledger_core::{
    Actor, Catalogue, Command, Context, EventId, MemberId, OrgType, Refusal, Tier, Timestamp,
    Units, decide,
};

/// A school of 100 Claude messages, of which Ada and Ben hold 20 each.
fn two_of_20() -> School {
    School::k12()
        .with_member(ADA)
        .allocated(20)
        .with_member(BEN)
        .allocated(20)
}

fn usage_reported(id: &str, member_id: MemberId, n: i64, used: i64) -> UsageReported {
    UsageReported {
        id: attribute(id),
        source: attribute(SOURCE),
        account: own_account(member_id),
        units: units(n),
        overage: false,
        balance: balance(20, used, 0),
        period_start: None,
        call: CallFacts::default(),
    }
}

fn recorded(event: UsageReported) -> Event {
    Event::Usage(UsageEvent::Reported(event))
}

fn parked(id: &str) -> UsageParked {
    UsageParked {
        id: attribute(id),
        source: attribute(SOURCE),
        reason: UnattributedReason::UnknownMember,
        member_id: None,
        subject: Some(subject().commitment()),
        service: attribute(CLAUDE),
        units: Some(units(3)),
        metered: false,
        call: CallFacts::default(),
    }
}

fn kept(event: UsageParked) -> Event {
    Event::Usage(UsageEvent::Parked(Box::new(event)))
}

fn account(member_id: MemberId, used: i64) -> Attribution {
    Attribution {
        account: own_account(member_id),
        balance: balance(20, used, 0),
        period_start: None,
    }
}

fn attributed(
    usage_id: EventId,
    n: i64,
    from: Option<Attribution>,
    to: Attribution,
) -> UsageAttributed {
    UsageAttributed {
        usage_id,
        usage_at: start(),
        units: units(n),
        refunded: Units::ZERO,
        overage: false,
        from,
        to,
        reason: reason().commitment(),
        call: CallFacts::default(),
    }
}

fn given(event: UsageAttributed) -> Event {
    Event::Usage(UsageEvent::Attributed(Box::new(event)))
}

/// So many of `of` units are refunded, after which `refunded` are in all.
fn corrected(
    usage_id: EventId,
    n: i64,
    of: i64,
    refunded: i64,
    account: Attribution,
) -> UsageCorrected {
    UsageCorrected {
        usage_id,
        usage_at: start(),
        units: units(n),
        usage_units: units(of),
        refunded: units(refunded),
        attribution: account,
        reason: reason().commitment(),
        call: CallFacts::default(),
    }
}

fn refunded(event: UsageCorrected) -> Event {
    Event::Usage(UsageEvent::Corrected(Box::new(event)))
}

fn october() -> Timestamp {
    at("2026-10-31T23:59:59Z")
}

mod reports {
    use super::*;

    #[test]
    fn reported_usage_counts_as_a_debit_does() {
        two_of_20()
            .when(report("r", ADA, 3))
            .then([recorded(usage_reported("r", ADA, 3, 3))])
            .holds(ADA, 20, 3, 0)
            .pools(100, 40, 3, 0);
    }

    #[test]
    fn it_is_recorded_over_quota_and_marked() {
        two_of_20()
            .when(report("r", ADA, 21))
            .then([recorded(UsageReported {
                overage: true,
                ..usage_reported("r", ADA, 21, 21)
            })])
            .holds(ADA, 20, 21, 0);
    }

    #[test]
    fn it_is_recorded_on_a_member_who_is_suspended_and_on_one_who_left() {
        let school = two_of_20()
            .given(suspend(ADA))
            .when(report("r", ADA, 3))
            .then([recorded(usage_reported("r", ADA, 3, 3))])
            .given(remove(ADA));
        school
            .when(report("s", ADA, 1))
            .then([recorded(UsageReported {
                overage: true,
                balance: balance(3, 4, 0),
                ..usage_reported("s", ADA, 1, 4)
            })])
            .pools(100, 23, 4, 0);
    }

    #[test]
    fn the_meter_says_how_many_units_where_the_report_does_not() {
        let weights = r#"{ per = "request", weights = [{ model = "*opus*", units = 5 }] }"#;
        let tokens = r#"{ per = "thousand_tokens", units = 2 }"#;
        let heavy = include_str!("../../src/plan.toml")
            .replacen(r#"{ per = "request" }"#, weights, 1)
            .replacen(r#"{ per = "request" }"#, tokens, 1);
        let heavy = Catalogue::parse(&heavy).expect("it is a catalogue");
        let metered = |model: Option<&str>, name: &str, tokens| Report {
            units: None,
            service: attribute(name),
            call: CallFacts {
                model: model.map(Into::into),
                input_tokens: Some(units(tokens)),
                ..CallFacts::default()
            },
            ..report("r", ADA, 0)
        };
        for (call, expected) in [
            (metered(None, CLAUDE, 9_000), 1),
            (metered(Some("claude-opus-4"), CLAUDE, 9_000), 5),
            (
                metered(Some("claude-opus-4"), "content_generation", 2_001),
                6,
            ),
        ] {
            let school = two_of_20().under(heavy.clone()).when(call).then_done();
            let Event::Usage(UsageEvent::Reported(e)) =
                &school.log.last().expect("it is there").event
            else {
                panic!("it is recorded");
            };
            assert_eq!(e.units, units(expected));
        }
    }

    #[test]
    fn late_usage_of_a_closed_period_leaves_the_open_one_as_it_was() {
        let late = Report {
            occurred_at: Some(october()),
            ..report("r", ADA, 30)
        };
        let school = two_of_20()
            .given(debit(ADA, 2))
            .when(late)
            .then([recorded(UsageReported {
                period_start: Some(at("2026-10-01T00:00:00Z")),
                ..usage_reported("r", ADA, 30, 2)
            })])
            .holds(ADA, 20, 2, 0)
            .pools(100, 40, 2, 0);
        assert_eq!(
            school.log.last().map(|event| event.occurred_at),
            Some(october())
        );
    }

    #[test]
    fn what_is_said_to_lie_in_the_future_happened_by_now() {
        let ahead = |seconds| Report {
            occurred_at: Some(start().plus_seconds(seconds)),
            ..report("r", ADA, 1)
        };
        for (seconds, expected) in [
            (
                FUTURE_LIMIT_SECONDS,
                start().plus_seconds(FUTURE_LIMIT_SECONDS),
            ),
            (FUTURE_LIMIT_SECONDS + 1, start()),
        ] {
            let school = two_of_20().when(ahead(seconds)).then_done();
            assert_eq!(
                school.log.last().map(|event| event.occurred_at),
                Some(expected)
            );
        }
    }

    #[test]
    fn members_without_allocations_draw_on_the_pool() {
        School::registered(OrgType::K12, Tier::Free)
            .with_member(ADA)
            .when(report("r", ADA, 21))
            .then([recorded(UsageReported {
                account: pool_account(ADA),
                overage: true,
                ..usage_reported("r", ADA, 21, 21)
            })]);
    }

    #[test]
    fn usage_whose_member_is_unknown_is_kept_and_counts_nowhere() {
        two_of_20()
            .when(report("r", NOBODY, 3))
            .then([kept(parked("r"))])
            .when(Report {
                owner: None,
                subject: None,
                ..report("s", NOBODY, 3)
            })
            .then([kept(UsageParked {
                subject: None,
                ..parked("s")
            })])
            .pools(100, 40, 0, 0);
    }

    #[test]
    fn a_subject_is_an_external_id_or_else_the_text_of_a_member_id() {
        let subject = ADA.to_string();
        let school = two_of_20().when(report("r", external_id(&subject), 3));
        let school = school.then_done().holds(ADA, 20, 3, 0);
        let school = school.with_external_id(&subject, BEN);
        let school = school.when(report("s", external_id(&subject), 2));
        school.then_done().holds(ADA, 20, 3, 0).holds(BEN, 20, 2, 0);
    }

    #[test]
    fn an_unknown_service_is_never_taken_for_another() {
        let video = |member_id| Report {
            service: attribute("com.example.video"),
            units: None,
            ..report("r", member_id, 0)
        };
        let of_video = UsageParked {
            reason: UnattributedReason::UnknownService,
            service: attribute("com.example.video"),
            units: None,
            ..parked("r")
        };
        let of_ada = UsageParked {
            member_id: Some(ADA),
            subject: None,
            ..of_video.clone()
        };
        two_of_20().when(video(ADA)).then([kept(of_ada)]);
        two_of_20().when(video(NOBODY)).then([kept(of_video)]);
    }

    #[test]
    fn only_a_school_that_is_there_has_usage() {
        School::unregistered()
            .when(report("r", ADA, 1))
            .refused(Refusal::SchoolNotFound);
    }
}

mod attributions {
    use super::*;

    #[test]
    fn parked_usage_is_assigned_and_counts_from_then_on() {
        two_of_20()
            .given(report("r", NOBODY, 3))
            .after_seconds(60)
            .when(give(reported("r"), ADA))
            .then([given(attributed(reported("r"), 3, None, account(ADA, 3)))])
            .pools(100, 40, 3, 0)
            .when(give(reported("r"), ADA))
            .then_nothing();
    }

    #[test]
    fn it_goes_from_one_member_to_another() {
        two_of_20()
            .given(report("r", NOBODY, 3))
            .given(give(reported("r"), ADA))
            .when(give(reported("r"), BEN))
            .then([given(attributed(
                reported("r"),
                3,
                Some(account(ADA, 0)),
                account(BEN, 3),
            ))])
            .holds(ADA, 20, 0, 0)
            .holds(BEN, 20, 3, 0)
            .pools(100, 40, 3, 0);
    }

    #[test]
    fn over_quota_it_is_marked() {
        two_of_20()
            .given(report("r", NOBODY, 25))
            .when(give(reported("r"), ADA))
            .then([given(UsageAttributed {
                overage: true,
                ..attributed(reported("r"), 25, None, account(ADA, 25))
            })]);
    }

    #[test]
    fn what_occurred_in_a_closed_period_counts_there() {
        let late = Report {
            occurred_at: Some(october()),
            ..report("r", NOBODY, 3)
        };
        let closed = Some(at("2026-10-01T00:00:00Z"));
        let in_october = |member_id| Attribution {
            period_start: closed,
            ..account(member_id, 0)
        };
        two_of_20()
            .given(late)
            .when(give(reported("r"), ADA))
            .then([given(UsageAttributed {
                usage_at: october(),
                ..attributed(reported("r"), 3, None, in_october(ADA))
            })])
            .when(give(reported("r"), BEN))
            .then([given(UsageAttributed {
                usage_at: october(),
                ..attributed(reported("r"), 3, Some(in_october(ADA)), in_october(BEN))
            })])
            .when(refund(reported("r"), 1))
            .then([refunded(UsageCorrected {
                usage_at: october(),
                ..corrected(reported("r"), 1, 3, 1, in_october(BEN))
            })])
            .pools(100, 40, 0, 0);
    }

    #[test]
    fn who_assigns_usage_of_an_unknown_service_says_of_which_it_is() {
        let video = Report {
            service: attribute("video"),
            ..report("r", ADA, 3)
        };
        let mut named = give(reported("r"), ADA);
        named.service = Some("lesson_generation".to_owned());
        two_of_20()
            .given(video)
            .when(give(reported("r"), ADA))
            .refused(support::events::unknown_service("video"))
            .when(named)
            .then([given(attributed(reported("r"), 3, None, account(ADA, 3)))]);
    }

    #[test]
    fn only_what_is_left_of_refunded_usage_goes_to_another() {
        two_of_20()
            .given(report("r", NOBODY, 5))
            .given(give(reported("r"), ADA))
            .given(refund(reported("r"), 2))
            .when(give(reported("r"), BEN))
            .then([given(UsageAttributed {
                refunded: units(2),
                ..attributed(reported("r"), 3, Some(account(ADA, 0)), account(BEN, 3))
            })])
            .when(refund(reported("r"), 4))
            .refused(Refusal::CorrectionExceedsUsage {
                units: units(5),
                refunded: units(2),
                asked: units(4),
            });
    }

    #[test]
    fn between_members_who_draw_on_one_pool_its_counters_stand() {
        let on_pool = |member_id, used| Attribution {
            account: pool_account(member_id),
            ..account(member_id, used)
        };
        School::k12_without_management()
            .with_member(ADA)
            .with_member(BEN)
            .given(report("r", NOBODY, 3))
            .given(give(reported("r"), ADA))
            .when(give(reported("r"), BEN))
            .then([given(attributed(
                reported("r"),
                3,
                Some(on_pool(ADA, 0)),
                on_pool(BEN, 3),
            ))])
            .pools(20, 0, 3, 0);
    }

    #[test]
    fn what_was_never_parked_is_not_given_away_and_nobody_gets_it_who_was_never_there() {
        two_of_20()
            .given(debit(ADA, 3))
            .when(give(debited(support::commands::CALL), BEN))
            .refused(Refusal::UsageNotFound {
                usage_id: debited(support::commands::CALL),
            })
            .when(give(reported("never"), BEN))
            .refused(Refusal::UsageNotFound {
                usage_id: reported("never"),
            })
            .given(report("r", NOBODY, 3))
            .when(give(reported("r"), NOBODY))
            .refused(support::events::member_not_found(NOBODY));
    }
}

mod corrections {
    use super::*;

    fn call(id: &str, n: i64) -> Debit {
        Debit {
            id: key(id),
            ..debit(ADA, n)
        }
    }

    #[test]
    fn a_correction_refunds_a_debit_by_a_new_event_that_names_it() {
        two_of_20()
            .given(call("a", 5))
            .after_seconds(60)
            .when(refund_all(debited("a")))
            .then([refunded(corrected(debited("a"), 5, 5, 5, account(ADA, 0)))])
            .holds(ADA, 20, 0, 0)
            .pools(100, 40, 0, 0)
            .when(refund_all(debited("a")))
            .then_nothing();
    }

    #[test]
    fn several_may_come_and_together_they_are_never_more_than_the_debit() {
        two_of_20()
            .given(call("a", 5))
            .when(refund(debited("a"), 2))
            .then([refunded(corrected(debited("a"), 2, 5, 2, account(ADA, 3)))])
            .when(refund(debited("a"), 4))
            .refused(Refusal::CorrectionExceedsUsage {
                units: units(5),
                refunded: units(2),
                asked: units(4),
            })
            .when(refund_all(debited("a")))
            .then([refunded(corrected(debited("a"), 3, 5, 5, account(ADA, 0)))])
            .when(refund(debited("a"), 1))
            .refused(Refusal::CorrectionExceedsUsage {
                units: units(5),
                refunded: units(5),
                asked: units(1),
            });
    }

    #[test]
    fn reported_and_settled_usage_is_refunded_too() {
        let settled = ledger_core::CommandKey::HoldClosing(key("h")).first_event_id();
        two_of_20()
            .given(report("r", ADA, 5))
            .when(refund(reported("r"), 1))
            .then([refunded(corrected(reported("r"), 1, 5, 1, account(ADA, 4)))])
            .given(hold("h", ADA, 3))
            .given(settle("h", 2))
            .when(refund_all(settled))
            .then([refunded(corrected(settled, 2, 2, 2, account(ADA, 4)))]);
    }

    #[test]
    fn usage_of_a_closed_period_is_refunded_there() {
        let late = Report {
            occurred_at: Some(october()),
            ..report("r", ADA, 5)
        };
        two_of_20()
            .given(late)
            .given(debit(ADA, 4))
            .when(refund_all(reported("r")))
            .then([refunded(UsageCorrected {
                usage_at: october(),
                ..corrected(
                    reported("r"),
                    5,
                    5,
                    5,
                    Attribution {
                        period_start: Some(at("2026-10-01T00:00:00Z")),
                        ..account(ADA, 4)
                    },
                )
            })])
            .holds(ADA, 20, 4, 0);
    }

    #[test]
    fn a_debit_of_a_period_that_has_closed_since_is_refunded_there() {
        let school = two_of_20().given(debit(ADA, 4));
        let prior = PriorUsage {
            usage_at: october(),
            units: Some(units(5)),
            refunded: Units::ZERO,
            stated: Some(units(5)),
            parked_service: None,
            counted: Some(Counted {
                account: own_account(ADA),
                period_start: None,
                counted_at: october(),
            }),
            call: CallFacts::default(),
        };
        let command = Command {
            actor: Actor::SYSTEM,
            now: school.now(),
            action: refund(debited("october"), 2).action(),
        };
        let context = Context {
            prior_usage: Some(prior),
            ..Context::default()
        };
        let decided = decide(&school.catalogue, &school.state, &command, &context);
        let facts = decided.expect("it is refunded");
        let expected = refunded(UsageCorrected {
            usage_at: october(),
            ..corrected(
                debited("october"),
                2,
                5,
                2,
                Attribution {
                    period_start: Some(at("2026-10-01T00:00:00Z")),
                    ..account(ADA, 4)
                },
            )
        });
        assert_eq!(
            facts.into_iter().map(|f| f.event).collect::<Vec<_>>(),
            [expected]
        );
    }

    #[test]
    fn what_counts_nowhere_is_not_refunded() {
        let closing = ledger_core::CommandKey::HoldClosing(key("h")).first_event_id();
        two_of_20()
            .given(report("r", NOBODY, 5))
            .when(refund_all(reported("r")))
            .refused(Refusal::UsageUnattributed {
                usage_id: reported("r"),
            })
            .given(hold("h", ADA, 3))
            .given(release("h"))
            .when(refund_all(closing))
            .refused(Refusal::UsageNotFound { usage_id: closing })
            .when(refund_all(debited("never")))
            .refused(Refusal::UsageNotFound {
                usage_id: debited("never"),
            })
            .given(call("a", 5))
            .when(refund(debited("a"), 0))
            .refused(Refusal::NothingAsked);
    }

    #[test]
    fn what_is_refunded_to_one_who_left_goes_back_to_the_pool() {
        let outcome = two_of_20()
            .given(call("a", 5))
            .given(remove(ADA))
            .given(refund_all(debited("a")))
            .when(enrol(NOBODY));
        let due: Vec<_> = outcome.due.iter().map(|fact| &fact.event).collect();
        assert!(
            matches!(due[..], [Event::Allocation(AllocationEvent::Revoked(_))]),
            "{due:?}"
        );
        outcome.then_done().pools(100, 20, 0, 0);
    }
}
