//! Attributions of usage to members.

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
fn attributed_usage_moves_to_another_member() {
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
fn usage_of_an_unknown_service_is_attributed_with_a_service() {
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
fn only_units_not_refunded_are_attributed_to_another() {
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
fn attribution_between_members_on_one_pool_leaves_its_counters() {
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
fn only_unattributed_usage_is_attributed_and_only_to_a_member() {
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
