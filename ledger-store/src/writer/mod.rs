//! The only module that writes events: group commit over cached states.
//!
//! **Shape.** Commands queue per shard, chosen by a hash of the school. A shard takes all waiting
//! commands, up to [`BATCH_COMMANDS_MAX`]. In one transaction it locks the heads of their streams,
//! decides the commands in order on the cached states, appends the events and commits; then it
//! answers. While one batch commits the next one fills, so throughput grows with the load.
//!
//! **Ordering.** Commands of one school are decided in the order of arrival. Several processes may
//! write the same school: they take turns by the row lock on its head, and a process that finds the
//! head moved first applies the new events.
//!
//! **Failure.** Commands are answered after the commit. If the database fails, the states of the
//! batch are dropped, and the batch is retried for [`RETRY_LIMIT`]. The event ids of a command are
//! fixed, so a command whose commit was not confirmed is found in the log and not appended twice.
//!
//! **Files.** [`envelope`] and [`answer`] are input and output; [`shard`] is the loop; [`batch`]
//! decides and writes, with [`lookup`] and [`replay`]; [`side_writes`] and [`erasure`] write beside
//! the log; [`state_cache`] and [`load`] provide states; [`refusals`] aggregates refused usage.

mod answer;
mod batch;
mod envelope;
mod erasure;
mod load;
mod lookup;
mod refusals;
mod replay;
mod session;
mod shard;
mod side_writes;
mod state_cache;
mod submission;

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::time::Duration;

use ledger_core::{Catalogue, SchoolId};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

pub use answer::{Answer, Receipt, Refused, RefusedBy, StateView, WriteError};
pub use envelope::{DirectoryEntry, Envelope, SideWrites};
pub use load::load_as_of;

use crate::database::Database;
use crate::wake::Wakes;
use shard::Shard;
use submission::Submission;

/// The maximum number of commands in a transaction. A debit is a row of 250 to 400 bytes, depending
/// on its optional fields, and about 130 bytes in the two indexes; 500 to 650 bytes of WAL in total
/// (Postgres 15, without full pages). A full batch writes 2 to 2.7 MB.
pub const BATCH_COMMANDS_MAX: usize = 4_096;

/// The maximum number of submissions in the queue of a shard; further ones are answered
/// [`WriteError::Overloaded`]. Four full batches: more would wait longer than callers do.
pub const QUEUE_MAX: usize = 16_384;

/// The time limit of retries while the database is unavailable: a restart of Postgres takes a few
/// seconds, and callers wait for about thirty.
pub const RETRY_LIMIT: Duration = Duration::from_secs(15);

/// The settings of the writer.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WriterSettings {
    /// The number of shards. Schools are distributed over them; each writes one batch at a time and
    /// keeps a connection. Default 4.
    pub shards: usize,
    /// Memory for the states of schools, over all shards, bytes. Default 100663296 (96 MiB), which
    /// is sufficient for about 100,000 members.
    pub state_cache_bytes: usize,
    /// The number of events between two snapshots of a school's state. A balance of the past is
    /// folded from the snapshot before it: at 1,000, about 5 ms of events. Default 1000.
    pub snapshot_every: i64,
}

impl Default for WriterSettings {
    fn default() -> Self {
        Self {
            shards: 4,
            state_cache_bytes: 96 << 20,
            snapshot_every: 1_000,
        }
    }
}

/// A handle to the writer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Writer {
    shards: Arc<[mpsc::Sender<Submission>]>,
}

/// The running shards of a writer. They end when all handles are dropped and the queues are empty.
#[derive(Debug)]
pub struct WriterTasks {
    shards: JoinSet<()>,
}

impl WriterTasks {
    /// Waits until all accepted commands are answered. Drop all [`Writer`]s first.
    pub async fn finish(mut self) {
        while self.shards.join_next().await.is_some() {}
    }
}

impl Writer {
    /// Starts the shards. A batch uses the catalogue that is current at its start.
    #[must_use]
    pub fn start(
        database: &Database,
        catalogue: &watch::Receiver<Arc<Catalogue>>,
        wakes: &Wakes,
        settings: WriterSettings,
    ) -> (Self, WriterTasks) {
        let shards = settings.shards.max(1);
        let mut tasks = JoinSet::new();
        let senders = (0..shards)
            .map(|_| {
                let (sender, receiver) = mpsc::channel(QUEUE_MAX);
                let shard = Shard::new(
                    database.clone(),
                    catalogue.clone(),
                    wakes.clone(),
                    WriterSettings {
                        state_cache_bytes: settings.state_cache_bytes / shards,
                        ..settings
                    },
                );
                tasks.spawn(shard.run(receiver));
                sender
            })
            .collect();
        (Self { shards: senders }, WriterTasks { shards: tasks })
    }

    /// Decides one command; returns when its events are on disk.
    ///
    /// # Errors
    /// [`WriteError`] if the queue is full, the database is unavailable, or the log cannot be
    /// decoded.
    pub async fn submit(
        &self,
        school_id: SchoolId,
        envelope: Envelope,
    ) -> Result<Answer, WriteError> {
        let mut answers = self.submit_all(school_id, vec![envelope]).await?;
        answers.pop().ok_or(WriteError::Stopped)
    }

    /// Decides commands in order, independently of each other, in one transaction if they fit; the
    /// answers are in the order of the commands.
    ///
    /// # Errors
    /// [`WriteError`] as in [`Writer::submit`]. Any of the commands may have been appended; sending
    /// them again is safe.
    pub async fn submit_all(
        &self,
        school_id: SchoolId,
        envelopes: Vec<Envelope>,
    ) -> Result<Vec<Answer>, WriteError> {
        let (reply, answer) = oneshot::channel();
        let submission = Submission {
            school_id,
            envelopes,
            reply,
        };
        self.shards[self.shard_of(school_id)]
            .try_send(submission)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => WriteError::Overloaded,
                mpsc::error::TrySendError::Closed(_) => WriteError::Stopped,
            })?;
        answer.await.map_err(|_| WriteError::Stopped)?
    }

    fn shard_of(&self, school_id: SchoolId) -> usize {
        // A fixed hash: the shard of a school must not change while the process runs.
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(school_id);
        usize::try_from(hash % self.shards.len() as u64).unwrap_or(0)
    }
}
