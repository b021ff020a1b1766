//! The rules of the rollover: a period ends by the clock, the next one starts at zero (SPEC §3,
//! Periods).

mod across;
mod renewal;
mod turn;

use ledger_core::Event;
use ledger_core::period::{PeriodClosed, PeriodEvent, PoolClosed, Tz};
use ledger_core::school::SchoolCommand;
use ledger_core::{Fact, Level, Refusal, Timestamp};
use rstest::rstest;

use crate::support::commands::{debit, set, with_auto_renew};
use crate::support::events::{balance, debited, over_quota, renewed, resets_at, rolled, row_of};
use crate::support::{ADA, BEN, CLAUDE, School, at, service, start, units};

/// When the period after that of every test ends.
pub fn resets_next() -> Timestamp {
    at("2027-01-01T00:00:00Z")
}

/// A school of 100 Claude messages, of which Ada has 50, with auto-renew and 20 used.
pub fn ada_renews_50() -> School {
    School::k12()
        .with_member(ADA)
        .given(with_auto_renew(true, set(ADA, 50)))
        .used(20)
}

fn rolls(facts: &[Fact]) -> Vec<(Timestamp, &PeriodClosed)> {
    facts
        .iter()
        .filter_map(|fact| match &fact.event {
            Event::Period(PeriodEvent::Closed(closed)) => Some((fact.occurred_at, closed)),
            Event::Period(PeriodEvent::Renewed(_))
            | Event::School(_)
            | Event::Department(_)
            | Event::Allocation(_)
            | Event::Request(_)
            | Event::Usage(_) => None,
        })
        .collect()
}

#[test]
fn the_first_command_after_the_end_sees_the_new_period() {
    let school = ada_renews_50()
        .at(resets_at())
        .when(debit(ADA, 50))
        .after_due([
            (resets_at(), rolled(&[(100, 50, 20, 0)])),
            (resets_at(), renewed([row_of(ADA, 50, 50)])),
        ])
        .then([debited(ADA, 50, balance(50, 50, 0))])
        .pools(100, 50, 50, 0);
    let period = school.state.school().unwrap().period;
    assert_eq!((period.start, period.end), (resets_at(), resets_next()));
}

#[test]
fn a_microsecond_before_the_end_the_period_is_the_old_one() {
    ada_renews_50()
        .at(resets_at())
        .after_micros(-1)
        .when(debit(ADA, 50))
        .after_due([])
        .refused(over_quota(Level::Member, (50, 20), 50).available(30));
}

#[test]
fn a_refusal_has_the_end_of_the_new_period() {
    let outcome = ada_renews_50().at(resets_at()).when(debit(ADA, 51));
    let Err(Refusal::Shortfall(shortfall)) = outcome.result else {
        panic!("51 of 50 are refused");
    };
    assert_eq!(shortfall.resets_at, resets_next());
}

#[test]
fn what_does_not_renew_lapses() {
    School::k12()
        .with_member(ADA)
        .allocated(50)
        .used(20)
        .at(resets_at())
        .when(SchoolCommand::CatchUp)
        .after_due([
            (resets_at(), rolled(&[(100, 50, 20, 0)])),
            (resets_at(), renewed([row_of(ADA, 50, 0)])),
        ])
        .then_nothing()
        .holds(ADA, 0, 0, 0)
        .pools(100, 0, 0, 0);
}

#[test]
fn a_member_without_units_has_no_row() {
    School::k12()
        .with_member(ADA)
        .at(resets_at())
        .when(SchoolCommand::CatchUp)
        .after_due([(resets_at(), rolled(&[(100, 0, 0, 0)]))])
        .then_nothing();
}

#[test]
fn a_pool_drawn_on_directly_is_whole_in_the_next_period() {
    School::k12_without_management()
        .with_member(ADA)
        .used(20)
        .at(resets_at())
        .when(debit(ADA, 20))
        .then_done()
        .pools(20, 0, 20, 0);
}

#[test]
fn time_never_runs_backwards_over_a_boundary() {
    let school = ada_renews_50()
        .at(resets_at())
        .given(debit(ADA, 1))
        .at(start())
        .when(debit(ADA, 1))
        .after_due([])
        .then([debited(ADA, 1, balance(50, 2, 0))]);
    let last = school.log.last().unwrap();
    assert_eq!(
        (last.occurred_at, last.recorded_at),
        (resets_at(), resets_at())
    );
}

