//! A database with the schema and no data.

use ledger_store::{Database, DatabaseRole};
use ledger_test_postgres::Postgres;
use sqlx::PgPool;

pub struct TestDatabase {
    pub database: Database,
    /// Connections of the superuser, who bypasses row security.
    pub admin: PgPool,
    postgres: Postgres,
}

pub async fn test_database() -> TestDatabase {
    let postgres = Postgres::start().await;
    TestDatabase {
        database: postgres.database(),
        admin: postgres.superuser().await,
        postgres,
    }
}

impl TestDatabase {
    /// Returns further pools on the same database, as another process has.
    pub fn another(&self) -> Database {
        self.postgres.database()
    }

    pub fn projector(&self) -> &PgPool {
        self.database.pool(DatabaseRole::Projector)
    }
}
