//! Reads a school's log page by page. Each page is a separate read, so that a slow reader holds
//! neither a transaction nor a connection.

use std::future::pending;
use std::time::Duration;

use ledger_core::{Refusal, Seq};
use ledger_projections::log::{self, EventView};
use ledger_projections::{FreshnessError, Viewer};
use ledger_store::Database;
use ledger_store::wake::Moved;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, timeout};

use crate::auth::SchoolPermit;
use crate::limits::FOLLOW_POLL;
use crate::problem::Problem;
use crate::reads::begin_log_read;
use crate::state::Caller;

/// A reader of a school's log and its position.
#[derive(Debug)]
pub(super) struct LogReader {
    database: Database,
    new_events: broadcast::Receiver<Moved>,
    viewer: Viewer,
    /// The last event read.
    pub after: Seq,
}

impl LogReader {
    /// Starts after `after`. [`LogReader::new_events`] resolves for events from now on.
    pub fn new<P: SchoolPermit>(caller: &Caller<P>, after: Seq) -> Self {
        Self {
            database: caller.state.database.clone(),
            new_events: caller.state.wakes.subscribe(),
            viewer: caller.viewer(),
            after,
        }
    }

    /// The next events, at most `limit`; empty at the end of the log.
    pub async fn next_page(&mut self, limit: i64) -> Result<Vec<EventView>, Problem> {
        let mut read = begin_log_read(&self.database, self.viewer).await?;
        let events = log::read::page(&mut read, self.after, limit).await?;
        read.finish().await?;
        if let Some(last) = events.last() {
            self.after = last.seq;
        }
        Ok(events)
    }

    /// The last position of the log.
    ///
    /// # Errors
    /// [`crate::problem::Code::SchoolNotFound`], or that the database is away.
    pub async fn head(&self) -> Result<Seq, Problem> {
        let mut read = begin_log_read(&self.database, self.viewer).await?;
        let head = log::read::head(&mut read).await?;
        read.finish().await?;
        if head == Seq::ZERO {
            return Err(Refusal::SchoolNotFound.into());
        }
        Ok(head)
    }

    /// Waits at most `limit` for the log to reach `min_seq`, and returns its last position.
    ///
    /// # Errors
    /// [`crate::problem::Code::ProjectionBehind`], or as [`LogReader::head`].
    pub async fn reach(&mut self, min_seq: Seq, limit: Duration) -> Result<Seq, Problem> {
        let deadline = Instant::now() + limit;
        loop {
            let head = self.head().await?;
            let left = deadline.saturating_duration_since(Instant::now());
            if head >= min_seq {
                return Ok(head);
            }
            if left.is_zero() {
                let (at, asked) = (head, min_seq);
                return Err(FreshnessError::ProjectionBehind { at, asked }.into());
            }
            drop(timeout(left, self.new_events()).await);
        }
    }

    /// Resolves when this process wrote an event of the school, or after [`FOLLOW_POLL`], since
    /// other processes write as well.
    pub async fn new_events(&mut self) {
        let (receiver, school) = (&mut self.new_events, self.viewer.school_id);
        let written = async {
            loop {
                match receiver.recv().await {
                    Ok(moved) if moved.iter().all(|(other, _)| *other != school) => {}
                    // A lagging receiver may have missed an event of the school.
                    Ok(_) | Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => pending().await,
                }
            }
        };
        drop(timeout(FOLLOW_POLL, written).await);
    }
}
