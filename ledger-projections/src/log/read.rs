//! Reads the log, oldest events first, with the texts stored beside it.

use std::collections::HashMap;

use ledger_core::{Commitment, Recorded, Seq};
use ledger_store::feed;

use super::event::{EventView, TextView};
use crate::error::ReadError;
use crate::tenant::TenantRead;

/// The maximum number of events per page.
pub const EVENTS_PAGE_MAX: i64 = 1_000;

/// The events of the viewer's school after `after` that the viewer may see, oldest first, at most
/// `limit` and at most [`EVENTS_PAGE_MAX`].
///
/// # Errors
/// [`ReadError`] when the database fails or an event cannot be read.
pub async fn page(
    read: &mut TenantRead,
    after: Seq,
    limit: i64,
) -> Result<Vec<EventView>, ReadError> {
    let limit = limit.clamp(1, EVENTS_PAGE_MAX);
    let school_id = read.school_id();
    sqlx::raw_sql(ALONG_THE_KEY)
        .execute(read.connection())
        .await
        .map_err(ReadError::at("preparing to read the log"))?;
    let events = feed::read_after(read.connection(), school_id, after, limit, None).await?;
    let texts = texts(read, &events).await?;
    events
        .iter()
        .map(|recorded| {
            let reason = recorded.event.reason();
            EventView::of(
                recorded,
                reason.and_then(|reason| texts.get(&reason.0).cloned()),
            )
        })
        .collect()
}

/// Settings that make the rest of a transaction read the log in the order of its key. Of a new
/// school the planner has no statistics: it would read and sort the whole log for each page.
pub const ALONG_THE_KEY: &str = "SET LOCAL enable_seqscan = off; \
     SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off";

/// The head of the viewer's school's stream; 0 when there is no such school.
///
/// # Errors
/// [`ReadError`] when the database fails.
pub async fn head(read: &mut TenantRead) -> Result<Seq, ReadError> {
    let school_id = read.school_id();
    let head = feed::head(read.connection(), school_id).await?;
    Ok(head.unwrap_or(Seq::ZERO))
}

/// The texts of the events' commitments, without erased ones and those that the viewer may not see.
async fn texts(
    read: &mut TenantRead,
    events: &[Recorded],
) -> Result<HashMap<[u8; 32], TextView>, ReadError> {
    let mut commitments: Vec<Commitment> = events
        .iter()
        .filter_map(|recorded| recorded.event.reason())
        .collect();
    commitments.sort_unstable();
    commitments.dedup(); // a batch has one reason for all of its events
    if commitments.is_empty() {
        return Ok(HashMap::new());
    }
    let commitments: Vec<Vec<u8>> = commitments.iter().map(|c| c.0.to_vec()).collect();
    let rows = sqlx::query!(
        "SELECT commitment, salt, body FROM free_text
          WHERE school_id = $1 AND commitment = ANY ($2)",
        read.school_id().0,
        &commitments,
    )
    .fetch_all(read.connection())
    .await
    .map_err(ReadError::at("reading the texts of events"))?;
    rows.into_iter()
        .map(|row| {
            let commitment = <[u8; 32]>::try_from(row.commitment)
                .map_err(|_| ReadError::Unreadable("commitment"))?;
            let (text, salt) = (row.body, row.salt);
            Ok((commitment, TextView { text, salt }))
        })
        .collect()
}
