//! The start of reads: as fresh as requested, with the rights of the caller.

use std::time::Duration;

use ledger_core::{Refusal, Seq};
use ledger_projections::{FreshnessError, ProjectionName, TenantRead, Viewer, log, wait_for};
use ledger_store::Database;

use crate::auth::SchoolPermit;
use crate::limits::{FRESHNESS_LIMIT, OWN_WRITES_LIMIT};
use crate::problem::Problem;
use crate::state::{AppState, Caller};
use crate::values::Position;

impl<P: SchoolPermit> Caller<P> {
    /// Begins a read with the caller's rights. With `min_seq` it waits until the read model
    /// includes that event, without it for a short time until it includes the caller's own recent
    /// writes.
    ///
    /// # Errors
    /// [`crate::problem::Code::ProjectionBehind`], [`crate::problem::Code::SchoolNotFound`], or an
    /// error of the database.
    pub async fn read(
        &self,
        name: ProjectionName,
        min_seq: Option<Position>,
    ) -> Result<TenantRead, Problem> {
        let (state, viewer) = (&self.state, self.viewer());
        match min_seq {
            Some(position) => wait(state, viewer, name, position.0, FRESHNESS_LIMIT).await?,
            None => {
                let own = state.own_writes.last(viewer.school_id, self.actor().id);
                if let Some(seq) = own.await {
                    // Without min_seq an older state is acceptable.
                    drop(wait(state, viewer, name, seq, OWN_WRITES_LIMIT).await);
                }
            }
        }
        begin_log_read(&state.database, viewer).await
    }
}

/// Begins a read of the log with the caller's rights.
///
/// # Errors
/// Errors of the database.
pub async fn begin_log_read(database: &Database, viewer: Viewer) -> Result<TenantRead, Problem> {
    Ok(TenantRead::begin(database, &viewer).await?)
}

/// Waits for the read model, but not for a school that is not registered.
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
        waited => Ok(waited?),
    }
}

/// Checks that the school is registered.
///
/// # Errors
/// [`crate::problem::Code::SchoolNotFound`], or an error of the database.
pub async fn require_school(state: &AppState, viewer: Viewer) -> Result<(), Problem> {
    let mut read = begin_log_read(&state.database, viewer).await?;
    let head = log::read::head(&mut read).await?;
    read.finish().await?;
    if head == Seq::ZERO {
        return Err(Refusal::SchoolNotFound.into());
    }
    Ok(())
}

/// Ends a read of the read model at `seq`, after [`require_known`].
///
/// # Errors
/// Those of [`require_known`].
pub async fn finish_known(mut read: TenantRead, seq: Seq) -> Result<(), Problem> {
    require_known(&mut read, seq).await?;
    Ok(read.finish().await?)
}

/// Checks that the school is registered, unless the read model at `seq` includes events of it.
///
/// # Errors
/// [`crate::problem::Code::SchoolNotFound`], or an error of the database.
pub async fn require_known(read: &mut TenantRead, seq: Seq) -> Result<(), Problem> {
    if seq == Seq::ZERO && log::read::head(read).await? == Seq::ZERO {
        return Err(Refusal::SchoolNotFound.into());
    }
    Ok(())
}
