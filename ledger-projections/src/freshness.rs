//! Waits until a read model has taken in what a reader has seen written.

use std::time::Duration;

use ledger_core::{SchoolId, Seq};
use ledger_store::{Database, DatabaseError, DatabaseRole};
use tokio::time::{Instant, timeout};

use crate::progress::Progress;
use crate::projection::ProjectionName;

/// The longest that a read waits to be as fresh as it was asked to be.
pub const FRESHNESS_LIMIT: Duration = Duration::from_secs(5);

/// How often to look for what other processes' workers did, when none runs in this one.
const POLL: Duration = Duration::from_millis(20);

/// The same when a worker of this process will tell: then looking only covers for another process
/// that was quicker.
const ATTENDED_POLL: Duration = Duration::from_millis(100);

/// A read is not as fresh as it was asked to be.
#[derive(Debug, thiserror::Error)]
pub enum FreshnessError {
    /// The read model did not get there in time, or has stopped before.
    #[error("the read model is at {at}, the read asked for {asked}")]
    ProjectionBehind {
        /// The last event that it has taken in.
        at: Seq,
        /// The event that the read asked for.
        asked: Seq,
    },
    /// A database operation failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Waits until the live build of `name` has taken in the school's event `min_seq`, at most `limit`
/// and at most [`FRESHNESS_LIMIT`]. Returns at once when it has, and also when it never will: a
/// read model that stopped before an event does not get past it by waiting.
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
    let interval = if progress.is_attended() {
        ATTENDED_POLL
    } else {
        POLL
    };
    loop {
        let signal = progress.register(school_id, name, min_seq);
        let (at, has_stopped) = standing(database, school_id, name).await?;
        if at >= min_seq {
            return Ok(());
        }
        let now = Instant::now();
        if has_stopped || now >= deadline {
            let asked = min_seq;
            return Err(FreshnessError::ProjectionBehind { at, asked });
        }
        progress.ask(school_id);
        if let Ok(Ok(())) = timeout(interval.min(deadline - now), signal).await {
            return Ok(());
        }
    }
}

/// Where the live build stands, and whether an event has stopped it there.
async fn standing(
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
