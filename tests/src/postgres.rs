//! A private Postgres for one test, and databases on it with the migrations applied.

use ledger_store::database::{PoolSizes, migrate};
use ledger_store::{Database, DatabaseRole};
use private_postgres::{ClusterOptions, PrivateCluster};
use sqlx::PgPool;
use tempfile::TempDir;

/// A running Postgres whose folder goes with it.
#[derive(Debug)]
pub struct Postgres {
    // Fields drop from the top: the server stops before its folder goes.
    cluster: Option<PrivateCluster>,
    folder: TempDir,
}

impl Postgres {
    /// Starts a cluster in a folder of its own and applies the migrations.
    ///
    /// # Panics
    /// When Postgres cannot be started: nothing can be tested then.
    pub async fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("ledger")
            .tempdir()
            .expect("a folder");
        let mut postgres = Self {
            cluster: None,
            folder,
        };
        postgres.restart().await;
        migrate(&postgres.url())
            .await
            .expect("the migrations apply");
        postgres
    }

    /// Starts the cluster of this folder again, after it was stopped or killed.
    ///
    /// # Panics
    /// When Postgres cannot be started.
    pub async fn restart(&mut self) {
        self.cluster = None;
        let options = ClusterOptions::new(self.folder.path()).with_database("ledger");
        self.cluster = Some(
            PrivateCluster::start(options)
                .await
                .expect("a private Postgres"),
        );
    }

    /// The superuser's URL.
    ///
    /// # Panics
    /// When the cluster is stopped.
    #[must_use]
    pub fn url(&self) -> String {
        self.running().database_url()
    }

    /// The process id of the server.
    ///
    /// # Panics
    /// When the cluster is stopped.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.running().pid().cast_signed()
    }

    /// The ledger's pools on this server.
    ///
    /// # Panics
    /// When the URL cannot be read.
    #[must_use]
    pub fn database(&self) -> Database {
        Database::connect(&self.url(), PoolSizes::default()).expect("a readable URL")
    }

    /// A connection pool of the superuser.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn superuser(&self) -> PgPool {
        PgPool::connect(&self.url()).await.expect("a connection")
    }

    fn running(&self) -> &PrivateCluster {
        self.cluster.as_ref().expect("the cluster runs")
    }
}

/// One number that a query without parameters gives.
///
/// # Panics
/// When the query fails.
pub async fn number(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql)
        .fetch_one(pool)
        .await
        .expect("a number")
}

/// The pool of one role.
#[must_use]
pub fn role(database: &Database, role: DatabaseRole) -> PgPool {
    database.pool(role).clone()
}
