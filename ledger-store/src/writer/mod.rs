//! The one place that writes events: group commit over cached states.
//!
//! **Shape.** Commands queue per shard, a hash of their school. A shard takes all that wait, up to
//! [`BATCH_COMMANDS_MAX`], and in one transaction locks the heads of their streams, decides them
//! one after another against the states it keeps, appends what they bring about and commits; then
//! it answers. While one batch commits the next one gathers, so throughput grows with the load.
//!
//! **Ordering.** Commands of one school are decided in the order in which they arrived. Several
//! processes may write the same school: the row lock on its head makes them take turns, and one
//! that finds the head moved first takes in the events that moved it.
//!
//! **Failure.** Nothing is answered before the commit. When the database fails, the states that
//! the batch touched are dropped and the batch is tried again for [`RETRY_LIMIT`]; every command's
//! event ids are fixed, so one whose commit was not heard of is found in the log, not done twice.

mod answer;
mod batch;
mod envelope;
mod erasure;
mod load;
mod lookup;
mod refusals;
mod replay;
mod shard;
mod side_writes;
mod state_cache;

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
use shard::{Shard, Submission};

/// Commands of one transaction. A debit is a row of 250 to 400 bytes, by how many of its facts are
/// told, and some 130 bytes in the two indexes; with what frames them 500 to 650 bytes of WAL
/// (Postgres 15, without full pages). So a full batch writes 2 to 2.7 MB.
pub const BATCH_COMMANDS_MAX: usize = 4_096;

/// Submissions that may wait for one shard; beyond it a caller is told that the ledger is
/// overloaded. Four full batches: more would wait longer than a caller does.
pub const QUEUE_MAX: usize = 16_384;

/// How long a batch is tried again when the database is away: a restart of Postgres takes a few
/// seconds, a caller's patience ends at about thirty.
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

/// The handle to the writer: submits commands, answers when they are on disk. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Writer {
    shards: Arc<[mpsc::Sender<Submission>]>,
}

/// The running shards of a writer. They end when every handle is gone and the queues are empty.
#[derive(Debug)]
pub struct WriterTasks {
    shards: JoinSet<()>,
}

impl WriterTasks {
    /// Waits until every command that was accepted is answered. Drop all [`Writer`]s first.
    pub async fn finish(mut self) {
        while self.shards.join_next().await.is_some() {}
    }
}

impl Writer {
    /// Starts the shards. Each batch is decided on the catalogue that is current when it begins.
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

    /// Decides one command and answers when its events are on disk.
    ///
    /// # Errors
    /// [`WriteError`]: the queue is full, the database is away, or the stream cannot be read.
    pub async fn submit(
        &self,
        school_id: SchoolId,
        envelope: Envelope,
    ) -> Result<Answer, WriteError> {
        let mut answers = self.submit_all(school_id, vec![envelope]).await?;
        answers.pop().ok_or(WriteError::Stopped)
    }

    /// Decides commands one after another, each by itself, in one transaction if they fit; the
    /// answers stand in the order of the commands.
    ///
    /// # Errors
    /// [`WriteError`] as in [`Writer::submit`]; then any of the commands may be done, and sending
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
        // A fixed hash: which shard a school has must not change while the process runs.
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(school_id);
        usize::try_from(hash % self.shards.len() as u64).unwrap_or(0)
    }
}
