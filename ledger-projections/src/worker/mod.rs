//! The workers that keep the read models up to date.
//!
//! **Shape.** One loop per process decides which schools are run when ([`schedule`]); a run
//! ([`run`]) takes pages of their logs in ([`page`]), in one transaction for all of them that have
//! little to read. Any number of processes may run the same schools: the checkpoints are claimed
//! with `SKIP LOCKED`.
//!
//! **Cost.** The log is read once for all read models that stand together, and each table is
//! written once for all schools of a run. A busy school is run at a pace, so the busier it is the
//! less an event costs; and the more of them there are the slower the pace, save for one that a
//! reader waits for ([`crate::freshness`]).
//!
//! **Failure.** When the surroundings fail, a school is run again after a pause that grows. When
//! an event fails, see [`poison`].

mod claim;
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
use crate::projection::Registry;
use crate::rebuild::sweep;
use run::{Folder, Run, Runs};
use schedule::{Next, Pace, Schedule};

/// How a worker is set up.
#[derive(Clone, Copy, Debug)]
pub struct WorkerSettings {
    /// Runs at the same time, each with a connection of the projector's pool.
    pub runs_at_once: usize,
    /// Schools of one run: at 100 µs each to read, a transaction of some 20 ms.
    pub schools_per_run: usize,
    /// Events of one page: at 5,000 some 3 MB in memory and a transaction of under 200 ms.
    pub page_events: i64,
    /// How often a busy school is run at most, and always when somebody waits for it: so much are
    /// reads behind when few schools are busy.
    pub pace: Duration,
    /// How often a busy school is run at least: so much are reads behind that do not wait, when
    /// many schools are busy.
    pub pace_max: Duration,
    /// Schools that are run in a second, of all busy ones together, between these two paces. One
    /// costs about 150 µs of processor time besides its events, so this is some 3 % of a core.
    pub schools_per_second: u32,
    /// How often to look for what nobody has told of. A look that takes long is repeated less
    /// often: it may take a twentieth of the time.
    pub poll: Duration,
    /// After which time a read model that stopped before an event tries it again.
    pub stopped_retry: Duration,
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
            stopped_retry: Duration::from_secs(60),
        }
    }
}

impl WorkerSettings {
    fn schedule(&self) -> Pace {
        Pace {
            least: self.pace,
            most: self.pace_max.max(self.pace),
            schools_per_second: self.schools_per_second,
        }
    }
}

/// A look may take one part in so many of the time.
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

/// What a task of the worker came back with.
#[derive(Debug)]
enum Done {
    Run(Result<Runs, ApplyError>),
    Poll(Result<BTreeSet<SchoolId>, ApplyError>, Duration),
    Sweep(Result<u64, ApplyError>),
}

impl Worker {
    /// Starts a worker. It runs until `cancel` is cancelled, and ends when the transactions that
    /// are open then are committed.
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
        // Listens before it looks for the first time, so that nothing falls between.
        let moved = wakes.subscribe();
        tokio::spawn(worker.run(moved))
    }

    async fn run(mut self, mut moved: tokio::sync::broadcast::Receiver<ledger_store::wake::Moved>) {
        let _attendance = self.progress.attend();
        let folder = self.folder.clone();
        self.tasks.spawn(async move {
            Done::Sweep(sweep::sweep(folder.pool(), folder.registry()).await)
        });
        let mut poll_at = Some(Instant::now());
        let mut is_listening = true;
        while !self.cancel.is_cancelled() {
            self.start_runs();
            let due = self.schedule.next_due().filter(|_| self.has_room());
            tokio::select! {
                () = self.cancel.cancelled() => {}
                Some(done) = self.tasks.join_next_with_id() => self.take(done, &mut poll_at),
                woken = moved.recv(), if is_listening => match woken {
                    Ok(moved) => self.wake(moved.iter().map(|(school_id, _)| *school_id)),
                    Err(RecvError::Lagged(_)) => poll_at = poll_at.and(Some(Instant::now())),
                    Err(RecvError::Closed) => is_listening = false,
                },
                school_id = self.progress.asked() => self.schedule.hurry(school_id, Instant::now()),
                () = until(poll_at), if poll_at.is_some() => {
                    poll_at = None;
                    self.start_poll();
                }
                () = until(due), if due.is_some() => {}
            }
        }
        while self.tasks.join_next().await.is_some() {}
    }

    fn has_room(&self) -> bool {
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
        while self.has_room() {
            let most = self.settings.schools_per_run.max(1);
            let schools = self.schedule.next(most, now);
            if schools.is_empty() {
                return;
            }
            let (folder, cancel) = (self.folder.clone(), self.cancel.clone());
            let taken = schools.clone();
            let task = self
                .tasks
                .spawn(async move { Done::Run(folder.run(&taken, &cancel).await) });
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

    fn take(&mut self, done: Result<(Id, Done), JoinError>, poll_at: &mut Option<Instant>) {
        let now = Instant::now();
        match done {
            Ok((id, Done::Run(result))) => self.finish_run(id, result),
            Ok((_, Done::Poll(found, took))) => {
                *poll_at = Some(now + self.settings.poll.max(took * POLL_SHARE));
                self.schedule.forget_idle(now);
                match found {
                    Ok(schools) => self.wake(schools.into_iter()),
                    Err(error) => warn(&error, "looking for schools that lag failed"),
                }
            }
            Ok((_, Done::Sweep(Ok(rows)))) if rows > 0 => {
                tracing::info!(rows, "rows of builds that were replaced are deleted");
            }
            Ok((_, Done::Sweep(Ok(_)))) => {}
            Ok((_, Done::Sweep(Err(error)))) => warn(&error, "old builds could not be deleted"),
            Err(error) => {
                tracing::error!(error = %error, "a task of the projections ended badly");
                let was_run = self.running.contains_key(&error.id());
                self.finish(&error.id(), &Runs::new(), Next::Retry);
                if !was_run {
                    // It may have been the look, which must go on.
                    *poll_at = Some(poll_at.unwrap_or(now + self.settings.poll));
                }
            }
        }
    }

    fn finish_run(&mut self, id: Id, result: Result<Runs, ApplyError>) {
        match result {
            Ok(runs) => self.finish(&id, &runs, Next::Rest),
            Err(error) => {
                gauge::retried();
                warn(&error, "schools' projections are tried again");
                self.finish(&id, &Runs::new(), Next::Retry);
            }
        }
    }

    /// Puts the schools of a run back into the schedule; `otherwise` those it says nothing of.
    fn finish(&mut self, id: &Id, runs: &Runs, otherwise: Next) {
        let now = Instant::now();
        for school_id in self.running.remove(id).unwrap_or_default() {
            let next = runs.get(&school_id).map_or(otherwise, |run| match run {
                Run::Done => Next::Rest,
                Run::Contended => Next::Later,
                Run::More => Next::Again,
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

/// Takes in everything that is in the log by now, in the caller's task, and comes back when
/// nothing more can be done: for tools that want the read models whole before they go on.
///
/// # Errors
/// [`ApplyError`] when the surroundings fail. A projection that an event stops is no error here;
/// its checkpoint says so.
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
            if runs.values().any(|run| *run == Run::Contended) {
                tokio::time::sleep(settings.pace).await;
            }
            schools.retain(|school_id| runs.get(school_id).is_none_or(|run| *run == Run::More));
        }
    }
}
