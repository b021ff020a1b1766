//! The background tasks of a process that stays: writer, projection worker and timekeeper.

use std::sync::Arc;
use std::time::Duration;

use ledger_core::Catalogue;
use ledger_projections::timekeeper::{Timekeeper, TimekeeperSettings};
use ledger_projections::{Progress, Registry, Worker, WorkerSettings};
use ledger_store::writer::{RETRY_LIMIT, Writer, WriterTasks};
use ledger_store::{Database, Wakes};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::catalogue;
use super::error::ServerError;
use crate::config::Settings;

/// Limit for the writer's queues at shutdown: retries of a batch, and the batch itself.
const WRITER_LIMIT: Duration = RETRY_LIMIT.saturating_add(Duration::from_secs(5));

/// Limit for open transactions and connections at shutdown.
pub(super) const CLOSING_LIMIT: Duration = Duration::from_secs(5);

/// The background tasks of a process. Without workers there is only the writer.
#[derive(Debug)]
pub struct Background {
    pub(super) writer: Writer,
    pub(super) wakes: Wakes,
    pub(super) progress: Progress,
    pub(super) catalogue: watch::Receiver<Arc<Catalogue>>,
    writer_tasks: WriterTasks,
    worker: Option<Task>,
    timekeeper: Option<Task>,
}

#[derive(Debug)]
struct Task {
    name: &'static str,
    handle: JoinHandle<()>,
    cancel: CancellationToken,
}

impl Background {
    /// Starts the tasks.
    ///
    /// # Errors
    /// [`ServerError`] if the plan catalogue cannot be read.
    pub fn start(
        database: Database,
        settings: &Settings,
        stop: &CancellationToken,
    ) -> Result<Self, ServerError> {
        let catalogue = catalogue::follow(settings.catalogue.as_deref(), stop)?;
        let (wakes, progress) = (Wakes::default(), Progress::default());
        let (writer, writer_tasks) = Writer::start(&database, &catalogue, &wakes, settings.writer);
        let has_workers = settings.workers > 0;
        let worker = has_workers.then(|| {
            let worker = WorkerSettings {
                runs_at_once: settings.workers,
                ..WorkerSettings::default()
            };
            Task::spawn("projection worker", |cancel| {
                let registry = Registry::standard();
                Worker::spawn(&database, &wakes, registry, &progress, worker, cancel)
            })
        });
        let timekeeper = has_workers.then(|| {
            Task::spawn("timekeeper", |cancel| {
                let settings = TimekeeperSettings::default();
                Timekeeper::new(database.clone(), writer.clone(), settings).spawn(cancel)
            })
        });
        Ok(Self {
            writer,
            wakes,
            progress,
            catalogue,
            writer_tasks,
            worker,
            timekeeper,
        })
    }

    /// Stops the tasks: the timekeeper, the writer once its queues are empty, the projection worker
    /// once its transactions are committed.
    pub async fn stop(self) {
        if let Some(timekeeper) = self.timekeeper {
            timekeeper.stop().await;
        }
        drop(self.writer);
        within(WRITER_LIMIT, "queued commands", self.writer_tasks.finish()).await;
        if let Some(worker) = self.worker {
            worker.stop().await;
        }
    }
}

impl Task {
    fn spawn(name: &'static str, spawn: impl FnOnce(CancellationToken) -> JoinHandle<()>) -> Self {
        let cancel = CancellationToken::new();
        Self {
            name,
            handle: spawn(cancel.clone()),
            cancel,
        }
    }

    async fn stop(self) {
        self.cancel.cancel();
        within(CLOSING_LIMIT, self.name, async {
            if let Err(error) = self.handle.await {
                tracing::error!(error = %error, "the {} panicked", self.name);
            }
        })
        .await;
    }
}

/// Awaits one step of the shutdown, up to a limit.
pub(super) async fn within(limit: Duration, what: &'static str, step: impl Future<Output = ()>) {
    if tokio::time::timeout(limit, step).await.is_err() {
        let limit_s = limit.as_secs();
        tracing::warn!(limit_s, "shutdown continues without waiting for: {what}");
    }
}
