//! Makes a read model anew beside the one that is read, and swaps them when it has caught up.
//!
//! **Shape.** `projection.next_build` names a build in the making; workers keep it going like a
//! live one. [`rebuild`] starts it, folds what nobody else does, [`swap`]s when no school's new
//! rows are behind its old ones, and [`sweep`]s the old rows away.
//!
//! **Failure.** Killed at any point it is taken up again by the next [`rebuild`] of the same read
//! model: the build in the making is continued, and what was not swept is swept.

mod swap;
pub(crate) mod sweep;

use std::time::Duration;

use ledger_core::{SchoolId, Seq};
use ledger_store::{Database, DatabaseRole};
use sqlx::{Connection as _, PgConnection};
use tokio_util::sync::CancellationToken;

use crate::error::ApplyError;
use crate::progress::Progress;
use crate::projection::{Build, ProjectionName, Registry};
use crate::worker::WorkerSettings;
use crate::worker::run::{Folder, Run};
use swap::Swap;

/// Schools that are looked up at a time.
const SCHOOLS_PAGE: i64 = 1_000;

/// Schools that are folded at a time.
const SCHOOLS_PER_RUN: usize = 64;

/// The pause when all that is left to fold is being folded by somebody else.
const PAUSE: Duration = Duration::from_millis(50);

/// A read model could not be made anew. What is read has not changed.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// Somebody else rebuilds the same read model.
    #[error("{0} is being rebuilt already, by another process")]
    InProgress(ProjectionName),
    /// It is not among the read models that this program keeps.
    #[error("this program does not keep {0}")]
    NotKept(ProjectionName),
    /// The new build stops before an event that the old one has taken in.
    #[error(
        "the new build of {name} stops before event {failed_seq} of school {school_id}: {failure}"
    )]
    Stopped {
        /// Which read model.
        name: ProjectionName,
        /// The first such school.
        school_id: SchoolId,
        /// Before which event.
        failed_seq: Seq,
        /// Why.
        failure: String,
    },
    /// The caller ended it. It can be continued.
    #[error("the rebuild was interrupted; the next one continues it")]
    Interrupted,
    /// The surroundings failed. It can be continued.
    #[error("the rebuild failed; the next one continues it")]
    Apply(#[from] ApplyError),
}

/// What a rebuild did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// The build that is read now.
    pub build: Build,
    /// The rows of older builds that were deleted.
    pub deleted_rows: u64,
}

/// Makes the read model `name` anew from the log. Reads go on from the old build until the new
/// one has caught up with it for every school, and never see less than before.
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
        return Err(RebuildError::NotKept(name));
    }
    let conn = database
        .pool(DatabaseRole::Projector)
        .acquire()
        .await
        .map_err(ApplyError::at("getting a connection"))?;
    // Not given back to the pool: when it ends so does the lock, however this function ends.
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
    tracing::info!(projection.name = %name, projection.build = build.0, "a rebuild goes on");
    loop {
        fold_all(conn, &folder, name, build, cancel).await?;
        match swap::swap(pool, registry, name, build).await? {
            Swap::Done => break,
            Swap::Behind => {}
            Swap::Stopped(stopped) => return Err(stopped),
        }
    }
    tracing::info!(projection.name = %name, projection.build = build.0, "a rebuild is read now");
    let swept = sweep::sweep(pool, registry).await?;
    Ok(Rebuilt {
        build,
        deleted_rows: left_over + swept,
    })
}

/// One rebuild of a read model at a time: a lock of the session.
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
    // The end of the connection unlocks as well; asking first only makes it happen now.
    if let Err(error) = unlocked.and(conn.close().await) {
        tracing::debug!(error = %error, "the lock of a rebuild ends with its connection");
    }
}

/// Starts a build, or takes up the one that is in the making.
async fn begin(conn: &mut PgConnection, name: ProjectionName) -> Result<Build, ApplyError> {
    let build = sqlx::query_scalar!(
        r#"UPDATE projection SET next_build = coalesce(next_build, live_build + 1)
            WHERE name = $1 RETURNING next_build AS "next_build!""#,
        name.as_str(),
    )
    .fetch_one(&mut *conn)
    .await
    .map_err(ApplyError::at("starting a build"))?;
    // What stopped another program may be no obstacle to this one.
    sqlx::query!(
        "UPDATE projection_checkpoint SET failed_seq = NULL, failure = NULL
          WHERE name = $1 AND build = $2 AND failed_seq IS NOT NULL",
        name.as_str(),
        build,
    )
    .execute(conn)
    .await
    .map_err(ApplyError::at("taking up a build"))?;
    Ok(Build(build))
}

/// Folds until the new build is nowhere behind the old one, or stopped where it is.
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
            has_folded |= runs.values().any(|run| *run != Run::Contended);
        }
        if !has_folded {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Schools whose new rows are behind their old ones and have not stopped.
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
    .map_err(ApplyError::at("looking for schools to rebuild"))
}
