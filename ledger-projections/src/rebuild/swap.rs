//! The moment at which the new build becomes the one that is read.

use ledger_core::{SchoolId, Seq};
use sqlx::{PgConnection, PgPool};

use super::RebuildError;
use crate::error::ApplyError;
use crate::projection::{Build, ProjectionName, Registry};
use crate::worker::page::{Folded, Group, fold_in_tx};

/// Events that are folded under the lock, over all schools: about 100 ms in which workers wait.
const LAST_EVENTS_MAX: i64 = 5_000;

/// The most schools that may still be behind when the lock is taken.
const LAST_SCHOOLS_MAX: i64 = 200;

/// `lock_not_available` (Postgres manual, appendix A).
const LOCK_TIMED_OUT: &str = "55P03";

/// How an attempt to swap ended.
#[derive(Debug)]
pub(super) enum Swap {
    /// The new build is read.
    Done,
    /// It is too far behind to catch up under the lock, or the lock was not to be had.
    Behind,
    /// It stopped in some school.
    Stopped(RebuildError),
}

struct Behind {
    school_id: SchoolId,
    old: Seq,
    new: Seq,
    failed: Option<(Seq, String)>,
}

/// Locks the checkpoints, takes in what is still missing, and swaps: a read after it never shows
/// less than one before. Readers are not held up, workers are for an instant.
pub(super) async fn swap(
    pool: &PgPool,
    registry: &Registry,
    name: ProjectionName,
    build: Build,
) -> Result<Swap, ApplyError> {
    let mut tx = pool
        .begin()
        .await
        .map_err(ApplyError::at("beginning a swap"))?;
    if !lock(&mut tx).await? {
        return Ok(Swap::Behind);
    }
    let behind = behind(&mut tx, name, build).await?;
    if let Some((school, (failed_seq, failure))) = behind
        .iter()
        .find_map(|school| Some((school, school.failed.clone()?)))
    {
        return Ok(Swap::Stopped(RebuildError::Stopped {
            name,
            school_id: school.school_id,
            failed_seq,
            failure,
        }));
    }
    let missing: i64 = behind
        .iter()
        .map(|school| school.old.0 - school.new.0)
        .sum();
    let is_close = i64::try_from(behind.len()).is_ok_and(|schools| schools <= LAST_SCHOOLS_MAX);
    if missing > LAST_EVENTS_MAX || !is_close {
        return Ok(Swap::Behind);
    }
    if !catch_up_in_tx(&mut tx, registry, (name, build), &behind).await? {
        return Ok(Swap::Behind);
    }
    let swapped = sqlx::query!(
        "UPDATE projection SET live_build = next_build, next_build = NULL
          WHERE name = $1 AND next_build = $2",
        name.as_str(),
        build.0,
    )
    .execute(&mut *tx)
    .await
    .map_err(ApplyError::at("swapping builds"))?;
    tx.commit()
        .await
        .map_err(ApplyError::at("committing a swap"))?;
    if swapped.rows_affected() == 0 {
        tracing::warn!(projection.name = %name, "somebody else has swapped the build");
    }
    Ok(Swap::Done)
}

/// Locks the checkpoints; whether that was possible in time.
async fn lock(tx: &mut PgConnection) -> Result<bool, ApplyError> {
    // EXCLUSIVE: nobody has claimed a checkpoint, so nobody's page is lost or waited for.
    let locked = sqlx::raw_sql(
        "SET LOCAL lock_timeout = '2s'; LOCK TABLE projection_checkpoint IN EXCLUSIVE MODE",
    )
    .execute(tx)
    .await;
    match locked {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(LOCK_TIMED_OUT) => {
            Ok(false)
        }
        Err(error) => Err(ApplyError::at("locking the checkpoints")(error)),
    }
}

async fn behind(
    tx: &mut PgConnection,
    name: ProjectionName,
    build: Build,
) -> Result<Vec<Behind>, ApplyError> {
    let rows = sqlx::query_file!(
        "src/rebuild/queries/behind.sql",
        name.as_str(),
        build.0,
        LAST_SCHOOLS_MAX + 1,
    )
    .fetch_all(tx)
    .await
    .map_err(ApplyError::at("comparing builds"))?;
    Ok(rows
        .into_iter()
        .map(|row| Behind {
            school_id: SchoolId(row.school_id),
            old: Seq(row.old_seq),
            new: Seq(row.new_seq),
            failed: row
                .failed_seq
                .map(|seq| (Seq(seq), row.failure.unwrap_or_default())),
        })
        .collect())
}

/// Takes in what the new rows are behind; whether they are not behind any more.
async fn catch_up_in_tx(
    tx: &mut PgConnection,
    registry: &Registry,
    member: (ProjectionName, Build),
    behind: &[Behind],
) -> Result<bool, ApplyError> {
    if behind.is_empty() {
        return Ok(true);
    }
    let groups: Vec<Group> = behind
        .iter()
        .map(|school| Group {
            school_id: school.school_id,
            at: school.new,
            upto: Some(school.old),
            members: vec![member],
        })
        .collect();
    let (folded, _) = fold_in_tx(tx, registry, &groups, LAST_EVENTS_MAX)
        .await
        .map_err(|error| error.source)?;
    let is_there = |(school, folded): (&Behind, &Folded)| match folded {
        Folded::To { seq, .. } => *seq >= school.old,
        // A school that the new build has not begun with has no checkpoint to lock.
        Folded::Contended => false,
    };
    Ok(behind.iter().zip(&folded).all(is_there))
}
