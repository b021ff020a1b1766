//! Reports of usage after the fact.

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
fn usage_of_a_suspended_or_removed_member_is_recorded() {
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
fn the_meter_gives_the_units_that_a_report_does_not_state() {
    let weights = r#"{ per = "request", weights = [{ model = "*opus*", units = 5 }] }"#;
    let tokens = r#"{ per = "thousand_tokens", units = 2 }"#;
    let heavy = include_str!("../../../src/plan.toml")
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
        let Event::Usage(UsageEvent::Reported(e)) = &school.log.last().expect("it is there").event
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
fn usage_stated_for_the_future_occurred_now() {
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
