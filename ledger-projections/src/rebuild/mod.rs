//! Rebuilds a read model beside the live build and swaps them once the new build has caught up.
//!
//! **Shape.** `projection.next_build` is the build in progress; workers run it like a live one.
//! [`rebuild`] starts it, folds the events that no worker folds, [`swap`]s when the new build is
//! behind the live one in no school, and [`sweep`]s the old rows.
//!
//! **Failure.** After a crash at any point the next [`rebuild`] of the same read model continues
//! the build in progress and sweeps the remaining rows.

mod swap;
pub(crate) mod sweep;

use std::time::Duration;

use ledger_core::{SchoolId, Seq};
use ledger_store::{Database, DatabaseRole};
use sqlx::{Connection as _, PgConnection};
use tokio_util::sync::CancellationToken;

use crate::error::ApplyError;
use crate::progress::Progress;
use crate::projection::{Build, ProjectionName};
use crate::registry::Registry;
use crate::worker::WorkerSettings;
use crate::worker::run::{Folder, RunOutcome};
use swap::Swap;

/// Schools per query.
const SCHOOLS_PAGE: i64 = 1_000;

/// Schools per run.
const SCHOOLS_PER_RUN: usize = 64;

/// The pause while other processes fold all remaining schools.
const PAUSE: Duration = Duration::from_millis(50);

/// A read model could not be rebuilt. The live build has not changed.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// Another process rebuilds the same read model.
    #[error("another process is already rebuilding {0}")]
    InProgress(ProjectionName),
    /// The registry has no such projection.
    #[error("this program has no projection {0}")]
    NotRegistered(ProjectionName),
    /// The new build cannot apply an event that the live one has applied.
    #[error(
        "the new build of {name} is halted at event {failed_seq} of school {school_id}: {failure}"
    )]
    Halted {
        /// The read model.
        name: ProjectionName,
        /// The first halted school.
        school_id: SchoolId,
        /// The event that could not be applied.
        failed_seq: Seq,
        /// The error.
        failure: String,
    },
    /// The caller cancelled it; the next rebuild continues it.
    #[error("the rebuild was interrupted; the next one continues it")]
    Interrupted,
    /// An operation failed; the next rebuild continues it.
    #[error("the rebuild failed; the next one continues it")]
    Apply(#[from] ApplyError),
}

/// The result of a rebuild.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// The new live build.
    pub build: Build,
    /// The number of deleted rows of older builds.
    pub deleted_rows: u64,
}

/// Rebuilds the read model `name` from the log. Reads use the old build until the new one has
/// caught up with it in every school, so they never go back.
///
/// # Errors
/// [`RebuildError`].
pub async fn rebuild(
    database: &Database,
    registry: &Registry,
    name: ProjectionName,
    cancel: &CancellationToken,
) -> Result<Rebuilt, RebuildError> {
    if registry.get(name).is_none() {
        return Err(RebuildError::NotRegistered(name));
    }
    let conn = database
        .pool(DatabaseRole::Projector)
        .acquire()
        .await
        .map_err(ApplyError::at("acquiring a connection"))?;
    // Detached from the pool: the session's lock ends with the connection, however this function
    // ends.
    let mut guard = conn.detach();
    if !lock(&mut guard, name).await? {
        return Err(RebuildError::InProgress(name));
    }
    let rebuilt = rebuild_locked(&mut guard, database, registry, name, cancel).await;
    unlock(guard, name).await;
    rebuilt
}

async fn rebuild_locked(
    conn: &mut PgConnection,
    database: &Database,
    registry: &Registry,
    name: ProjectionName,
    cancel: &CancellationToken,
) -> Result<Rebuilt, RebuildError> {
    let pool = database.pool(DatabaseRole::Projector);
    let left_over = sweep::sweep(pool, registry).await?;
    let build = begin(conn, name).await?;
    let settings = WorkerSettings::default();
    let folder = Folder::new(database, registry.clone(), Progress::default(), &settings);
    tracing::info!(projection.name = %name, projection.build = build.0, "rebuild in progress");
    loop {
        fold_all(conn, &folder, name, build, cancel).await?;
        match swap::swap(pool, registry, name, build).await? {
            Swap::Done => break,
            Swap::Behind => {}
            Swap::Halted(error) => return Err(error),
        }
    }
    tracing::info!(projection.name = %name, projection.build = build.0, "rebuild is live");
    let swept = sweep::sweep(pool, registry).await?;
    Ok(Rebuilt {
        build,
        deleted_rows: left_over + swept,
    })
}

