//! The times at which schools are run: an idle school at once, a busy one at intervals, so that its
//! pages are large. All runs share a budget: the more schools are busy, the longer the interval.
//! Pure: the time is an argument.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use ledger_core::SchoolId;

/// The first pause after a failure; it doubles up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// The shortest tick, for very short intervals.
const TICK_MIN: Duration = Duration::from_micros(100);

/// While more schools than these are busy, an idle one also waits for the next tick, to share a
/// run.
const FEW: usize = 16;

/// The interval between runs of a busy school.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub min: Duration,
    /// However many schools are busy.
    pub max: Duration,
    /// The budget of runs of all busy schools, which `max` may exceed.
    pub schools_per_second: u32,
}

impl Pace {
    fn of(&self, busy_schools: usize) -> Duration {
        let busy = u32::try_from(busy_schools).unwrap_or(u32::MAX);
        let share = Duration::from_secs(1).saturating_mul(busy) / self.schools_per_second.max(1);
        share.min(self.max).max(self.min)
    }
}

/// When to run a school again after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// When it is woken.
    Rest,
    /// At once.
    Again,
    /// After the shortest interval.
    Later,
    /// After a backoff.
    Retry,
}

/// The schools to run and when. Its size is the number of schools that are due or were active
/// within the interval.
#[derive(Debug)]
pub(super) struct Schedule {
    pace: Pace,
    /// Busy schools are run at whole ticks after this instant, so that they share runs.
    epoch: Instant,
    due: BTreeSet<(Instant, SchoolId)>,
    schools: HashMap<SchoolId, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    due: Option<Instant>,
    started: Option<Instant>,
    is_running: bool,
    /// Woken while running.
    is_woken: bool,
    /// Expedited while running.
    is_expedited: bool,
    failures: u32,
}

impl Schedule {
    pub(super) fn new(pace: Pace, epoch: Instant) -> Self {
        Self {
            pace,
            epoch,
            due: BTreeSet::new(),
            schools: HashMap::new(),
        }
    }

    /// Schedules a school that may have new events.
    pub(super) fn wake(&mut self, school_id: SchoolId, now: Instant) {
        let pace = self.pace();
        let entry = self.schools.entry(school_id).or_default();
        if entry.is_running {
            entry.is_woken = true;
        } else if entry.due.is_none() {
            let at = entry.free_at(pace, now);
            let at = if self.schools.len() > FEW {
                at.max(now + self.tick() / 2)
            } else {
                at
            };
            self.put(school_id, at, now);
        }
    }

    /// Schedules a school that a reader waits for after the shortest interval, unless it failed.
    pub(super) fn expedite(&mut self, school_id: SchoolId, now: Instant) {
        let min = self.pace.min;
        let entry = self.schools.entry(school_id).or_default();
        if entry.is_running {
            entry.is_woken = true;
            entry.is_expedited = true;
        } else if entry.failures == 0 {
            let at = entry.free_at(min, now);
            if entry.due.is_none_or(|due| due > at) {
                self.put(school_id, at, now);
            }
        }
    }

    /// The schools to run now, at most `limit`. They are running until
    /// [`finished`](Self::finished).
    pub(super) fn next(&mut self, limit: usize, now: Instant) -> Vec<SchoolId> {
        let mut schools = Vec::new();
        while schools.len() < limit
            && let Some((at, school_id)) = self.due.first().copied()
            && at <= now
        {
            self.due.pop_first();
            let entry = self.schools.entry(school_id).or_default();
            entry.due = None;
            entry.started = Some(now);
            entry.is_running = true;
            entry.is_woken = false;
            entry.is_expedited = false;
            schools.push(school_id);
        }
        schools
    }

    /// When the next school is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Reschedules a school after a run.
    pub(super) fn finished(&mut self, school_id: SchoolId, next: Next, now: Instant) {
        let (pace, min) = (self.pace(), self.pace.min);
        let entry = self.schools.entry(school_id).or_default();
        entry.is_running = false;
        entry.failures = match next {
            Next::Retry => entry.failures.saturating_add(1),
            Next::Rest | Next::Again | Next::Later => 0,
        };
        let at = match next {
            Next::Rest if entry.is_expedited => Some(entry.free_at(min, now)),
            Next::Rest if entry.is_woken => Some(entry.free_at(pace, now)),
            Next::Rest => None,
            Next::Again => Some(now),
            Next::Later => Some(now + min),
            Next::Retry => Some(now + backoff(entry.failures)),
        };
        if let Some(at) = at {
            self.put(school_id, at, now);
        }
    }

    /// Forgets schools that have been idle for longer than the interval.
    pub(super) fn forget_idle(&mut self, now: Instant) {
        let pace = self.pace();
        self.schools.retain(|_, entry| {
            entry.is_running || entry.due.is_some() || entry.free_at(pace, now) > now
        });
    }

    /// The interval: the schools that are not forgotten are the busy ones.
    fn pace(&self) -> Duration {
        self.pace.of(self.schools.len())
    }

    fn put(&mut self, school_id: SchoolId, at: Instant, now: Instant) {
        let at = if at > now { self.tick_near(at) } else { now };
        let entry = self.schools.entry(school_id).or_default();
        if let Some(before) = entry.due.replace(at) {
            self.due.remove(&(before, school_id));
        }
        self.due.insert((at, school_id));
    }

    fn tick(&self) -> Duration {
        (self.pace.min / 2).max(TICK_MIN)
    }

    /// The tick nearest to an instant.
    fn tick_near(&self, at: Instant) -> Instant {
        let tick = self.tick().as_nanos();
        let since = at.saturating_duration_since(self.epoch).as_nanos();
        let nearest = (since + tick / 2) / tick * tick;
        self.epoch + Duration::from_nanos(u64::try_from(nearest).unwrap_or(u64::MAX))
    }
}

impl Entry {
    /// The first instant at which the school may run again.
    fn free_at(&self, pace: Duration, now: Instant) -> Instant {
        self.started
            .map_or(now, |started| (started + pace).max(now))
    }
}

fn backoff(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    BACKOFF_MIN.saturating_mul(1 << doublings).min(BACKOFF_MAX)
}

#[cfg(test)]
mod tests;
