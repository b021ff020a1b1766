//! Corrections: refunds of usage.

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
fn corrections_together_never_exceed_the_debit() {
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
fn a_refund_to_a_removed_member_returns_to_the_pool() {
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
