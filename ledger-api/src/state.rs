//! What every handler has at hand.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use ledger_core::Catalogue;
use ledger_projections::Progress;
use ledger_store::{Database, Wakes, writer::Writer};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::reads::OwnWrites;
use ledger_auth::Authenticator;

/// What every handler has at hand: one pointer, since it is cloned several times a request.
#[derive(Clone, Debug)]
pub struct AppState(Arc<Parts>);

/// The parts of what every handler has at hand.
#[derive(Debug)]
pub struct Parts {
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
    /// Services and plans, as they are now.
    pub catalogue: watch::Receiver<Arc<Catalogue>>,
    /// Who is who.
    pub authenticator: Authenticator,
    /// Renders the process's metrics; the executable installs their recorder.
    pub metrics: PrometheusHandle,
    /// Cancelled when the process begins to stop: it is not ready any more, and streams end.
    pub draining: CancellationToken,
}

impl AppState {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Services and plans, as they are now.
    #[must_use]
    pub fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue.borrow())
    }
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<AppState> for Authenticator {
    fn from_ref(state: &AppState) -> Self {
        state.authenticator.clone()
    }
}