#[test]
fn a_school_idle_for_a_year_rolls_twelve_times_each_at_its_own_time() {
    let now = at("2027-11-24T08:00:00Z");
    let mut school = ada_renews_50().at(now);
    let facts = school.catch_up_with_time();
    let ends: Vec<_> = rolls(&facts)
        .into_iter()
        .map(|(occurred_at, closed)| {
            assert_eq!(occurred_at, closed.closed.end);
            occurred_at.to_string()
        })
        .collect();
    let first_of = |month| match month {
        1 => "2026-12-01T00:00:00Z".to_owned(),
        month => format!("2027-{:02}-01T00:00:00Z", month - 1),
    };
    assert_eq!(ends, (1..=12).map(first_of).collect::<Vec<_>>());
    assert_eq!(facts.len(), 24, "a roll and its renewals, twelve times");
    let recorded = &school.log[school.log.len() - 24..];
    assert!(recorded.iter().all(|event| event.recorded_at == now));
    school.holds(ADA, 50, 0, 0).pools(100, 50, 0, 0);
}

#[rstest]
#[case::the_last_day_of_shorter_months(
    Tz::UTC, 31, "2027-12-31T10:00:00Z",
    ["2028-01-31T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z", "2028-04-30T00:00:00Z"]
)]
#[case::new_york_into_summer_and_out_of_it(
    Tz::America__New_York, 1, "2027-02-10T00:00:00Z",
    ["2027-03-01T05:00:00Z", "2027-04-01T04:00:00Z", "2027-05-01T04:00:00Z", "2027-06-01T04:00:00Z"]
)]
#[case::new_york_out_of_summer(
    Tz::America__New_York, 7, "2027-09-10T00:00:00Z",
    ["2027-10-07T04:00:00Z", "2027-11-07T04:00:00Z", "2027-12-07T05:00:00Z", "2028-01-07T05:00:00Z"]
)]
#[case::london_on_the_very_day(
    Tz::Europe__London, 28, "2027-02-28T00:00:00Z",
    ["2027-03-28T00:00:00Z", "2027-04-27T23:00:00Z", "2027-05-27T23:00:00Z", "2027-06-27T23:00:00Z"]
)]
#[case::johannesburg(
    Tz::Africa__Johannesburg, 1, "2026-10-31T22:00:00Z",
    ["2026-11-30T22:00:00Z", "2026-12-31T22:00:00Z", "2027-01-31T22:00:00Z", "2027-02-28T22:00:00Z"]
)]
fn periods_end_with_local_days(
    #[case] zone: Tz,
    #[case] anchor_day: u8,
    #[case] registered: &str,
    #[case] ends: [&str; 4],
) {
    let mut school = School::k12_in(zone, anchor_day, at(registered));
    for end in ends.map(at) {
        school = school.at(end).after_micros(-1);
        assert!(school.catch_up_with_time().is_empty(), "before {end}");
        school = school.at(end);
        let facts = school.catch_up_with_time();
        let closed: Vec<_> = rolls(&facts)
            .into_iter()
            .map(|(occurred_at, closed)| (occurred_at, closed.closed.end))
            .collect();
        assert_eq!(closed, [(end, end)]);
    }
}

#[test]
fn the_closing_books_name_every_pool() {
    let mut school = School::k12_without_management().at(resets_at());
    let facts = school.catch_up_with_time();
    let [(_, closed)] = rolls(&facts)[..] else {
        panic!("one roll");
    };
    let pools: Vec<_> = closed
        .pools
        .iter()
        .map(|pool| pool.service.as_str())
        .collect();
    assert_eq!(
        pools,
        ["assessment_ai", "claude_messages", "content_generation"]
    );
    let claude = PoolClosed {
        service: service(CLAUDE),
        total: units(20).into(),
        allocated: units(0).into(),
        used: units(0),
        held: units(0),
    };
    assert_eq!(closed.pools[1], claude);
}

#[test]
fn a_school_that_is_not_registered_has_no_period() {
    let mut school = School::unregistered().at(at("2030-01-01T00:00:00Z"));
    assert!(school.catch_up_with_time().is_empty());
    school
        .when(SchoolCommand::CatchUp)
        .refused(Refusal::SchoolNotFound);
}

#[test]
fn the_end_of_time_is_no_end_of_a_period() {
    let mut school = School::k12_in(Tz::UTC, 1, at("9999-10-24T08:00:00Z")).at(Timestamp::MAX);
    assert_eq!(rolls(&school.catch_up_with_time()).len(), 2);
}

#[test]
fn what_happened_in_one_period_leaves_no_trace_in_the_next_but_one() {
    let school = ada_renews_50()
        .with_member(BEN)
        .allocated(20)
        .at(resets_at())
        .given(debit(ADA, 7))
        .at(resets_next())
        .given(SchoolCommand::CatchUp);
    school
        .holds(ADA, 50, 0, 0)
        .holds(BEN, 0, 0, 0)
        .pools(100, 50, 0, 0);
}
