//! A private Postgres with the ledger's schema for each test.
//!
//! [`Postgres::start`] copies a prepared cluster instead of running initdb and the migrations; see
//! `template`. Each test has a server of its own, so that roles, settings and a crash of one test
//! affect no other. The server ends with its [`Postgres`], and with the test's process.

mod template;

use std::path::{Path, PathBuf};

use ledger_store::database::{PoolSizes, migrate};
use ledger_store::{Database, DatabaseRole};
use nix::sys::statvfs::statvfs;
use private_postgres::{ClusterOptions, PrivateCluster};
use sqlx::PgPool;
use tempfile::TempDir;

/// The database with the ledger's schema.
const DATABASE: &str = "ledger";

/// The settings of servers whose data need not survive a crash of the machine.
const NOT_DURABLE: [(&str, &str); 5] = [
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("shared_buffers", "32MB"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
];

/// The file system in memory for servers without durability. On ext4, creating the 1,400 files of a
/// cluster takes 0.4 s of CPU time if as many were deleted in the last five seconds.
const MEMORY: &str = "/dev/shm";

/// The least space in [`MEMORY`] to use it, bytes: tens of clusters of some 100 MB.
const MEMORY_BYTES_MIN: u64 = 4 << 30;

/// A running Postgres server in a temporary folder.
#[derive(Debug)]
pub struct Postgres {
    // Fields drop in this order: the server stops before its folder is deleted.
    cluster: Option<PrivateCluster>,
    folder: TempDir,
    options: ClusterOptions,
}

impl Postgres {
    /// Starts a server with the ledger's schema and without durability.
    ///
    /// # Panics
    /// If Postgres cannot be started.
    pub async fn start() -> Self {
        let template = template::data_folder().await;
        let options = |options| not_durable(options).with_template(template);
        Self::start_in(&scratch_folder(), options).await
    }

    /// Starts a server with the ledger's schema and the settings of a demo installation, for tests
    /// of durability. About a second slower than [`start`](Self::start).
    ///
    /// # Panics
    /// If Postgres cannot be started.
    pub async fn start_durable() -> Self {
        let postgres = Self::start_in(&std::env::temp_dir(), |options| options).await;
        migrate(&postgres.url())
            .await
            .expect("the migrations apply");
        postgres
    }

    async fn start_in(
        parent: &Path,
        options: impl FnOnce(ClusterOptions) -> ClusterOptions,
    ) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("ledger")
            .tempdir_in(parent)
            .expect("a temporary folder");
        let options = options(ClusterOptions::new(folder.path()).with_database(DATABASE));
        let mut postgres = Self {
            cluster: None,
            folder,
            options,
        };
        postgres.restart().await;
        postgres
    }

    /// Starts the server again on the same data, after it was stopped or killed.
    ///
    /// # Panics
    /// If Postgres cannot be started.
    pub async fn restart(&mut self) {
        debug_assert_eq!(self.options.data_dir, self.folder.path());
        self.cluster = None;
        let cluster = PrivateCluster::start(self.options.clone()).await;
        self.cluster = Some(cluster.expect("a private Postgres"));
    }

    /// Returns the superuser's URL of the database.
    ///
    /// # Panics
    /// If the server is stopped.
    #[must_use]
    pub fn url(&self) -> String {
        self.running().database_url()
    }

    /// Returns the process id of the server.
    ///
    /// # Panics
    /// If the server is stopped.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.running().pid().cast_signed()
    }

    /// Returns new connection pools of the ledger's roles.
    ///
    /// # Panics
    /// If the server is stopped.
    #[must_use]
    pub fn database(&self) -> Database {
        Database::connect(&self.url(), PoolSizes::default()).expect("a valid URL")
    }

    /// Returns a new connection pool of one role.
    ///
    /// # Panics
    /// If the server is stopped.
    #[must_use]
    pub fn pool(&self, role: DatabaseRole) -> PgPool {
        self.database().pool(role).clone()
    }

    /// Returns a new connection pool of the superuser.
    ///
    /// # Panics
    /// If the server does not accept connections.
    pub async fn superuser(&self) -> PgPool {
        PgPool::connect(&self.url()).await.expect("a connection")
    }

    fn running(&self) -> &PrivateCluster {
        self.cluster.as_ref().expect("the server runs")
    }
}

/// Returns the number that a query without parameters selects.
///
/// # Panics
/// If the query fails.
pub async fn number(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql)
        .fetch_one(pool)
        .await
        .expect("a number")
}

/// Returns the connection pool of one role.
#[must_use]
pub fn role(database: &Database, role: DatabaseRole) -> PgPool {
    database.pool(role).clone()
}

/// [`MEMORY`] if it has enough space, otherwise the temporary folder.
fn scratch_folder() -> PathBuf {
    let memory = statvfs(MEMORY);
    let available = memory.map_or(0, |space| space.blocks_available() * space.fragment_size());
    if available >= MEMORY_BYTES_MIN {
        PathBuf::from(MEMORY)
    } else {
        std::env::temp_dir()
    }
}

fn not_durable(options: ClusterOptions) -> ClusterOptions {
    NOT_DURABLE
        .into_iter()
        .fold(options, |options, (name, value)| {
            options.with_setting(name, value)
        })
}
