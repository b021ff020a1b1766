//! An export in pages, all as of one instant.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{Stream, unfold};
use ledger_core::{MemberId, Timestamp};
use ledger_projections::balance::holdings;
use ledger_projections::{ReadError, TenantRead};
use tokio::sync::mpsc;
use tracing::Instrument as _;

use super::write;
use crate::limits::EXPORT_LIMIT;
use crate::problem::Problem;

/// The pages buffered for a slow reader, each some hundred kB.
const PAGES_AHEAD: usize = 2;

/// The pages of an export: the header line, the departments, then the members page by page.
#[derive(Debug)]
pub struct AllocationPages {
    read: TenantRead,
    now: Timestamp,
    next: Next,
}

#[derive(Clone, Copy, Debug)]
enum Next {
    Header,
    Departments,
    MembersAfter(Option<MemberId>),
    Nothing,
}

/// The failure of a page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// A read failed.
    #[error("the allocations could not be read")]
    Read(#[from] ReadError),
    /// A write failed.
    #[error("the table could not be written")]
    Write(#[from] io::Error),
}

/// A message of the reading task. A channel that closes without `End` is an incomplete table, which
/// must not look complete.
enum Message {
    Page(Bytes),
    End,
}

impl AllocationPages {
    /// An export for the viewer of `read`, as of `now`.
    #[must_use]
    pub const fn new(read: TenantRead, now: Timestamp) -> Self {
        Self {
            read,
            now,
            next: Next::Header,
        }
    }

    /// Returns the next whole lines of the table, or `None` after the last.
    ///
    /// # Errors
    /// [`PageError`] when the database fails.
    pub async fn next(&mut self) -> Result<Option<Bytes>, PageError> {
        match self.next {
            Next::Header => {
                self.next = Next::Departments;
                Ok(Some(write::header()?))
            }
            Next::Departments => {
                let departments = holdings::departments(&mut self.read, self.now).await?;
                self.next = Next::MembersAfter(None);
                Ok(Some(write::rows(&departments)?))
            }
            Next::MembersAfter(after) => {
                let page = holdings::page(&mut self.read, after, self.now).await?;
                let Some(last) = page.last() else {
                    self.next = Next::Nothing;
                    return Ok(None);
                };
                self.next = Next::MembersAfter(Some(last.member_id));
                Ok(Some(write::rows(&page)?))
            }
            Next::Nothing => Ok(None),
        }
    }

    /// Streams the table. Its own task reads it, so that a caller that is slow, or stops reading
    /// without closing, keeps the transaction open for at most [`EXPORT_LIMIT`]; then the stream
    /// fails.
    pub fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        let (sender, receiver) = mpsc::channel(PAGES_AHEAD);
        let reading = async move {
            match within(EXPORT_LIMIT, self.send_all(&sender)).await {
                Some(Ok(())) => {}
                // Too late for another status: the conversion logs the error, the stream fails.
                Some(Err(PageError::Read(error))) => drop(Problem::from(error)),
                Some(Err(error @ PageError::Write(_))) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "export failed");
                }
                None => tracing::warn!("export failed: the caller reads too slowly"),
            }
        };
        tokio::spawn(reading.in_current_span());
        unfold(Some(receiver), |receiver| async move {
            let mut receiver = receiver?;
            match receiver.recv().await {
                Some(Message::Page(page)) => Some((Ok(page), Some(receiver))),
                Some(Message::End) => None,
                None => Some((Err(io::Error::other("the export failed")), None)),
            }
        })
    }

    async fn send_all(mut self, sender: &mpsc::Sender<Message>) -> Result<(), PageError> {
        while let Some(page) = self.next().await? {
            if sender.send(Message::Page(page)).await.is_err() {
                return Ok(()); // the caller disconnected
            }
        }
        self.read.finish().await?;
        let _ = sender.send(Message::End).await; // the caller may have disconnected
        Ok(())
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}
