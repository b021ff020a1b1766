//! The log as it is read: a school's events after a position, in order, without gaps.

use ledger_core::catalog::Kind;
use ledger_core::{Recorded, SchoolId, Seq, Timestamp};
use sqlx::PgConnection;

use crate::error::StoreError;
use crate::row::EventRow;

/// The events of one school after `after`, oldest first, at most `limit`; of `kinds` only, if
/// given. What row-level security hides from the connection's role is not among them.
///
/// # Errors
/// [`StoreError`] when the database fails or an event cannot be read.
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

/// Where a school's stream ends, or `None` when there is no such stream (or none to be seen).
///
/// # Errors
/// [`StoreError::Database`] when the database fails.
pub async fn head(conn: &mut PgConnection, school_id: SchoolId) -> Result<Option<Seq>, StoreError> {
    sqlx::query_scalar!(
        "SELECT head_seq FROM stream WHERE school_id = $1",
        school_id.0
    )
    .fetch_optional(conn)
    .await
    .map(|head| head.map(Seq))
    .map_err(StoreError::at("reading a stream's head"))
}

/// The last event of a school that was recorded by `instant`; zero when there was none yet.
///
/// No event was recorded before the one that precedes it, so it is found by halving: some twenty
/// look-ups in the primary key, and no index on time.
///
/// # Errors
/// [`StoreError::Database`] when the database fails.
pub async fn seq_at(
    conn: &mut PgConnection,
    school_id: SchoolId,
    instant: Timestamp,
) -> Result<Seq, StoreError> {
    let mut least = Seq::ZERO;
    let mut most = head(conn, school_id).await?.unwrap_or(Seq::ZERO);
    while least < most {
        // Rounded up, so that it is more than `least`.
        let middle = Seq(most.0 - (most.0 - least.0) / 2);
        let was_recorded = sqlx::query_scalar!(
            r#"SELECT recorded_at <= $3 AS "by_then!" FROM event
                WHERE school_id = $1 AND seq = $2"#,
            school_id.0,
            middle.0,
            instant.get(),
        )
        .fetch_one(&mut *conn)
        .await
        .map_err(StoreError::at("looking for an instant in the log"))?;
        if was_recorded {
            least = middle;
        } else {
            most = Seq(middle.0 - 1);
        }
    }
    Ok(least)
}
