//! When to run which school: at once when it was idle, and a busy one at a pace, so that its pages
//! are large. The more schools are busy the slower is the pace of each: their runs together have a
//! budget. Pure: the clock comes in.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use ledger_core::SchoolId;

/// The first pause after a failure; it doubles up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// The shortest tick, for paces that are very short.
const TICK_MIN: Duration = Duration::from_micros(100);

/// When more schools than these are busy, one that was idle waits for the next tick, too: there is
/// company to run it with.
const FEW: usize = 16;

/// How often busy schools are run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// No more often than this.
    pub least: Duration,
    /// No less often than this, however many are busy.
    pub most: Duration,
    /// So many schools a second are run, of all busy ones together, as far as `most` allows.
    pub schools_per_second: u32,
}

impl Pace {
    fn of(&self, busy_schools: usize) -> Duration {
        let busy = u32::try_from(busy_schools).unwrap_or(u32::MAX);
        let share = Duration::from_secs(1).saturating_mul(busy) / self.schools_per_second.max(1);
        share.min(self.most).max(self.least)
    }
}

/// What to do about a school after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Wait until it is woken.
    Rest,
    /// Run it again at once.
    Again,
    /// Run it again after the pace.
    Later,
    /// Run it again after a pause that grows.
    Retry,
}

/// Which schools are to be run, and when. Its size is that of the schools that were active within
/// the pace, or wait.
#[derive(Debug)]
pub(super) struct Schedule {
    pace: Pace,
    /// Busy schools are run at whole ticks after this instant, so that they are run together.
    epoch: Instant,
    due: BTreeSet<(Instant, SchoolId)>,
    schools: HashMap<SchoolId, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    due: Option<Instant>,
    started: Option<Instant>,
    is_running: bool,
    /// Woken while it ran.
    is_woken: bool,
    /// Asked for while it ran.
    is_hurried: bool,
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

    /// Something may be there to read.
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

    /// Somebody waits for what is there to read: the school does not wait for its turn among the
    /// busy ones, unless it failed.
    pub(super) fn hurry(&mut self, school_id: SchoolId, now: Instant) {
        let least = self.pace.least;
        let entry = self.schools.entry(school_id).or_default();
        if entry.is_running {
            entry.is_woken = true;
            entry.is_hurried = true;
        } else if entry.failures == 0 {
            let at = entry.free_at(least, now);
            if entry.due.is_none_or(|due| due > at) {
                self.put(school_id, at, now);
            }
        }
    }

    /// The schools to run now, at most `most`. They count as running until they are
    /// [`finished`](Self::finished).
    pub(super) fn next(&mut self, most: usize, now: Instant) -> Vec<SchoolId> {
        let mut schools = Vec::new();
        while schools.len() < most
            && let Some((at, school_id)) = self.due.first().copied()
            && at <= now
        {
            self.due.pop_first();
            let entry = self.schools.entry(school_id).or_default();
            entry.due = None;
            entry.started = Some(now);
            entry.is_running = true;
            entry.is_woken = false;
            entry.is_hurried = false;
            schools.push(school_id);
        }
        schools
    }

    /// When the next school is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// A run has ended.
    pub(super) fn finished(&mut self, school_id: SchoolId, next: Next, now: Instant) {
        let (pace, least) = (self.pace(), self.pace.least);
        let entry = self.schools.entry(school_id).or_default();
        entry.is_running = false;
        entry.failures = match next {
            Next::Retry => entry.failures.saturating_add(1),
            Next::Rest | Next::Again | Next::Later => 0,
        };
        let at = match next {
            Next::Rest if entry.is_hurried => Some(entry.free_at(least, now)),
            Next::Rest if entry.is_woken => Some(entry.free_at(pace, now)),
            Next::Rest => None,
            Next::Again => Some(now),
            Next::Later => Some(now + least),
            Next::Retry => Some(now + backoff(entry.failures)),
        };
        if let Some(at) = at {
            self.put(school_id, at, now);
        }
    }

    /// Forgets schools that are idle for longer than the pace.
    pub(super) fn forget_idle(&mut self, now: Instant) {
        let pace = self.pace();
        self.schools.retain(|_, entry| {
            entry.is_running || entry.due.is_some() || entry.free_at(pace, now) > now
        });
    }

    /// The schools that are not forgotten are the busy ones.
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
        (self.pace.least / 2).max(TICK_MIN)
    }

    /// The tick that is nearest to an instant.
    fn tick_near(&self, at: Instant) -> Instant {
        let tick = self.tick().as_nanos();
        let since = at.saturating_duration_since(self.epoch).as_nanos();
        let nearest = (since + tick / 2) / tick * tick;
        self.epoch + Duration::from_nanos(u64::try_from(nearest).unwrap_or(u64::MAX))
    }
}

impl Entry {
    /// The first instant at which it may run again.
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
