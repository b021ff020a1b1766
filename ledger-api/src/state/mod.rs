//! The state that handlers share, and its extractor.

mod caller;
mod own_writes;

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use ledger_core::Catalogue;
use ledger_projections::Progress;
use ledger_store::{Database, Wakes, writer::Writer};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use ledger_auth::Authenticator;

pub use caller::Caller;
pub use own_writes::OwnWrites;

/// The state that handlers share: one pointer, since it is cloned several times per request.
#[derive(Clone, Debug)]
pub struct AppState(Arc<Parts>);

/// The parts of the shared state.
#[derive(Debug)]
pub struct Parts {
    /// The writer of the log.
    pub writer: Writer,
    /// The connections of each database role.
    pub database: Database,
    /// Notifications of new events of this process.
    pub wakes: Wakes,
    /// The progress of the read models of this process.
    pub progress: Progress,
    /// The positions of callers' recent writes.
    pub own_writes: OwnWrites,
    /// The current services and plans.
    pub catalogue: watch::Receiver<Arc<Catalogue>>,
    /// The authenticator of credentials.
    pub authenticator: Authenticator,
    /// The renderer of the metrics, whose recorder the executable installs.
    pub metrics: PrometheusHandle,
    /// Cancelled when the process begins to stop: it is no longer ready, and streams end.
    pub draining: CancellationToken,
}

impl AppState {
    /// Wraps the parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The current services and plans.
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
