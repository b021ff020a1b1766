//! The swap: makes the new build the live one.

use ledger_core::{SchoolId, Seq};
use sqlx::{PgConnection, PgPool};

use super::RebuildError;
use crate::error::ApplyError;
use crate::projection::{Build, ProjectionName};
use crate::registry::Registry;
use crate::worker::claim::Group;
use crate::worker::page::{Folded, fold_in_tx};

/// The maximum number of events folded under the lock, over all schools: workers wait for about 100
/// ms.
const LAST_EVENTS_MAX: i64 = 5_000;

/// The maximum number of schools to catch up under the lock.
const LAST_SCHOOLS_MAX: i64 = 200;

/// `lock_not_available` (Postgres manual, appendix A).
const LOCK_TIMED_OUT: &str = "55P03";

/// How an attempt to swap ended.
#[derive(Debug)]
pub(super) enum Swap {
    /// The new build is live.
    Done,
    /// The new build is too far behind to catch up under the lock, or the lock timed out.
    Behind,
    /// The new build is halted in a school.
    Halted(RebuildError),
}

struct Behind {
    school_id: SchoolId,
    old: Seq,
    new: Seq,
    failed: Option<(Seq, String)>,
}

/// Locks the checkpoints, applies the missing events and swaps, so that reads never go back.
/// Readers do not wait; workers wait briefly.
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
        return Ok(Swap::Halted(RebuildError::Halted {
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
        tracing::warn!(projection.name = %name, "another process has swapped the build");
    }
    Ok(Swap::Done)
}

/// Locks the checkpoints; returns `false` on a timeout.
async fn lock(tx: &mut PgConnection) -> Result<bool, ApplyError> {
    // EXCLUSIVE conflicts with claimed checkpoints: no worker is within a page.
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

/// Applies the events by which the new build is behind; returns whether it has caught up.
async fn catch_up_in_tx(
    tx: &mut PgConnection,
    registry: &Registry,
    build: (ProjectionName, Build),
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
            builds: vec![build],
        })
        .collect();
    let (folded, _) = fold_in_tx(tx, registry, &groups, LAST_EVENTS_MAX)
        .await
        .map_err(|error| error.source)?;
    let has_caught_up = |(school, folded): (&Behind, &Folded)| match folded {
        Folded::To { seq, .. } => *seq >= school.old,
        // In a school without events of the new build there is no checkpoint to lock.
        Folded::Contended => false,
    };
    Ok(behind.iter().zip(&folded).all(has_caught_up))
}
