//! The running server: composition, serving, ordered shutdown.
//!
//! **Ordering.** The server listens before it opens the database, so that a port in use is reported
//! first. It stops in reverse: listener, requests in flight, writer queues, read models,
//! connections to Postgres.
//!
//! **Invariant:** every accepted command is answered or written. The writer ends when no handle is
//! left and its queues are empty; the connections are closed after that. (Acknowledged writes are
//! on disk however the process ends.)
//!
//! **Failure.** Requests that exceed the grace period are cut off. Each later step of the shutdown
//! has a limit.

mod background;
mod catalogue;
mod connections;
mod database;
mod error;
mod stop;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use ledger_api::router::router;
use ledger_api::routes::health;
use ledger_api::state::OwnWrites;
use ledger_api::state::{AppState, Parts};
use ledger_auth::{ApiKeyStore, Authenticator, JwtVerifier, MemberDirectory, RateLimiter};
use ledger_store::writer::Writer;
use ledger_store::{Database, DatabaseRole};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::telemetry;

use background::{CLOSING_LIMIT, within};

pub use background::Background;
pub use catalogue::read_catalogue;
pub use database::{STARTUP_PATIENCE, open_database};
pub use error::ServerError;
pub use stop::stop_on_signal;

/// A server that listens and is ready to serve.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    grace: Duration,
    app: Router,
    background: Background,
    database: Database,
    upkeep: JoinHandle<()>,
    stop: CancellationToken,
}

/// Listens on `address`, a host and a port; with port 0 the system chooses a free one.
///
/// # Errors
/// [`ServerError::AddressInUse`] or [`ServerError::Listen`].
pub async fn listen(address: &str) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| {
        let address = address.to_owned();
        if source.kind() == io::ErrorKind::AddrInUse {
            ServerError::AddressInUse { address }
        } else {
            ServerError::Listen { address, source }
        }
    })
}

/// Serves `/healthz` and `/metrics` until `stop`, for a process without an API.
pub async fn serve_probes(
    listener: TcpListener,
    metrics: PrometheusHandle,
    stop: &CancellationToken,
) {
    let page = metrics.clone();
    let app = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/metrics", get(move || async move { page.render() }));
    tokio::select! {
        () = connections::serve(listener, app, stop, Duration::ZERO) => {}
        () = telemetry::keep_current(metrics) => {}
    }
}

impl Server {
    /// Composes the server and starts its background tasks. Until [`run`](Self::run), connections
    /// wait in the listener's queue.
    ///
    /// # Errors
    /// [`ServerError`], which says what to do.
    pub async fn start(
        listener: TcpListener,
        settings: &Settings,
        metrics: PrometheusHandle,
        stop: CancellationToken,
    ) -> Result<Self, ServerError> {
        let address = listener.local_addr().map_err(ServerError::Address)?;
        let tokens = JwtVerifier::new(&settings.jwt).map_err(ServerError::Tokens)?;
        let database = open_database(settings, STARTUP_PATIENCE, &stop).await?;
        let background = Background::start(database.clone(), settings, &stop)?;
        let credentials = database.pool(DatabaseRole::Authenticator);
        let authenticator = Authenticator::new(
            tokens,
            ApiKeyStore::new(credentials.clone()),
            MemberDirectory::new(credentials.clone()),
            RateLimiter::new(settings.rate_limit),
        );
        let upkeep = tokio::spawn(telemetry::keep_current(metrics.clone()));
        let app = router(AppState::new(Parts {
            writer: background.writer.clone(),
            database: database.clone(),
            wakes: background.wakes.clone(),
            progress: background.progress.clone(),
            own_writes: OwnWrites::default(),
            catalogue: background.catalogue.clone(),
            authenticator,
            metrics,
            draining: stop.clone(),
        }));
        Ok(Self {
            listener,
            address,
            grace: Duration::from_secs(settings.shutdown_grace_seconds),
            app,
            background,
            database,
            upkeep,
            stop,
        })
    }

    /// The address that the server listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The line on stdout that says the server is ready. Clients parse it.
    #[must_use]
    pub fn ready_line(&self) -> String {
        format!("ledger: listening on http://{}\n", self.address)
    }

    /// The writer of the log, for commands of this process.
    #[must_use]
    pub const fn writer(&self) -> &Writer {
        &self.background.writer
    }

    /// The database.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// Serves requests until the token of [`start`](Self::start) is cancelled, then shuts down.
    pub async fn run(self) {
        connections::serve(self.listener, self.app, &self.stop, self.grace).await;
        self.background.stop().await;
        self.upkeep.abort();
        within(CLOSING_LIMIT, "database connections", self.database.close()).await;
        tracing::info!("server stopped");
    }
}
