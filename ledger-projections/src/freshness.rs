//! Lets a read wait until a read model has applied a given event.

use std::time::Duration;

use ledger_core::{SchoolId, Seq};
use ledger_store::{Database, DatabaseError, DatabaseRole};
use tokio::time::{Instant, timeout};

use crate::progress::Progress;
use crate::projection::ProjectionName;

/// The maximum time that a read waits.
pub const FRESHNESS_LIMIT: Duration = Duration::from_secs(5);

/// The interval of polls of the checkpoint in a process without a worker.
const POLL: Duration = Duration::from_millis(20);

/// The interval in a process with a worker, which signals its own progress: polls are for the
/// progress of other processes.
const POLL_WITH_WORKER: Duration = Duration::from_millis(100);

/// The read model has not applied the requested event.
#[derive(Debug, thiserror::Error)]
pub enum FreshnessError {
    /// The read model did not reach the event in time, or is halted before it.
    #[error("the read model is at {at}, the read asked for {asked}")]
    ProjectionBehind {
        /// The last event that it has applied.
        at: Seq,
        /// The event that the read requested.
        asked: Seq,
    },
    /// A database operation failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Waits until the live build of `name` has applied the school's event `min_seq`, at most `limit`
/// and at most [`FRESHNESS_LIMIT`]. Does not wait for a halted projection.
///
/// # Errors
/// [`FreshnessError`].
pub async fn wait_for(
    database: &Database,
    progress: &Progress,
    school_id: SchoolId,
    name: ProjectionName,
    min_seq: Seq,
    limit: Duration,
) -> Result<(), FreshnessError> {
    let deadline = Instant::now() + limit.min(FRESHNESS_LIMIT);
    let interval = if progress.has_worker() {
        POLL_WITH_WORKER
    } else {
        POLL
    };
    loop {
        let signal = progress.subscribe(school_id, name, min_seq);
        let (at, is_halted) = checkpoint(database, school_id, name).await?;
        if at >= min_seq {
            return Ok(());
        }
        let now = Instant::now();
        if is_halted || now >= deadline {
            let asked = min_seq;
            return Err(FreshnessError::ProjectionBehind { at, asked });
        }
        progress.expedite(school_id);
        if let Ok(Ok(())) = timeout(interval.min(deadline - now), signal).await {
            return Ok(());
        }
    }
}

/// The checkpoint of the live build, and whether it is halted.
async fn checkpoint(
    database: &Database,
    school_id: SchoolId,
    name: ProjectionName,
) -> Result<(Seq, bool), FreshnessError> {
    let row = sqlx::query!(
        "SELECT c.seq, c.failed_seq FROM live_build($2) AS live
           JOIN projection_checkpoint AS c
             ON c.school_id = $1 AND c.name = $2 AND c.build = live.build",
        school_id.0,
        name.as_str(),
    )
    .fetch_optional(database.pool(DatabaseRole::Projector))
    .await
    .map_err(DatabaseError::at("reading a checkpoint"))?;
    Ok(row.map_or((Seq::ZERO, false), |row| {
        (Seq(row.seq), row.failed_seq.is_some())
    }))
}