/// Takes the advisory lock by which one process at a time rebuilds a read model.
async fn lock(conn: &mut PgConnection, name: ProjectionName) -> Result<bool, ApplyError> {
    sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_lock(hashtextextended('ledger.rebuild.' || $1, 0)) AS "held!""#,
        name.as_str(),
    )
    .fetch_one(conn)
    .await
    .map_err(ApplyError::at("locking a rebuild"))
}

async fn unlock(mut conn: PgConnection, name: ProjectionName) {
    let unlocked = sqlx::query_scalar!(
        "SELECT pg_advisory_unlock(hashtextextended('ledger.rebuild.' || $1, 0))",
        name.as_str(),
    )
    .fetch_one(&mut conn)
    .await;
    // The end of the connection unlocks as well, but later.
    if let Err(error) = unlocked.and(conn.close().await) {
        tracing::debug!(
            error = %error,
            "could not release the lock of a rebuild; it ends with the connection"
        );
    }
}

/// Starts a build, or continues the one in progress.
async fn begin(conn: &mut PgConnection, name: ProjectionName) -> Result<Build, ApplyError> {
    let build = sqlx::query_scalar!(
        r#"UPDATE projection SET next_build = coalesce(next_build, live_build + 1)
            WHERE name = $1 RETURNING next_build AS "next_build!""#,
        name.as_str(),
    )
    .fetch_one(&mut *conn)
    .await
    .map_err(ApplyError::at("starting a build"))?;
    // This program may be able to apply an event that another could not.
    let update = sqlx::query!(
        "UPDATE projection_checkpoint SET failed_seq = NULL, failure = NULL
          WHERE name = $1 AND build = $2 AND failed_seq IS NOT NULL",
        name.as_str(),
        build,
    );
    ApplyError::run("continuing a build", update.execute(conn)).await?;
    Ok(Build(build))
}

/// Folds until in each school the new build has caught up with the live one or is halted.
async fn fold_all(
    conn: &mut PgConnection,
    folder: &Folder,
    name: ProjectionName,
    build: Build,
    cancel: &CancellationToken,
) -> Result<(), RebuildError> {
    loop {
        let schools = behind(conn, name, build).await?;
        if schools.is_empty() {
            return Ok(());
        }
        let mut has_folded = false;
        for schools in schools.chunks(SCHOOLS_PER_RUN) {
            if cancel.is_cancelled() {
                return Err(RebuildError::Interrupted);
            }
            let runs = folder.run(schools, cancel).await?;
            has_folded |= runs.values().any(|run| *run != RunOutcome::Contended);
        }
        if !has_folded {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Schools in which the new build is behind the live one and not halted.
async fn behind(
    conn: &mut PgConnection,
    name: ProjectionName,
    build: Build,
) -> Result<Vec<SchoolId>, ApplyError> {
    sqlx::query_scalar!(
        "SELECT old.school_id
           FROM projection AS p
           JOIN projection_checkpoint AS old ON old.name = p.name AND old.build = p.live_build
           LEFT JOIN projection_checkpoint AS new
             ON new.school_id = old.school_id AND new.name = p.name AND new.build = $2
          WHERE p.name = $1 AND coalesce(new.seq, 0) < old.seq AND new.failed_seq IS NULL
          LIMIT $3",
        name.as_str(),
        build.0,
        SCHOOLS_PAGE,
    )
    .fetch_all(conn)
    .await
    .map(|ids| ids.into_iter().map(SchoolId).collect())
    .map_err(ApplyError::at("finding schools to rebuild"))
}
