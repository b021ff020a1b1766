//! The schedule, with a simulated clock.

use super::*;
use uuid::Uuid;

const PACE: Duration = Duration::from_millis(50);

fn schedule() -> (Schedule, Instant) {
    let start = Instant::now();
    let pace = Pace {
        min: PACE,
        max: PACE * 20,
        schools_per_second: 100,
    };
    (Schedule::new(pace, start), start)
}

fn school(n: u128) -> SchoolId {
    SchoolId(Uuid::from_u128(n))
}

#[test]
fn an_idle_school_runs_at_once_and_a_busy_one_at_the_interval() {
    let (mut schedule, start) = schedule();
    schedule.wake(school(1), start);
    assert_eq!(schedule.next(9, start), [school(1)]);
    schedule.wake(school(1), start);
    assert_eq!(schedule.next(9, start), [], "already running");
    schedule.finished(school(1), Next::Rest, start + PACE / 5);
    assert_eq!(
        schedule.next(9, start + PACE / 2),
        [],
        "not before the interval"
    );
    assert_eq!(schedule.next_due(), Some(start + PACE));
    assert_eq!(schedule.next(9, start + PACE), [school(1)]);
}

#[test]
fn many_wakes_are_one_run() {
    let (mut schedule, start) = schedule();
    for _ in 0..3 {
        schedule.wake(school(1), start);
    }
    assert_eq!(schedule.next(9, start), [school(1)]);
    schedule.finished(school(1), Next::Rest, start);
    assert_eq!(schedule.next_due(), None);
}

#[test]
fn a_school_with_more_events_runs_again_at_once_but_after_those_that_wait() {
    let (mut schedule, start) = schedule();
    schedule.wake(school(1), start);
    assert_eq!(schedule.next(1, start), [school(1)]);
    schedule.wake(school(2), start);
    let later = start + Duration::from_millis(1);
    schedule.finished(school(1), Next::Again, later);
    assert_eq!(schedule.next(1, later), [school(2)]);
    assert_eq!(schedule.next(1, later), [school(1)]);
}

#[test]
fn failures_double_the_backoff_and_a_success_resets_it() {
    let (mut schedule, mut now) = schedule();
    schedule.wake(school(1), now);
    let mut pauses = Vec::new();
    for _ in 0..9 {
        schedule.next(9, now);
        schedule.finished(school(1), Next::Retry, now);
        let due = schedule.next_due().unwrap();
        pauses.push((due - now).as_millis());
        now = due;
    }
    assert_eq!(
        pauses,
        [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]
    );
    schedule.next(9, now);
    schedule.finished(school(1), Next::Rest, now);
    schedule.forget_idle(now + PACE);
    assert!(schedule.schools.is_empty());
}

#[test]
fn busy_schools_are_run_together() {
    let (mut schedule, start) = schedule();
    for n in 0..3 {
        let at = start + Duration::from_millis(7) * u32::try_from(n).unwrap();
        schedule.wake(school(n), at);
        assert_eq!(schedule.next(9, at), [school(n)], "idle: at once");
        schedule.wake(school(n), at);
        schedule.finished(school(n), Next::Rest, at);
    }
    assert_eq!(schedule.next(9, start + PACE).len(), 2);
    assert_eq!(schedule.next(9, start + PACE * 3 / 2).len(), 1);
}

#[test]
fn many_busy_schools_share_the_budget_and_an_expedited_one_is_first() {
    let (mut schedule, start) = schedule();
    for n in 0..30 {
        schedule.wake(school(n), start);
    }
    assert_eq!(
        schedule.next(30, start).len(),
        FEW,
        "the others wait for the next tick"
    );
    let start = start + PACE / 2;
    assert_eq!(schedule.next(30, start).len(), 30 - FEW);
    for n in 0..30 {
        schedule.finished(school(n), Next::Rest, start);
        schedule.wake(school(n), start);
    }
    let turn = start - PACE / 2 + PACE * 6;
    assert_eq!(schedule.next_due(), Some(turn), "30 at 100 per second");
    schedule.expedite(school(20), start);
    assert_eq!(schedule.next_due(), Some(start + PACE));
    assert_eq!(schedule.next(9, start + PACE), [school(20)]);
    schedule.expedite(school(20), start + PACE);
    schedule.finished(school(20), Next::Rest, start + PACE);
    assert_eq!(schedule.next_due(), Some(start + PACE * 2));
    for n in 100..3_000 {
        schedule.wake(school(n), start);
    }
    assert_eq!(schedule.pace(), PACE * 20, "the interval has a maximum");
}
