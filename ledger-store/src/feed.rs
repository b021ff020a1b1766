//! Reads the log: the events of a school after a position, in order, without gaps.

use ledger_core::catalog::Kind;
use ledger_core::{Recorded, SchoolId, Seq, Timestamp};
use sqlx::PgConnection;

use crate::error::StoreError;
use crate::row::EventRow;

/// Returns at most `limit` events of a school after `after`, oldest first, optionally of `kinds`
/// only. Row-level security may hide events from the connection's role.
///
/// # Errors
/// [`StoreError`] if the database fails or an event cannot be decoded.
pub async fn read_after(
    conn: &mut PgConnection,
    school_id: SchoolId,
    after: Seq,
    limit: i64,
    kinds: Option<&[Kind]>,
) -> Result<Vec<Recorded>, StoreError> {
    let kinds = kinds.map(|kinds| kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>());
    let rows = sqlx::query_file_as!(
        EventRow,
        "src/row/read_after.sql",
        school_id.0,
        after.0,
        limit,
        kinds.as_deref() as Option<&[&str]>,
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::at("reading the log"))?;
    rows.into_iter().map(EventRow::into_recorded).collect()
}

/// Returns the head of a school's stream; `None` if there is no stream, or row-level security hides
/// it.
///
/// # Errors
/// [`StoreError::Database`] if the database fails.
pub async fn head(conn: &mut PgConnection, school_id: SchoolId) -> Result<Option<Seq>, StoreError> {
    sqlx::query_scalar!(
        "SELECT head_seq FROM stream WHERE school_id = $1",
        school_id.0
    )
    .fetch_optional(conn)
    .await
    .map(|head| head.map(Seq))
    .map_err(StoreError::at("reading the head of a stream"))
}

/// Returns the last event of a school that was recorded at or before `instant`; zero if there is
/// none.
///
/// `recorded_at` never decreases within a stream, so this is a binary search: about twenty look-ups
/// in the primary key, without an index on time.
///
/// # Errors
/// [`StoreError::Database`] if the database fails.
pub async fn seq_at(
    conn: &mut PgConnection,
    school_id: SchoolId,
    instant: Timestamp,
) -> Result<Seq, StoreError> {
    let mut min = Seq::ZERO;
    let mut max = head(conn, school_id).await?.unwrap_or(Seq::ZERO);
    while min < max {
        // Rounded up, so that it exceeds `min`.
        let middle = Seq(max.0 - (max.0 - min.0) / 2);
        let was_recorded = sqlx::query_scalar!(
            r#"SELECT recorded_at <= $3 AS "by_then!" FROM event
                WHERE school_id = $1 AND seq = $2"#,
            school_id.0,
            middle.0,
            instant.get(),
        )
        .fetch_one(&mut *conn)
        .await
        .map_err(StoreError::at("searching the log for an instant"))?;
        if was_recorded {
            min = middle;
        } else {
            max = Seq(middle.0 - 1);
        }
    }
    Ok(min)
}
