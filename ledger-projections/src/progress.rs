//! Signals from this process's workers to its readers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ledger_core::{SchoolId, Seq};
use tokio::sync::{mpsc, oneshot};

use crate::projection::ProjectionName;

type Key = (SchoolId, ProjectionName);

/// The readers' awaited events and signals.
type Waiting = HashMap<Key, Vec<(Seq, oneshot::Sender<()>)>>;

/// The readers that wait for an event to be applied. Cheap to clone; one per process, shared by its
/// worker and its readers. Its size is the number of waiting reads.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    workers: AtomicUsize,
    expedite: mpsc::Sender<SchoolId>,
    expedited: tokio::sync::Mutex<mpsc::Receiver<SchoolId>>,
}

/// The maximum number of expedited schools in the queue; others are run at their interval.
const EXPEDITED_MAX: usize = 256;

impl Default for Shared {
    fn default() -> Self {
        let (expedite, expedited) = mpsc::channel(EXPEDITED_MAX);
        Self {
            waiting: Mutex::default(),
            workers: AtomicUsize::new(0),
            expedite,
            expedited: tokio::sync::Mutex::new(expedited),
        }
    }
}

impl Progress {
    /// Signals when the live build applies `seq`. A commit before the call is not signalled:
    /// subscribe first, then read the checkpoint.
    pub(crate) fn subscribe(
        &self,
        school_id: SchoolId,
        name: ProjectionName,
        seq: Seq,
    ) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting();
        let queue = waiting.entry((school_id, name)).or_default();
        // Drops readers that timed out.
        queue.retain(|(_, sender)| !sender.is_closed());
        queue.push((seq, sender));
        receiver
    }

    /// Requests that this process's worker run a school soon.
    pub(crate) fn expedite(&self, school_id: SchoolId) {
        // With a full queue the school is run at its interval.
        let _ = self.shared.expedite.try_send(school_id);
    }

    /// Receives the next expedited school.
    pub(crate) async fn expedited(&self) -> SchoolId {
        match self.shared.expedited.lock().await.recv().await {
            Some(school_id) => school_id,
            // The sender lives as long as the receiver.
            None => std::future::pending().await,
        }
    }

    /// Signals that the live build has applied all events up to `seq`.
    pub(crate) fn publish(&self, school_id: SchoolId, name: ProjectionName, seq: Seq) {
        let mut waiting = self.waiting();
        let Some(queue) = waiting.remove(&(school_id, name)) else {
            return;
        };
        let mut rest = Vec::new();
        for (awaited, sender) in queue {
            if awaited <= seq {
                // The reader may have timed out.
                let _ = sender.send(());
            } else if !sender.is_closed() {
                rest.push((awaited, sender));
            }
        }
        if !rest.is_empty() {
            waiting.insert((school_id, name), rest);
        }
    }

    /// Whether this process runs a worker.
    pub(crate) fn has_worker(&self) -> bool {
        self.shared.workers.load(Ordering::Relaxed) > 0
    }

    /// Registers a worker until the guard is dropped.
    pub(crate) fn register_worker(&self) -> WorkerGuard {
        self.shared.workers.fetch_add(1, Ordering::Relaxed);
        WorkerGuard(self.clone())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // No panic can leave the map inconsistent.
        self.shared
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A registered worker of this process.
#[derive(Debug)]
pub(crate) struct WorkerGuard(Progress);

impl Drop for WorkerGuard {
    fn drop(&mut self) {
        self.0.shared.workers.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_reader_is_signalled_once_the_awaited_event_is_applied() {
        let (progress, school) = (Progress::default(), SchoolId(Uuid::nil()));
        let mut balance = progress.subscribe(school, ProjectionName::Balance, Seq(7));
        let mut usage = progress.subscribe(school, ProjectionName::Usage, Seq(7));
        progress.publish(school, ProjectionName::Balance, Seq(6));
        assert!(balance.try_recv().is_err());
        progress.publish(school, ProjectionName::Balance, Seq(8));
        assert!(balance.try_recv().is_ok());
        assert!(usage.try_recv().is_err());
    }
}
