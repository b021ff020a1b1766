//! Tells this process's readers how far its workers have come.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ledger_core::{SchoolId, Seq};
use tokio::sync::{mpsc, oneshot};

use crate::projection::ProjectionName;

type Key = (SchoolId, ProjectionName);

/// The events that are waited for, and whom to tell.
type Waiting = HashMap<Key, Vec<(Seq, oneshot::Sender<()>)>>;

/// Who waits for which event of which read model. Cheap to clone; one per process, shared by its
/// worker and its readers. Its size is that of the reads that wait at the moment.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    workers: AtomicUsize,
    asks: mpsc::Sender<SchoolId>,
    asked: tokio::sync::Mutex<mpsc::Receiver<SchoolId>>,
}

/// Schools that are asked for and that no worker has looked at yet; one that is left out for it is
/// run at its pace.
const ASKS_MAX: usize = 256;

impl Default for Shared {
    fn default() -> Self {
        let (asks, asked) = mpsc::channel(ASKS_MAX);
        Self {
            waiting: Mutex::default(),
            workers: AtomicUsize::new(0),
            asks,
            asked: tokio::sync::Mutex::new(asked),
        }
    }
}

impl Progress {
    /// Signals when the live build has taken `seq` in, from now on. What was committed before is
    /// not signalled: register first, then look.
    pub(crate) fn register(
        &self,
        school_id: SchoolId,
        name: ProjectionName,
        seq: Seq,
    ) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting();
        let queue = waiting.entry((school_id, name)).or_default();
        // Readers that gave up in the meantime.
        queue.retain(|(_, sender)| !sender.is_closed());
        queue.push((seq, sender));
        receiver
    }

    /// Asks this process's worker not to leave a school waiting.
    pub(crate) fn ask(&self, school_id: SchoolId) {
        // A full queue means that the worker has its hands full: the school's turn comes.
        let _ = self.shared.asks.try_send(school_id);
    }

    /// The next school that is asked for.
    pub(crate) async fn asked(&self) -> SchoolId {
        let asked = self.shared.asked.lock().await.recv().await;
        match asked {
            Some(school_id) => school_id,
            // The sender lives as long as the receiver.
            None => std::future::pending().await,
        }
    }

    /// The live build has taken in everything up to `seq`.
    pub(crate) fn reached(&self, school_id: SchoolId, name: ProjectionName, seq: Seq) {
        let mut waiting = self.waiting();
        let Some(queue) = waiting.remove(&(school_id, name)) else {
            return;
        };
        let mut rest = Vec::new();
        for (asked, sender) in queue {
            if asked <= seq {
                // A reader that gave up waits no more.
                let _ = sender.send(());
            } else if !sender.is_closed() {
                rest.push((asked, sender));
            }
        }
        if !rest.is_empty() {
            waiting.insert((school_id, name), rest);
        }
    }

    /// Whether a worker of this process keeps the read models up to date.
    pub(crate) fn is_attended(&self) -> bool {
        self.shared.workers.load(Ordering::Relaxed) > 0
    }

    /// Counts a worker until the guard is dropped.
    pub(crate) fn attend(&self) -> Attendance {
        self.shared.workers.fetch_add(1, Ordering::Relaxed);
        Attendance(self.clone())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // The map is whole between any two statements, so a panic elsewhere does not spoil it.
        self.shared
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker that runs in this process.
#[derive(Debug)]
pub(crate) struct Attendance(Progress);

impl Drop for Attendance {
    fn drop(&mut self) {
        self.0.shared.workers.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_reader_is_told_when_his_event_is_reached_and_not_before() {
        let (progress, school) = (Progress::default(), SchoolId(Uuid::nil()));
        let mut balance = progress.register(school, ProjectionName::Balance, Seq(7));
        let mut usage = progress.register(school, ProjectionName::Usage, Seq(7));
        progress.reached(school, ProjectionName::Balance, Seq(6));
        assert!(balance.try_recv().is_err());
        progress.reached(school, ProjectionName::Balance, Seq(8));
        assert!(balance.try_recv().is_ok());
        assert!(usage.try_recv().is_err());
    }
}
