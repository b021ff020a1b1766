//! Loads the state of a school: the newest snapshot and the events after it.

use ledger_core::{SchoolId, SchoolState, Seq, evolve};
use sqlx::{PgConnection, PgPool};

use super::state_cache::Cached;
use crate::error::StoreError;
use crate::feed;

/// The format of [`SchoolState`] in a snapshot. Increment it when the state changes: snapshots of
/// another format are ignored, and the state is folded from the log.
const SNAPSHOT_FORMAT: i16 = 9;

/// The number of events per page: about 3 MB of rows in memory.
const PAGE: i64 = 5_000;

/// Returns the state of a school at its head, or at `upto` if that is earlier.
///
/// # Errors
/// [`StoreError`] if the database fails or an event cannot be decoded.
pub async fn load_as_of(
    conn: &mut PgConnection,
    school_id: SchoolId,
    upto: Option<Seq>,
) -> Result<SchoolState, StoreError> {
    let mut cached = from_snapshot(conn, school_id, upto).await?;
    catch_up(conn, school_id, &mut cached.state, upto).await?;
    Ok(cached.state)
}

/// Returns the state of a school at the head that this transaction sees.
pub(super) async fn load(
    conn: &mut PgConnection,
    school_id: SchoolId,
) -> Result<Cached, StoreError> {
    let mut cached = from_snapshot(conn, school_id, None).await?;
    catch_up(conn, school_id, &mut cached.state, None).await?;
    Ok(Cached::new(cached.state, cached.snapshot))
}

/// Applies the events after the state's head.
pub(super) async fn catch_up(
    conn: &mut PgConnection,
    school_id: SchoolId,
    state: &mut SchoolState,
    upto: Option<Seq>,
) -> Result<(), StoreError> {
    loop {
        let limit = upto.map_or(PAGE, |upto| PAGE.min(upto.0 - state.head().0));
        if limit <= 0 {
            return Ok(());
        }
        let events = feed::read_after(conn, school_id, state.head(), limit, None).await?;
        for event in &events {
            evolve(state, event);
        }
        if i64::try_from(events.len()).unwrap_or(i64::MAX) < limit {
            return Ok(());
        }
    }
}

async fn from_snapshot(
    conn: &mut PgConnection,
    school_id: SchoolId,
    upto: Option<Seq>,
) -> Result<Cached, StoreError> {
    let newest = sqlx::query!(
        "SELECT seq, state FROM snapshot
          WHERE school_id = $1 AND format = $2 AND seq <= $3
          ORDER BY seq DESC LIMIT 1",
        school_id.0,
        SNAPSHOT_FORMAT,
        upto.map_or(i64::MAX, |upto| upto.0),
    )
    .fetch_optional(conn)
    .await
    .map_err(StoreError::at("reading a snapshot"))?;
    let Some(row) = newest else {
        return Ok(Cached::new(SchoolState::default(), Seq::ZERO));
    };
    match serde_json::from_slice::<SchoolState>(&row.state) {
        Ok(state) if state.head().0 == row.seq => Ok(Cached::new(state, Seq(row.seq))),
        // A snapshot is a cache: an invalid one costs time only.
        Ok(_) | Err(_) => {
            tracing::warn!(
                school.id = %school_id,
                snapshot.seq = row.seq,
                "ignored unusable snapshot"
            );
            Ok(Cached::new(SchoolState::default(), Seq::ZERO))
        }
    }
}

/// Writes a snapshot. A failure costs only time at the next load.
pub(super) async fn save_snapshot(pool: &PgPool, school_id: SchoolId, seq: Seq, state: Vec<u8>) {
    let saved = sqlx::query!(
        "INSERT INTO snapshot (school_id, seq, format, state) VALUES ($1, $2, $3, $4)
         ON CONFLICT (school_id, seq) DO NOTHING",
        school_id.0,
        seq.0,
        SNAPSHOT_FORMAT,
        state,
    )
    .execute(pool)
    .await;
    if let Err(error) = saved {
        tracing::warn!(school.id = %school_id, error = %error, "could not save snapshot");
    }
}
