//! A private Postgres: a real server of our own in a data folder, for `ledger demo` and the tests.
//!
//! Nobody who wants to look at the ledger should have to administer a database first. This module
//! finds the Postgres binaries that are installed, makes a cluster in a folder, runs it with
//! durable settings on a Unix socket inside that folder, and stops it again.
//!
//! The folder, for a `data_dir` of `D`:
//!
//! ```text
//! D/cluster.lock    held (flock) by the process that runs the cluster
//! D/pgdata          what initdb made; mode 0700
//! D/socket          the Unix socket; mode 0700, the only door, and why `trust` is enough
//! D/postgres.log    what the server says; the one before it is postgres.log.1
//! ```
//!
//! **Invariant:** the server never outlives the process that started it, however that one ends.
//! A dedicated thread forks it, and the kernel sends it SIGINT (a clean shutdown) when that thread
//! is gone; see `launch`. (Kill the server itself with SIGKILL, and a backend in the middle of a
//! query ends with that query; a new start waits for it.)
//!
//! **Invariant:** Postgres never runs as root. Started by root it runs as the owner of an existing
//! `pgdata`, else as the user `postgres`, else as `nobody`; see `account`.
//!
//! **Invariant:** one owner at a time. The lock says who; a server whose owner is dead is stopped
//! before a new one starts, and one that somebody else started is never touched; see `leftover`.
//!
//! Cost: the first start takes one to three seconds (initdb), a later one about 0.1 seconds, a
//! start after a crash as long as replaying the write-ahead log takes. Linux only.

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

/// How long a start may take. Replaying `max_wal_size` (2 GB) after a crash at a slow 20 MB/s
/// takes 100 seconds, and that is the longest thing a start can have to do.
pub const DEFAULT_STARTUP_LIMIT: Duration = Duration::from_secs(120);

/// What a private cluster needs to know before it starts.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// The folder that holds everything; created when it is missing. Its path may be relative, and
    /// must be short enough that the socket inside has at most 107 bytes.
    pub data_dir: PathBuf,
    /// Server settings (`postgresql.conf` names) that win over ours, save for those that say where
    /// the socket is.
    pub settings: Vec<(String, String)>,
    /// How long initdb, and then the server, may take to be ready.
    pub startup_limit: Duration,
    /// The database that [`PrivateCluster::start`] creates if it is missing.
    pub database: String,
}

impl ClusterOptions {
    /// The usual options for a cluster in `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            settings: Vec::new(),
            startup_limit: DEFAULT_STARTUP_LIMIT,
            database: DEFAULT_DATABASE.to_owned(),
        }
    }

    /// Sets the database that is created if it is missing.
    #[must_use]
    pub fn with_database(mut self, name: impl Into<String>) -> Self {
        self.database = name.into();
        self
    }

    /// Adds one server setting.
    #[must_use]
    pub fn with_setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }
}

/// A running private Postgres. Dropping it stops the server too, but blocks the thread while it
/// does (a fast shutdown: usually well under a second), so prefer [`stop`](Self::stop).
#[derive(Debug)]
pub struct PrivateCluster {
    // Fields drop from the top: the server is stopped before the folder is given up.
    keeper: Keeper,
    folders: Folders,
    database: String,
    _lock: OwnerLock,
}

impl PrivateCluster {
    /// Starts the cluster in `options.data_dir`, making it first when there is none, and returns
    /// once its database [`ClusterOptions::database`] takes connections.
    ///
    /// A stale `postmaster.pid` does not stand in the way, nor does a server whose owner died.
    /// When the future is dropped the server is stopped again.
    ///
    /// # Errors
    /// See [`ClusterError`]: each says what is wrong and what to do about it.
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
            "private postgres is ready"
        );
        Ok(cluster)
    }

    /// The URL of the database [`ClusterOptions::database`], as its superuser.
    #[must_use]
    pub fn database_url(&self) -> String {
        self.url_for(&self.database)
    }

    /// The URL of the database `db`, as the superuser. sqlx and libpq (`psql`) both read it.
    #[must_use]
    pub fn url_for(&self, db: &str) -> String {
        url::socket_url(&self.folders.socket, db)
    }

    /// The folder of the Unix socket: what `psql -h` takes.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.folders.socket
    }

    /// The process id of the server (the postmaster).
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.keeper.pid()
    }

    /// Waits until the server has ended, for whatever reason; at once when it already has.
    ///
    /// Who keeps a cluster should also wait for this: a server that somebody killed is not
    /// started again.
    pub async fn exited(&self) -> ExitStatus {
        self.keeper.exited().await
    }

    /// Stops the server: a fast shutdown (open transactions are rolled back, a checkpoint is
    /// written), and harder ways when that takes too long. Nothing committed is lost in any case.
    ///
    /// # Errors
    /// [`ClusterError::StillRunning`] when not even SIGKILL ended it.
    pub async fn stop(self) -> Result<(), ClusterError> {
        self.keeper.stop().await
    }
}
