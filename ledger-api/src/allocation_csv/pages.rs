//! A school's allocations, read page by page, all as of one instant.

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

/// Pages that may wait for a slow reader, each some hundred kB.
const PAGES_AHEAD: usize = 2;

/// A table in the making: the header line, the departments, then a page of members at a time.
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

/// A page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// It could not be read.
    #[error("the allocations could not be read")]
    Read(#[from] ReadError),
    /// It could not be written.
    #[error("the table could not be written")]
    Write(#[from] io::Error),
}

/// What the reader of pages tells whoever sends them. A channel that closes without `End` is a
/// table that broke off, which must not look whole.
enum Message {
    Page(Bytes),
    End,
}

impl AllocationPages {
    /// What the viewer of `read` sees, as of `now`.
    #[must_use]
    pub const fn new(read: TenantRead, now: Timestamp) -> Self {
        Self {
            read,
            now,
            next: Next::Header,
        }
    }

    /// The next part of the table, which ends with a whole line; `None` after the last.
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

    /// The table as a body. It is read on a task of its own, so that a reader who is slow, or has
    /// stopped reading without closing, keeps the transaction for [`EXPORT_LIMIT`] and no longer:
    /// then the body breaks off.
    pub fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        let (sender, receiver) = mpsc::channel(PAGES_AHEAD);
        let reading = async move {
            match within(EXPORT_LIMIT, self.send_all(&sender)).await {
                Some(Ok(())) => {}
                // Too late for another status: it is logged, and the body breaks off.
                Some(Err(PageError::Read(error))) => drop(Problem::from(error)),
                Some(Err(error @ PageError::Write(_))) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "a table broke off"
                    );
                }
                None => tracing::warn!("a table broke off: its reader was too slow"),
            }
        };
        tokio::spawn(reading.in_current_span());
        unfold(Some(receiver), |receiver| async move {
            let mut receiver = receiver?;
            match receiver.recv().await {
                Some(Message::Page(page)) => Some((Ok(page), Some(receiver))),
                Some(Message::End) => None,
                None => Some((Err(io::Error::other("the table broke off")), None)),
            }
        })
    }

    async fn send_all(mut self, sender: &mpsc::Sender<Message>) -> Result<(), PageError> {
        while let Some(page) = self.next().await? {
            if sender.send(Message::Page(page)).await.is_err() {
                return Ok(()); // the caller went away
            }
        }
        self.read.finish().await?;
        let _ = sender.send(Message::End).await; // or he went away now
        Ok(())
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}
