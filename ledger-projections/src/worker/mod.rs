//! The workers that keep the read models up to date.
//!
//! **Shape.** One loop per process decides when each school is run ([`schedule`]). A run ([`run`])
//! applies pages of the schools' logs ([`page`]); schools with little to read share a transaction.
//! Any number of processes may run the same schools: checkpoints are claimed with `SKIP LOCKED`.
//!
//! **Cost.** The log is read once for all read models at the same checkpoint, and each table is
//! written once for all schools of a run. Busy schools are run at intervals, so an event costs less
//! the busier its school is. The interval grows with the number of busy schools, except for one
//! that a reader waits for ([`crate::freshness`]).
//!
//! **Failure.** After a transient failure a school is run again, with exponential backoff. For an
//! event that cannot be applied see [`poison`].

pub(crate) mod claim;
mod gauge;
pub(crate) mod page;
mod poison;
mod poll;
pub(crate) mod run;
mod schedule;

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use ledger_core::SchoolId;
use ledger_store::{Database, Wakes};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use crate::error::ApplyError;
use crate::progress::Progress;
use crate::rebuild::sweep;
use crate::registry::Registry;
use run::{Folder, RunOutcome, RunOutcomes};
use schedule::{Next, Pace, Schedule};

/// Settings of a worker.
#[derive(Clone, Copy, Debug)]
pub struct WorkerSettings {
    /// Concurrent runs, each with a connection of the projector's pool.
    pub runs_at_once: usize,
    /// Schools per run: at 100 µs each to read, a transaction of some 20 ms.
    pub schools_per_run: usize,
    /// Events per page: 5,000 need some 3 MB of memory and a transaction of under 200 ms.
    pub page_events: i64,
    /// The shortest interval between runs of a busy school, and the interval while a reader waits
    /// for it. It is the staleness of reads while few schools are busy.
    pub pace: Duration,
    /// The longest interval between runs of a busy school. It is the staleness of reads that do not
    /// wait while many schools are busy.
    pub pace_max: Duration,
    /// Runs of busy schools per second, within these two limits. A run costs about 150 µs of
    /// processor time besides its events: 200 are some 3 % of a core.
    pub schools_per_second: u32,
    /// The interval of polls for schools without a wake-up. Longer while polls are slow: they may
    /// take a twentieth of the time.
    pub poll: Duration,
    /// The time after which a halted projection is tried again.
    pub halted_retry: Duration,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            runs_at_once: 3,
            schools_per_run: 128,
            page_events: 5_000,
            pace: Duration::from_millis(50),
            pace_max: Duration::from_secs(1),
            schools_per_second: 200,
            poll: Duration::from_millis(500),
            halted_retry: Duration::from_secs(60),
        }
    }
}

impl WorkerSettings {
    fn schedule(&self) -> Pace {
        Pace {
            min: self.pace,
            max: self.pace_max.max(self.pace),
            schools_per_second: self.schools_per_second,
        }
    }
}

/// A poll may take one part in this many of the time.
const POLL_SHARE: u32 = 20;

/// Keeps the read models of a process up to date.
#[derive(Debug)]
pub struct Worker {
    folder: Folder,
    progress: Progress,
    settings: WorkerSettings,
    cancel: CancellationToken,
    schedule: Schedule,
    tasks: JoinSet<Done>,
    running: HashMap<Id, Vec<SchoolId>>,
}

/// The result of one of the worker's tasks.
#[derive(Debug)]
enum Done {
    Run(Result<RunOutcomes, ApplyError>),
    Poll(Result<BTreeSet<SchoolId>, ApplyError>, Duration),
    Sweep(Result<u64, ApplyError>),
}

impl Worker {
    /// Starts a worker. Once `cancel` is cancelled it commits its open transactions and ends.
    #[must_use]
    pub fn spawn(
        database: &Database,
        wakes: &Wakes,
        registry: Registry,
        progress: &Progress,
        settings: WorkerSettings,
        cancel: CancellationToken,
    ) -> JoinHandle<()> {
        let worker = Self {
            folder: Folder::new(database, registry, progress.clone(), &settings),
            progress: progress.clone(),
            settings,
            cancel,
            schedule: Schedule::new(settings.schedule(), Instant::now()),
            tasks: JoinSet::new(),
            running: HashMap::new(),
        };
        // Subscribes before the first poll, so that no event falls between the two.
        let moved = wakes.subscribe();
        tokio::spawn(worker.run(moved))
    }

    async fn run(mut self, mut moved: tokio::sync::broadcast::Receiver<ledger_store::wake::Moved>) {
        let _registered = self.progress.register_worker();
        let folder = self.folder.clone();
        self.tasks.spawn(async move {
            Done::Sweep(sweep::sweep(folder.pool(), folder.registry()).await)
        });
        let mut poll_at = Some(Instant::now());
        let mut is_listening = true;
        while !self.cancel.is_cancelled() {
            self.start_runs();
            let due = self.schedule.next_due().filter(|_| self.has_capacity());
            tokio::select! {
                () = self.cancel.cancelled() => {}
                Some(done) = self.tasks.join_next_with_id() => self.finish_task(done, &mut poll_at),
                woken = moved.recv(), if is_listening => match woken {
                    Ok(moved) => self.wake(moved.iter().map(|(school_id, _)| *school_id)),
                    Err(RecvError::Lagged(_)) => poll_at = poll_at.and(Some(Instant::now())),
                    Err(RecvError::Closed) => is_listening = false,
                },
                school_id = self.progress.expedited() => {
                    self.schedule.expedite(school_id, Instant::now());
                }
                () = until(poll_at), if poll_at.is_some() => {
                    poll_at = None;
                    self.start_poll();
                }
                () = until(due), if due.is_some() => {}
            }
        }
        while self.tasks.join_next().await.is_some() {}
    }

