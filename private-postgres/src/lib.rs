//! Runs a private Postgres server in a data folder: for demos, tests and benchmarks.
//!
//! [`PrivateCluster::start`] finds the installed Postgres programs, creates a cluster in the
//! folder if there is none, runs a server with durable settings on a Unix socket inside the
//! folder, and returns when it accepts connections. [`PrivateCluster::stop`] stops it.
//!
//! The contents of a data folder `D`:
//!
//! ```text
//! D/cluster.lock    locked (flock) by the process that runs the cluster
//! D/pgdata          the cluster that initdb created; mode 0700
//! D/socket          the Unix socket; mode 0700, which is why authentication is `trust`
//! D/postgres.log    the server's log; the previous one is postgres.log.1
//! ```
//!
//! **Invariant:** the server does not outlive the process that started it. A dedicated thread
//! forks the server, and the kernel sends it SIGINT (fast shutdown) when that thread ends; see
//! `launch`. If the server itself is killed with SIGKILL, a backend that executes a query ends
//! after that query; the next start waits for it.
//!
//! **Invariant:** Postgres never runs as root. Started by root, it runs as the owner of an existing
//! `pgdata`, otherwise as the user `postgres`, otherwise as `nobody`; see `account`.
//!
//! **Invariant:** a cluster has one owner at a time, the holder of the lock. A server whose owner
//! is dead is stopped before a new one starts; a server that was started by other means is left
//! alone; see `leftover`.
//!
//! Cost: the first start takes one to three seconds (initdb) or 0.2 seconds (copy of a template),
//! later starts about 0.1 seconds, a start after a crash the time to replay the write-ahead log.
//! Linux only.

mod access;
mod account;
mod binaries;
mod error;
mod folders;
mod initialise;
mod keeper;
mod launch;
mod leftover;
mod lock;
mod log;
mod ready;
mod running;
mod settings;
mod template;
mod url;

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

pub use error::ClusterError;
pub use running::running_url;

use folders::Folders;
use keeper::Keeper;
use lock::OwnerLock;

/// The cluster's superuser, who needs no password on the socket.
pub const SUPERUSER: &str = "postgres";

/// The database that initdb creates, and the default of [`ClusterOptions::database`].
pub const DEFAULT_DATABASE: &str = "postgres";

/// The default of [`ClusterOptions::startup_limit`]. The longest part of a start is the replay of
/// `max_wal_size` (2 GB) after a crash: 100 seconds on a slow disk (20 MB/s).
pub const DEFAULT_STARTUP_LIMIT: Duration = Duration::from_secs(120);

/// The options of a private cluster.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// The data folder; created if it is missing. The path may be relative. The path of the socket
    /// inside must not exceed 107 bytes.
    pub data_dir: PathBuf,
    /// Server settings (`postgresql.conf` names), which override the defaults of this crate except
    /// for the location of the socket.
    pub settings: Vec<(String, String)>,
    /// The time limit for initdb, and for the server to become ready.
    pub startup_limit: Duration,
    /// The database that [`PrivateCluster::start`] creates if it is missing.
    pub database: String,
    /// The data folder of a stopped cluster. A missing cluster is then copied from it instead of
    /// created by initdb. For throw-away clusters: the copy is not flushed to disk.
    pub template: Option<PathBuf>,
}

impl ClusterOptions {
    /// Returns the default options for a cluster in `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            settings: Vec::new(),
            startup_limit: DEFAULT_STARTUP_LIMIT,
            database: DEFAULT_DATABASE.to_owned(),
            template: None,
        }
    }

    /// Sets the database that is created if it is missing.
    #[must_use]
    pub fn with_database(mut self, name: impl Into<String>) -> Self {
        self.database = name.into();
        self
    }

    /// Sets the data folder that a missing cluster is copied from.
    #[must_use]
    pub fn with_template(mut self, data_dir: impl Into<PathBuf>) -> Self {
        self.template = Some(data_dir.into());
        self
    }

    /// Adds one server setting.
    #[must_use]
    pub fn with_setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }
}

/// A running private Postgres server. Dropping it also stops the server, but blocks the thread for
/// the shutdown (usually well under a second), so prefer [`stop`](Self::stop).
#[derive(Debug)]
pub struct PrivateCluster {
    // Fields drop in this order: the server is stopped before the lock is released.
    keeper: Keeper,
    folders: Folders,
    database: String,
    _lock: OwnerLock,
}

impl PrivateCluster {
    /// Starts the cluster in `options.data_dir`, creates it first if there is none, and returns
    /// when the database [`ClusterOptions::database`] accepts connections.
    ///
    /// Removes a stale `postmaster.pid` and stops a server whose owner is dead. Dropping the future
    /// stops the server.
    ///
    /// # Errors
    /// [`ClusterError`], which states cause and remedy.
    pub async fn start(options: ClusterOptions) -> Result<Self, ClusterError> {
        let data_dir = options.data_dir.clone();
        let database = options.database.clone();
        let preparation = tokio::task::spawn_blocking(move || initialise::prepare(&options));
        let prepared = preparation.await.map_err(|source| ClusterError::Io {
            action: "prepare",
            path: data_dir,
            source: std::io::Error::other(source),
        })??;
        let keeper = ready::run(&prepared).await?;
        let cluster = Self {
            keeper,
            folders: prepared.folders,
            database,
            _lock: prepared.lock,
        };
        ready::ensure_database(&cluster).await?;
        tracing::info!(
            cluster.pid = cluster.pid(),
            cluster.socket_dir = %cluster.socket_dir().display(),
            "private Postgres server is ready"
        );
        Ok(cluster)
    }

    /// Returns the URL of the database [`ClusterOptions::database`] for the superuser.
    #[must_use]
    pub fn database_url(&self) -> String {
        self.url_for(&self.database)
    }

    /// Returns the URL of the database `db` for the superuser. sqlx and libpq (`psql`) accept it.
    #[must_use]
    pub fn url_for(&self, db: &str) -> String {
        url::socket_url(&self.folders.socket, db)
    }

    /// Returns the folder of the Unix socket, the argument of `psql -h`.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.folders.socket
    }

    /// Returns the process id of the server (the postmaster).
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.keeper.pid()
    }

    /// Waits until the server has ended. A server that was killed is not restarted, so a
    /// long-running owner should wait for this.
    pub async fn exited(&self) -> ExitStatus {
        self.keeper.exited().await
    }

    /// Stops the server by a fast shutdown (open transactions are rolled back, a checkpoint is
    /// written); if that takes too long, by an immediate shutdown, then by SIGKILL. Committed data
    /// is kept in each case.
    ///
    /// # Errors
    /// [`ClusterError::StillRunning`] if SIGKILL did not end it.
    pub async fn stop(self) -> Result<(), ClusterError> {
        self.keeper.stop().await
    }
}
