//! From a caller to a read: as fresh as he asked for, and with his own eyes.

use std::time::Duration;

use ledger_core::{Refusal, Seq};
use ledger_projections::{FreshnessError, ProjectionName, TenantRead, Viewer, log, wait_for};
use ledger_store::Database;

use crate::limits::{FRESHNESS_LIMIT, OWN_WRITES_LIMIT};
use crate::problem::Problem;
use crate::state::AppState;
use crate::values::Position;
use ledger_auth::Credential;

/// Begins to read as the caller sees it, once the read model knows the event that he named; when
/// he named none, once it knows what he wrote here himself, or soon.
///
/// # Errors
/// [`crate::problem::Code::ProjectionBehind`], [`crate::problem::Code::SchoolNotFound`], or that
/// the database is away.
pub async fn begin_read(
    state: &AppState,
    caller: &Credential,
    viewer: Viewer,
    name: ProjectionName,
    min_seq: Option<Position>,
) -> Result<TenantRead, Problem> {
    match min_seq {
        Some(position) => wait(state, viewer, name, position.0, FRESHNESS_LIMIT).await?,
        None => {
            if let Some(seq) = state
                .own_writes
                .last(viewer.school_id, caller.actor.id)
                .await
            {
                // The caller asked for nothing: what there is, is good enough.
                drop(wait(state, viewer, name, seq, OWN_WRITES_LIMIT).await);
            }
        }
    }
    begin_log_read(&state.database, viewer).await
}

/// Begins to read the log as the caller sees it.
///
/// # Errors
/// That the database is away.
pub async fn begin_log_read(database: &Database, viewer: Viewer) -> Result<TenantRead, Problem> {
    Ok(TenantRead::begin(database, &viewer).await?)
}

/// Waits for the read model. Of a school that was never registered it knows nothing, and will not.
async fn wait(
    state: &AppState,
    viewer: Viewer,
    name: ProjectionName,
    seq: Seq,
    limit: Duration,
) -> Result<(), Problem> {
    let school_id = viewer.school_id;
    let look = |limit| {
        wait_for(
            &state.database,
            &state.progress,
            school_id,
            name,
            seq,
            limit,
        )
    };
    match look(Duration::ZERO).await {
        Err(FreshnessError::ProjectionBehind { at, .. }) => {
            if at == Seq::ZERO {
                require_school(state, viewer).await?;
            }
            Ok(look(limit).await?)
        }
        looked => Ok(looked?),
    }
}

/// Makes sure that the school is registered.
///
/// # Errors
/// [`crate::problem::Code::SchoolNotFound`], or that the database is away.
pub async fn require_school(state: &AppState, viewer: Viewer) -> Result<(), Problem> {
    let mut read = begin_log_read(&state.database, viewer).await?;
    let head = log::read::head(&mut read).await?;
    read.finish().await?;
    if head == Seq::ZERO {
        return Err(Refusal::SchoolNotFound.into());
    }
    Ok(())
}

/// Makes sure that a list that knows of no event yet is one of a registered school.
///
/// # Errors
/// [`crate::problem::Code::SchoolNotFound`], or that the database is away.
pub async fn require_known(read: &mut TenantRead, known: Seq) -> Result<(), Problem> {
    if known == Seq::ZERO && log::read::head(read).await? == Seq::ZERO {
        return Err(Refusal::SchoolNotFound.into());
    }
    Ok(())
}
