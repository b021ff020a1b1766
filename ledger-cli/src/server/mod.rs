//! The running server: put together, served, stopped.
//!
//! **Ordering.** It listens before anything else, so that a port in use costs nobody a database.
//! It stops the other way round: no new connections, then the requests in flight, then the writer's
//! queues, then the read models, then the connections to Postgres.
//!
//! **Invariant:** what was accepted is answered or written. The writer's shards end when nobody can
//! submit any more and their queues are empty; only then are the connections closed. (What was
//! acknowledged is on disk anyway, however the process ends.)
//!
//! **Failure.** Requests that take longer than the grace period are cut off. Whatever does not end
//! is not waited for: each step has a limit.

mod catalogue;
mod connections;
mod database;
mod error;
mod stop;
mod timekeeping;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use ledger_projections::{Progress, Registry, Worker, WorkerSettings};
use ledger_store::writer::{RETRY_LIMIT, Writer, WriterTasks};
use ledger_store::{Database, DatabaseRole, Wakes};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::telemetry;
use ledger_api::reads::OwnWrites;
use ledger_api::router::router;
use ledger_api::routes::health;
use ledger_api::state::{AppState, Parts};
use ledger_auth::{ApiKeyStore, Authenticator, JwtVerifier, MemberDirectory, RateLimiter};

pub use catalogue::read_catalogue;
pub use database::{STARTUP_PATIENCE, open_database};
pub use error::ServerError;
pub use stop::stop_on_signal;
pub use timekeeping::{Timekeeping, start_writer};

/// How long the writer may take for what it had accepted: as long as it tries a batch, and the
/// batch itself.
const WRITER_LIMIT: Duration = RETRY_LIMIT.saturating_add(Duration::from_secs(5));

/// How long the transactions of read models may take to end, and the connections to close.
const CLOSING_LIMIT: Duration = Duration::from_secs(5);

/// A server that listens and is ready to answer.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    grace: Duration,
    app: Router,
    writer: Writer,
    shards: WriterTasks,
    read_models: ReadModels,
    timekeeping: Timekeeping,
    database: Database,
    upkeep: JoinHandle<()>,
    stop: CancellationToken,
}

/// Listens on `address`, a host and a port; of port 0 the system makes a free one.
///
/// # Errors
/// [`ServerError::AddressInUse`] for the most part, else [`ServerError::Listen`].
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

/// Answers `/healthz` and `/metrics` and nothing else until `stop` is cancelled, for a process
/// that serves nothing but must be looked after.
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
    /// Puts the server together. It answers once it [`run`](Self::run)s; until then connections
    /// wait.
    ///
    /// # Errors
    /// [`ServerError`]: each says what to do about it.
    pub async fn start(
        listener: TcpListener,
        settings: &Settings,
        metrics: PrometheusHandle,
        stop: CancellationToken,
    ) -> Result<Self, ServerError> {
        let address = listener.local_addr().map_err(ServerError::Address)?;
        let tokens = JwtVerifier::new(&settings.jwt).map_err(ServerError::Tokens)?;
        let database = open_database(settings, STARTUP_PATIENCE, &stop).await?;
        let wakes = Wakes::default();
        let (writer, shards, catalogue) = start_writer(&database, &wakes, settings, &stop)?;
        let read_models = ReadModels::start(&database, &wakes, settings);
        let timekeeping = Timekeeping::start(&database, &writer, settings);
        let credentials = database.pool(DatabaseRole::Authenticator);
        let authenticator = Authenticator::new(
            tokens,
            ApiKeyStore::new(credentials.clone()),
            MemberDirectory::new(credentials.clone()),
            RateLimiter::new(settings.rate_limit),
        );
        let upkeep = tokio::spawn(telemetry::keep_current(metrics.clone()));
        let app = router(AppState::new(Parts {
            writer: writer.clone(),
            database: database.clone(),
            wakes,
            progress: read_models.progress.clone(),
            own_writes: OwnWrites::default(),
            catalogue,
            authenticator,
            metrics,
            draining: stop.clone(),
        }));
        let grace = Duration::from_secs(settings.shutdown_grace_seconds);
        Ok(Self {
            listener,
            address,
            grace,
            app,
            writer,
            shards,
            read_models,
            timekeeping,
            database,
            upkeep,
            stop,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The writer of the log, for commands that come from the process itself.
    #[must_use]
    pub const fn writer(&self) -> &Writer {
        &self.writer
    }

    /// The database that it serves.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// Answers requests until the token of [`start`](Self::start) is cancelled, then stops.
    pub async fn run(self) {
        connections::serve(self.listener, self.app, &self.stop, self.grace).await;
        self.timekeeping.stop(self.writer, self.shards).await;
        self.read_models.stop().await;
        self.upkeep.abort();
        within(
            CLOSING_LIMIT,
            "connections to postgres",
            self.database.close(),
        )
        .await;
        tracing::info!("stopped");
    }
}

/// The worker of this process that keeps the read models up to date, if it has one.
#[derive(Debug)]
pub struct ReadModels {
    progress: Progress,
    worker: Option<JoinHandle<()>>,
    cancel: CancellationToken,
}

impl ReadModels {
    /// Starts it, unless the settings say that this process has none.
    #[must_use]
    pub fn start(database: &Database, wakes: &Wakes, settings: &Settings) -> Self {
        let (progress, cancel) = (Progress::default(), CancellationToken::new());
        let worker = (settings.workers > 0).then(|| {
            let worker = WorkerSettings {
                runs_at_once: settings.workers,
                ..WorkerSettings::default()
            };
            let registry = Registry::standard();
            Worker::spawn(database, wakes, registry, &progress, worker, cancel.clone())
        });
        Self {
            progress,
            worker,
            cancel,
        }
    }

    /// Stops it once its open transactions are committed.
    pub async fn stop(self) {
        self.cancel.cancel();
        if let Some(worker) = self.worker {
            within(CLOSING_LIMIT, "read models", async {
                if let Err(error) = worker.await {
                    tracing::error!(error = %error, "the worker of the read models ended badly");
                }
            })
            .await;
        }
    }
}

async fn within(limit: Duration, what: &'static str, end: impl Future<Output = ()>) {
    if tokio::time::timeout(limit, end).await.is_err() {
        tracing::warn!(
            limit_s = limit.as_secs(),
            "not waiting any longer for {what}"
        );
    }
}
