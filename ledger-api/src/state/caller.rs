//! The extractor with which most handlers begin.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use ledger_core::{Actor, SchoolId, Timestamp};
use ledger_projections::Viewer;

use super::AppState;
use crate::auth::{Permit, SchoolPermit};
use crate::http::Now;
use crate::openapi::{Description, Input};
use crate::problem::Problem;

/// A caller with the permission `P`, such as [`crate::auth::Allowed`], and the shared state.
#[derive(Debug)]
pub struct Caller<P> {
    /// The permission.
    pub allowed: P,
    /// The shared state.
    pub state: AppState,
    /// The arrival of the request.
    pub now: Timestamp,
}

impl<P> FromRequestParts<AppState> for Caller<P>
where
    P: FromRequestParts<AppState, Rejection = Problem> + Send,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let allowed = P::from_request_parts(parts, state).await?;
        let Ok(Now(now)) = Now::from_request_parts(parts, state).await;
        let state = state.clone();
        Ok(Self {
            allowed,
            state,
            now,
        })
    }
}

impl<P: Input> Input for Caller<P> {
    fn describe(description: &mut Description<'_>) {
        P::describe(description);
    }
}

impl<P: Permit> Caller<P> {
    /// The actor of a command.
    pub fn actor(&self) -> Actor {
        self.allowed.credential().actor
    }
}

impl<P: SchoolPermit> Caller<P> {
    /// The rows that the caller may see.
    pub fn viewer(&self) -> Viewer {
        self.allowed.viewer()
    }

    /// The school of the path.
    pub fn school(&self) -> SchoolId {
        self.viewer().school_id
    }
}
