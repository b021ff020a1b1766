//! Reads a school's log page by page. Each page is a read of its own, so that nobody who reads
//! slowly holds a transaction or a connection.

use std::future::pending;
use std::time::Duration;

use ledger_core::{Refusal, Seq};
use ledger_projections::log::{self, EventView};
use ledger_projections::{FreshnessError, Viewer};
use ledger_store::wake::Moved;
use ledger_store::{Database, Wakes};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, timeout};

use crate::limits::FOLLOW_POLL;
use crate::problem::Problem;
use crate::reads::begin_log_read;

/// Somebody who reads a school's log, and where he is.
#[derive(Debug)]
pub(super) struct LogReader {
    database: Database,
    news: broadcast::Receiver<Moved>,
    viewer: Viewer,
    /// The last event that he has read.
    pub after: Seq,
}

impl LogReader {
    /// From `after` on. Whatever is written from now on is news to him.
    pub fn new(database: &Database, wakes: &Wakes, viewer: Viewer, after: Seq) -> Self {
        Self {
            database: database.clone(),
            news: wakes.subscribe(),
            viewer,
            after,
        }
    }

    /// The next events, at most `limit`; none when he has read all there are.
    pub async fn next_page(&mut self, limit: i64) -> Result<Vec<EventView>, Problem> {
        let mut read = begin_log_read(&self.database, self.viewer).await?;
        let events = log::read::page(&mut read, self.after, limit).await?;
        read.finish().await?;
        if let Some(last) = events.last() {
            self.after = last.seq;
        }
        Ok(events)
    }

    /// Where the log ends.
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

    /// Waits until the log has come to `min_seq`, at most `limit`; where it ends then.
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
            drop(timeout(left, self.news()).await);
        }
    }

    /// Waits until something was written, or other processes may have.
    pub async fn news(&mut self) {
        let (news, school) = (&mut self.news, self.viewer.school_id);
        let told = async {
            loop {
                match news.recv().await {
                    Ok(moved) if moved.iter().all(|(other, _)| *other != school) => {}
                    // He was too slow to hear it all, so it may have been among it.
                    Ok(_) | Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => pending().await,
                }
            }
        };
        drop(timeout(FOLLOW_POLL, told).await);
    }
}
