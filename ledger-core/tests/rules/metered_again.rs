//! Usage that comes to count elsewhere than it did, or later than it happened: by the meter of the
//! service that it is of, and on the account that members drew on when it happened.

use ledger_core::catalog::Event;
use ledger_core::period::PeriodEvent;
use ledger_core::school::SchoolCommand;
use ledger_core::usage::{AttributeUsage, Report, UsageEvent};
use ledger_core::{Catalogue, Level, Tier, Units};

use crate::support::commands::{give, go_to, report, reported, set};
use crate::support::events::resets_at;
use crate::support::{ADA, CLAUDE, CONTENT, NOBODY, School, attribute, units};

/// Content counts two units for 1,000 tokens, Claude messages one for a call.
fn by_tokens() -> Catalogue {
    let tokens = r#"{ per = "thousand_tokens", units = 2 }"#;
    let requests = r#"{ per = "request" }"#;
    let built_in = include_str!("../../src/plan.toml");
    let (claude, rest) = built_in.split_once(requests).expect("it has a meter");
    let rest = rest.replacen(requests, tokens, 1);
    Catalogue::parse(&format!("{claude}{requests}{rest}")).expect("it is a catalogue")
}

/// A report of 4,000 tokens for an unknown member.
fn of_4_000_tokens(name: &str, said: Option<Units>) -> Report {
    let mut report = Report {
        units: said,
        service: attribute(name),
        ..report("r", NOBODY, 0)
    };
    report.call.input_tokens = Some(units(4_000));
    report
}

fn given_to_ada_as(name: &str) -> AttributeUsage {
    AttributeUsage {
        service: Some(name.to_owned()),
        ..give(reported("r"), ADA)
    }
}

/// How many units of a service Ada used.
fn used(school: &School, name: &str) -> Units {
    school.line_of(ADA, name).used
}

#[test]
fn units_are_metered_again_when_the_service_changes() {
    for (parked_as, given_as, expected) in [
        (CONTENT, CONTENT, 8),
        (CONTENT, CLAUDE, 1),
        ("video", CONTENT, 8),
        ("video", CLAUDE, 1),
    ] {
        let school = School::k12().under(by_tokens()).with_member(ADA);
        let school = school.given(of_4_000_tokens(parked_as, None));
        let school = school.given(given_to_ada_as(given_as));
        assert_eq!(
            used(&school, given_as),
            units(expected),
            "{parked_as} as {given_as}"
        );
    }
}

#[test]
fn attributed_usage_keeps_its_units() {
    let school = School::k12().under(by_tokens()).with_member(ADA);
    let school = school.given(of_4_000_tokens(CONTENT, None));
    let school = school.given(given_to_ada_as(CONTENT));
    let school = school.given(given_to_ada_as(CLAUDE));
    assert_eq!(used(&school, CONTENT), units(0));
    assert_eq!(used(&school, CLAUDE), units(8));
}

#[test]
fn stated_units_stay() {
    let school = School::k12().under(by_tokens()).with_member(ADA);
    let school = school.given(of_4_000_tokens(CONTENT, Some(units(5))));
    let school = school.given(given_to_ada_as(CONTENT));
    assert_eq!(used(&school, CONTENT), units(5));
    let school = school.given(given_to_ada_as(CLAUDE));
    assert_eq!(used(&school, CLAUDE), units(5));
}

#[test]
fn late_usage_counts_on_the_account_that_members_drew_on_then() {
    // On the pool up to the end of November, on their own since.
    let school = School::k12_without_management()
        .with_member(ADA)
        .at(resets_at());
    let school = school.given(SchoolCommand::CatchUp);
    let school = school.given(go_to(Tier::Enterprise)).given(set(ADA, 5));
    let mut school = school.given(Report {
        occurred_at: Some(resets_at().plus_seconds(-86_400)),
        ..report("november", ADA, 3)
    });
    let level = |school: &School| {
        let last = &school.log.last().expect("it is there").event;
        let Event::Usage(UsageEvent::Reported(e)) = last else {
            panic!("{last:?}");
        };
        (e.account.level, e.period_start.is_some())
    };
    assert_eq!(level(&school), (Level::Pool, true));
    let end = school.state.school().expect("it is registered").period.end;
    school = school.at(end).given(SchoolCommand::CatchUp);
    let rolled = school
        .log
        .iter()
        .filter(|recorded| matches!(recorded.event, Event::Period(PeriodEvent::Closed(_))));
    assert_eq!(rolled.count(), 2);
    school = school.given(Report {
        occurred_at: Some(end.plus_seconds(-86_400)),
        ..report("december", ADA, 3)
    });
    assert_eq!(level(&school), (Level::Member, true));
    school = school.given(Report {
        occurred_at: Some(resets_at().plus_seconds(-86_400)),
        ..report("november again", ADA, 3)
    });
    assert_eq!(level(&school), (Level::Pool, true));
}
