//! Connections: one pool per database role, so that each kind of work has only its own privileges.

use std::collections::BTreeMap;
use std::str::FromStr as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions};
use sqlx::query::Query;
use sqlx::{PgConnection, PgPool, Postgres};

use crate::error::StoreError;

/// The time limit for a connection of a pool.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(5);

/// The time limit of a reading statement: every read is a page.
const READ_STATEMENT_LIMIT_MS: &str = "10000";

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");

/// The database role of a connection; the migrations grant its privileges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseRole {
    /// Appends to the log.
    Writer,
    /// Reads the log, writes read models.
    Projector,
    /// Reads as one tenant.
    Reader,
    /// Looks up credentials.
    Authenticator,
    /// Reads the log as of the past.
    Replayer,
}

impl DatabaseRole {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Writer => "ledger_writer",
            Self::Projector => "ledger_projector",
            Self::Reader => "ledger_reader",
            Self::Authenticator => "ledger_authenticator",
            Self::Replayer => "ledger_replayer",
        }
    }
}

/// The maximum number of connections of each pool. Their sum over all processes must stay below
/// `max_connections` of the server.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoolSizes {
    /// For writing the log: one per writer shard, and at least one for snapshots. Default 8.
    pub writer: u32,
    /// For read models: one per worker, and at least one for freshness polls. Default 6.
    pub projector: u32,
    /// For requests that read; further ones wait. Default 16.
    pub reader: u32,
    /// For credential look-ups, most of which are cached. Default 4.
    pub authenticator: u32,
    /// For reads as of the past; each folds about a thousand events on one core. Default 2.
    pub replayer: u32,
}

impl Default for PoolSizes {
    fn default() -> Self {
        Self {
            writer: 8,
            projector: 6,
            reader: 16,
            authenticator: 4,
            replayer: 2,
        }
    }
}

/// The connection pools, one per role. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    writer: PgPool,
    projector: PgPool,
    reader: PgPool,
    authenticator: PgPool,
    replayer: PgPool,
}

impl Database {
    /// Creates the pools; connections are opened when they are needed.
    ///
    /// # Errors
    /// [`StoreError::Database`] if `url` is not a database URL.
    pub fn connect(url: &str, sizes: PoolSizes) -> Result<Self, StoreError> {
        let options =
            PgConnectOptions::from_str(url).map_err(StoreError::at("parsing the database URL"))?;
        let pool = |role: DatabaseRole, max_connections, settings: &[(&str, &str)]| {
            let options = options
                .clone()
                .application_name(role.as_str())
                .options([("role", role.as_str()), ("jit", "off")])
                .options(settings.iter().copied());
            PgPoolOptions::new()
                .max_connections(max_connections)
                .acquire_timeout(ACQUIRE_LIMIT)
                .connect_lazy_with(options)
        };
        Ok(Self {
            // Acknowledged commits are on disk, independent of the server's default.
            writer: pool(
                DatabaseRole::Writer,
                sizes.writer,
                &[
                    ("synchronous_commit", "on"),
                    ("idle_in_transaction_session_timeout", "60000"),
                    // The statements take arrays: planning each call costs more than it saves.
                    ("plan_cache_mode", "force_generic_plan"),
                ],
            ),
            // After a crash, read models are applied again from their checkpoints.
            projector: pool(
                DatabaseRole::Projector,
                sizes.projector,
                &[
                    ("synchronous_commit", "off"),
                    ("plan_cache_mode", "force_generic_plan"),
                ],
            ),
            reader: pool(
                DatabaseRole::Reader,
                sizes.reader,
                &[("statement_timeout", READ_STATEMENT_LIMIT_MS)],
            ),
            authenticator: pool(DatabaseRole::Authenticator, sizes.authenticator, &[]),
            replayer: pool(
                DatabaseRole::Replayer,
                sizes.replayer,
                &[
                    ("default_transaction_read_only", "on"),
                    ("statement_timeout", READ_STATEMENT_LIMIT_MS),
                    // All reads follow the primary key. For a school that was just filled, the
                    // planner has no statistics and would sort.
                    ("enable_seqscan", "off"),
                    ("enable_bitmapscan", "off"),
                    ("enable_sort", "off"),
                ],
            ),
        })
    }

    /// Returns the pool of one role.
    #[must_use]
    pub const fn pool(&self, role: DatabaseRole) -> &PgPool {
        match role {
            DatabaseRole::Writer => &self.writer,
            DatabaseRole::Projector => &self.projector,
            DatabaseRole::Reader => &self.reader,
            DatabaseRole::Authenticator => &self.authenticator,
            DatabaseRole::Replayer => &self.replayer,
        }
    }

    /// Checks that Postgres answers as the writer, which accepting a debit requires, and that the
    /// schema is the one of this program: its migrations or later ones.
    ///
    /// # Errors
    /// [`StoreError::Database`] if it does not answer, [`StoreError::NotMigrated`] if migrations
    /// are missing, [`StoreError::OtherPreRelease`] if one differs.
    pub async fn ready(&self) -> Result<(), StoreError> {
        let applied: Vec<(i64, Vec<u8>)> =
            sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations WHERE success")
                .fetch_all(&self.writer)
                .await
                .map_err(StoreError::at("reading the applied migrations"))?;
        let applied: BTreeMap<i64, Vec<u8>> = applied.into_iter().collect();
        let mut missing = 0;
        for migration in MIGRATIONS.iter() {
            let version = migration.version;
            match applied.get(&version) {
                Some(checksum) if *checksum == *migration.checksum => {}
                Some(_) => return Err(StoreError::OtherPreRelease { version }),
                None => missing += 1,
            }
        }
        if missing == 0 {
            Ok(())
        } else {
            Err(StoreError::NotMigrated { missing })
        }
    }

    /// Closes all pools; waits for connections in use.
    pub async fn close(&self) {
        for pool in [
            &self.writer,
            &self.projector,
            &self.reader,
            &self.authenticator,
            &self.replayer,
        ] {
            pool.close().await;
        }
    }
}

/// Executes a statement whose result is not needed.
pub(crate) async fn execute_in_tx(
    tx: &mut PgConnection,
    statement: Query<'_, Postgres, PgArguments>,
    operation: &'static str,
) -> Result<(), StoreError> {
    let executed = statement.execute(tx).await;
    executed.map(|_| ()).map_err(StoreError::at(operation))
}

/// Runs the migrations that are missing in the database at `url`; returns the number of migrations
/// that are in force.
///
/// # Errors
/// [`StoreError`] if the database cannot be reached, a migration fails, or the schema is that of
/// another pre-release.
pub async fn migrate(url: &str) -> Result<usize, StoreError> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_LIMIT)
        .connect(url)
        .await
        .map_err(StoreError::at("connecting to run the migrations"))?;
    let result = MIGRATIONS.run(&pool).await;
    pool.close().await;
    match result {
        Ok(()) => Ok(MIGRATIONS.iter().count()),
        // Before 0.1.0 the migrations change in place.
        Err(MigrateError::VersionMismatch(version) | MigrateError::VersionMissing(version)) => {
            Err(StoreError::OtherPreRelease { version })
        }
        Err(error) => Err(StoreError::Migrate(Box::new(error))),
    }
}
