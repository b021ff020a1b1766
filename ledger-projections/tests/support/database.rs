//! A database with the migrations and no data, which is dropped with its handle.

use ledger_store::database::{PoolSizes, migrate};
use ledger_store::{Database, DatabaseRole};
use private_postgres::{ClusterOptions, PrivateCluster};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};
use tempfile::TempDir;
use uuid::Uuid;

/// Names a server to make databases on; without it every test runs a private cluster.
const SERVER: &str = "LEDGER_TEST_DATABASE_URL";

pub struct TestDatabase {
    pub url: String,
    pub database: Database,
    /// As the superuser, whom no policy binds.
    pub admin: PgPool,
    home: Home,
}

enum Home {
    /// A database on a server that others use too: the server's URL and the database's name.
    Server(String, String),
    /// Stopped and deleted when dropped, in this order.
    Cluster(
        #[expect(dead_code)] PrivateCluster,
        #[expect(dead_code)] TempDir,
    ),
}

pub async fn test_database() -> TestDatabase {
    let (url, home) = match std::env::var(SERVER) {
        Ok(server) => {
            let name = format!("proj_test_{}", Uuid::new_v4().simple());
            run(&server, &format!("CREATE DATABASE {name}")).await;
            let (base, _) = server.rsplit_once('/').unwrap();
            (format!("{base}/{name}"), Home::Server(server, name))
        }
        Err(_) => {
            let folder = TempDir::new().unwrap();
            let options = ClusterOptions::new(folder.path()).with_setting("fsync", "off");
            let cluster = PrivateCluster::start(options).await.unwrap();
            (cluster.database_url(), Home::Cluster(cluster, folder))
        }
    };
    migrate(&url).await.unwrap();
    TestDatabase {
        database: connect(&url),
        admin: PgPool::connect(&url).await.unwrap(),
        url,
        home,
    }
}

impl TestDatabase {
    /// Other pools on the same database, as another process has.
    pub fn another(&self) -> Database {
        connect(&self.url)
    }

    pub fn projector(&self) -> &PgPool {
        self.database.pool(DatabaseRole::Projector)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Home::Server(server, name) = &self.home {
            let (server, drop) = (server.clone(), format!("DROP DATABASE {name} WITH (FORCE)"));
            // A runtime of its own: this one may be ending.
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(run(&server, &drop));
            })
            .join()
            .unwrap();
        }
    }
}

fn connect(url: &str) -> Database {
    Database::connect(url, PoolSizes::default()).unwrap()
}

async fn run(server: &str, sql: &str) {
    let mut conn = PgConnection::connect(server).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
}
