//! Deletes the rows of replaced builds in small batches.

use ledger_core::SchoolId;
use sqlx::{AssertSqlSafe, PgPool};

use crate::error::ApplyError;
use crate::projection::{Build, Projection};
use crate::registry::Registry;

/// The maximum number of rows per statement, so that none runs long.
const ROWS_MAX: i64 = 5_000;

/// The maximum number of checkpoints per query.
const CHECKPOINTS_PAGE: i64 = 1_000;

/// Deletes all rows of builds older than the live one and returns their number. A school's
/// checkpoint is deleted last: it marks rows that are left.
pub(crate) async fn sweep(pool: &PgPool, registry: &Registry) -> Result<u64, ApplyError> {
    let mut deleted = 0;
    for projection in registry.iter() {
        loop {
            let old = old_checkpoints(pool, projection.name().as_str()).await?;
            if old.is_empty() {
                break;
            }
            for (school_id, build) in old {
                deleted += sweep_school(pool, projection.as_ref(), school_id, build).await?;
            }
        }
    }
    Ok(deleted)
}

async fn old_checkpoints(pool: &PgPool, name: &str) -> Result<Vec<(SchoolId, Build)>, ApplyError> {
    sqlx::query!(
        "SELECT c.school_id, c.build FROM projection_checkpoint AS c
           JOIN projection AS p ON p.name = c.name AND c.build < p.live_build
          WHERE c.name = $1 LIMIT $2",
        name,
        CHECKPOINTS_PAGE,
    )
    .fetch_all(pool)
    .await
    .map(|rows| {
        rows.into_iter()
            .map(|row| (SchoolId(row.school_id), Build(row.build)))
            .collect()
    })
    .map_err(ApplyError::at("finding replaced builds"))
}

async fn sweep_school(
    pool: &PgPool,
    projection: &dyn Projection,
    school_id: SchoolId,
    build: Build,
) -> Result<u64, ApplyError> {
    let mut deleted = 0;
    for table in projection.tables() {
        loop {
            let rows = delete_some(pool, table, school_id, build).await?;
            deleted += rows;
            if rows < ROWS_MAX.unsigned_abs() {
                break;
            }
        }
    }
    let delete = sqlx::query!(
        "DELETE FROM projection_checkpoint WHERE school_id = $1 AND name = $2 AND build = $3",
        school_id.0,
        projection.name().as_str(),
        build.0,
    );
    ApplyError::run("deleting a checkpoint", delete.execute(pool)).await?;
    Ok(deleted)
}

async fn delete_some(
    pool: &PgPool,
    table: &'static str,
    school_id: SchoolId,
    build: Build,
) -> Result<u64, ApplyError> {
    // The table's name is a constant of the projection, never input.
    let sql = format!(
        "DELETE FROM {table} WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM {table} WHERE school_id = $1 AND build = $2 LIMIT $3
         ))"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(school_id.0)
        .bind(build.0)
        .bind(ROWS_MAX)
        .execute(pool)
        .await
        .map(|done| done.rows_affected())
        .map_err(ApplyError::at("deleting rows of a replaced build"))
}