    fn has_capacity(&self) -> bool {
        self.running.len() < self.settings.runs_at_once.max(1)
    }

    fn wake(&mut self, schools: impl Iterator<Item = SchoolId>) {
        let now = Instant::now();
        for school_id in schools {
            self.schedule.wake(school_id, now);
        }
    }

    fn start_runs(&mut self) {
        let now = Instant::now();
        while self.has_capacity() {
            let limit = self.settings.schools_per_run.max(1);
            let schools = self.schedule.next(limit, now);
            if schools.is_empty() {
                return;
            }
            let (folder, cancel) = (self.folder.clone(), self.cancel.clone());
            let due = schools.clone();
            let task = self
                .tasks
                .spawn(async move { Done::Run(folder.run(&due, &cancel).await) });
            self.running.insert(task.id(), schools);
        }
    }

    fn start_poll(&mut self) {
        let folder = self.folder.clone();
        self.tasks.spawn(async move {
            let started = Instant::now();
            let found = poll::lagging(&folder).await;
            Done::Poll(found, started.elapsed())
        });
    }

    fn finish_task(&mut self, done: Result<(Id, Done), JoinError>, poll_at: &mut Option<Instant>) {
        let now = Instant::now();
        match done {
            Ok((id, Done::Run(result))) => self.finish_run(id, result),
            Ok((_, Done::Poll(found, took))) => {
                *poll_at = Some(now + self.settings.poll.max(took * POLL_SHARE));
                self.schedule.forget_idle(now);
                match found {
                    Ok(schools) => self.wake(schools.into_iter()),
                    Err(error) => warn(&error, "could not poll for lagging schools; will retry"),
                }
            }
            Ok((_, Done::Sweep(Ok(rows)))) if rows > 0 => {
                tracing::info!(rows, "deleted rows of replaced builds");
            }
            Ok((_, Done::Sweep(Ok(_)))) => {}
            Ok((_, Done::Sweep(Err(error)))) => warn(&error, "could not delete replaced builds"),
            Err(error) => {
                tracing::error!(error = %error, "a task of the projections failed");
                let was_run = self.running.contains_key(&error.id());
                self.finish(&error.id(), &RunOutcomes::new(), Next::Retry);
                if !was_run {
                    // It may have been the poll, which must be repeated.
                    *poll_at = Some(poll_at.unwrap_or(now + self.settings.poll));
                }
            }
        }
    }

    fn finish_run(&mut self, id: Id, result: Result<RunOutcomes, ApplyError>) {
        match result {
            Ok(runs) => self.finish(&id, &runs, Next::Rest),
            Err(error) => {
                gauge::retried();
                warn(&error, "could not run schools' projections; will retry");
                self.finish(&id, &RunOutcomes::new(), Next::Retry);
            }
        }
    }

    /// Puts the schools of a run back into the schedule; those without an outcome as `otherwise`.
    fn finish(&mut self, id: &Id, runs: &RunOutcomes, otherwise: Next) {
        let now = Instant::now();
        for school_id in self.running.remove(id).unwrap_or_default() {
            let next = runs.get(&school_id).map_or(otherwise, |run| match run {
                RunOutcome::Done => Next::Rest,
                RunOutcome::Contended => Next::Later,
                RunOutcome::More => Next::Again,
            });
            self.schedule.finished(school_id, next, now);
        }
    }
}

fn warn(error: &ApplyError, message: &'static str) {
    tracing::warn!(error = error.chain(), "{message}");
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Applies all events of the log in the caller's task and returns when no more can be applied: for
/// tools that need complete read models.
///
/// # Errors
/// [`ApplyError`] for a transient failure. A halted projection is no error: its checkpoint says so.
pub async fn catch_up(
    database: &Database,
    registry: &Registry,
    settings: &WorkerSettings,
) -> Result<(), ApplyError> {
    let progress = Progress::default();
    let folder = Folder::new(database, registry.clone(), progress, settings);
    let never = CancellationToken::new();
    loop {
        let mut schools = Vec::from_iter(poll::lagging(&folder).await?);
        if schools.is_empty() {
            return Ok(());
        }
        while !schools.is_empty() {
            let at_once = schools.len().min(settings.schools_per_run.max(1));
            let runs = folder.run(&schools[..at_once], &never).await?;
            if runs.values().any(|run| *run == RunOutcome::Contended) {
                tokio::time::sleep(settings.pace).await;
            }
            schools.retain(|school_id| {
                runs.get(school_id)
                    .is_none_or(|run| *run == RunOutcome::More)
            });
        }
    }
}
