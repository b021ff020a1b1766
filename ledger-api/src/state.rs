//! What every handler has at hand.

use std::sync::Arc;

use axum::extract::FromRef;
use ledger_core::Catalogue;
use ledger_projections::Progress;
use ledger_store::{Database, Wakes, writer::Writer};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

use crate::auth::Authenticator;
use crate::convention::OwnWrites;

/// What every handler has at hand. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState {
    /// Writes the log.
    pub writer: Writer,
    /// Reads, as whoever asks.
    pub database: Database,
    /// Tells of new events of this process.
    pub wakes: Wakes,
    /// Tells how far the read models of this process are.
    pub progress: Progress,
    /// What callers wrote here a moment ago.
    pub own_writes: OwnWrites,
    /// Services and plans.
    pub catalogue: Arc<Catalogue>,
    /// Who is who.
    pub authenticator: Authenticator,
    /// Renders the process's metrics; the executable installs their recorder.
    pub metrics: PrometheusHandle,
    /// Cancelled when the process begins to stop: it is not ready any more, and streams end.
    pub draining: CancellationToken,
}

impl FromRef<AppState> for Authenticator {
    fn from_ref(state: &AppState) -> Self {
        state.authenticator.clone()
    }
}
