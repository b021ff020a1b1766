//! A Postgres of the test's own, with the migrations and nothing else.

use ledger_store::database::{PoolSizes, migrate};
use ledger_store::{Database, DatabaseRole};
use private_postgres::{ClusterOptions, PrivateCluster};
use sqlx::PgPool;
use tempfile::TempDir;

pub(crate) struct Postgres {
    // Fields drop from the top: the server stops before its folder goes.
    cluster: PrivateCluster,
    _folder: TempDir,
}

impl Postgres {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("auth").tempdir().unwrap();
        let options = ClusterOptions::new(folder.path()).with_setting("fsync", "off");
        let cluster = PrivateCluster::start(options).await.unwrap();
        migrate(&cluster.database_url()).await.unwrap();
        Self {
            cluster,
            _folder: folder,
        }
    }

    /// As the role that looks credentials up, and may do nothing else.
    pub(crate) fn authenticator(&self) -> PgPool {
        self.pool(DatabaseRole::Authenticator)
    }

    pub(crate) fn pool(&self, role: DatabaseRole) -> PgPool {
        let database = Database::connect(&self.cluster.database_url(), PoolSizes::default());
        database.unwrap().pool(role).clone()
    }
}
