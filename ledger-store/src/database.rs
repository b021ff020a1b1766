//! Connections: one pool per database role, so that each kind of work has only its own rights.

use std::str::FromStr as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::error::StoreError;

/// How long a request waits for a connection before it is told that the ledger is overloaded.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(5);

/// A statement of a tenant's read that runs longer is cancelled: every read is a page.
const READ_STATEMENT_LIMIT_MS: &str = "10000";

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");

/// What a connection may do; the migrations say what that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseRole {
    /// Append to the log.
    Writer,
    /// Read the log, write read models.
    Projector,
    /// Read as one tenant.
    Reader,
    /// Look up credentials.
    Authenticator,
    /// Fold the log as it stood.
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
    /// For reads as of the past, each of which folds about a thousand events on one core. Default 2.
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

/// The ledger's Postgres, as each of the roles. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    writer: PgPool,
    projector: PgPool,
    reader: PgPool,
    authenticator: PgPool,
    replayer: PgPool,
}

impl Database {
    /// Prepares the pools; connections are made when they are needed.
    ///
    /// # Errors
    /// [`StoreError::Database`] when `url` cannot be read.
    pub fn connect(url: &str, sizes: PoolSizes) -> Result<Self, StoreError> {
        let options =
            PgConnectOptions::from_str(url).map_err(StoreError::at("reading the database URL"))?;
        let pool = |role: DatabaseRole, most, settings: &[(&str, &str)]| {
            let options = options
                .clone()
                .application_name(role.as_str())
                .options([("role", role.as_str()), ("jit", "off")])
                .options(settings.iter().copied());
            PgPoolOptions::new()
                .max_connections(most)
                .acquire_timeout(ACQUIRE_LIMIT)
                .connect_lazy_with(options)
        };
        Ok(Self {
            // Acknowledged means committed to disk, whatever the server's default is.
            writer: pool(
                DatabaseRole::Writer,
                sizes.writer,
                &[
                    ("synchronous_commit", "on"),
                    ("idle_in_transaction_session_timeout", "60000"),
                    // Its few statements take arrays: a plan for each call's would cost more than
                    // it could save.
                    ("plan_cache_mode", "force_generic_plan"),
                ],
            ),
            // A read model that a crash sets back is folded again from its checkpoint.
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
                    // It reads along the keys and nothing else. Of a school that was just filled
                    // the planner knows too little to see that nothing is to be sorted.
                    ("enable_seqscan", "off"),
                    ("enable_bitmapscan", "off"),
                    ("enable_sort", "off"),
                ],
            ),
        })
    }

    /// The connections of one role.
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

    /// Whether Postgres answers as the writer, which is what accepting a debit needs, and has every
    /// migration that this program knows.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it does not answer, [`StoreError::NotMigrated`] when it lacks
    /// one.
    pub async fn ready(&self) -> Result<(), StoreError> {
        let known: Vec<i64> = MIGRATIONS
            .iter()
            .map(|migration| migration.version)
            .collect();
        let missing: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM unnest($1::int8[]) AS known (version)
              WHERE NOT EXISTS (
                  SELECT FROM _sqlx_migrations AS ran
                   WHERE ran.version = known.version AND ran.success
              )",
        )
        .bind(&known)
        .fetch_one(&self.writer)
        .await
        .map_err(StoreError::at("asking whether the database is ready"))?;
        if missing == 0 {
            Ok(())
        } else {
            Err(StoreError::NotMigrated { missing })
        }
    }

    /// Closes every connection once it is given back.
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

/// Runs the migrations that the database at `url` has not seen; says how many are in force.
///
/// # Errors
/// [`StoreError`] when the database cannot be reached, a migration fails, or the schema is that of
/// another pre-release.
pub async fn migrate(url: &str) -> Result<usize, StoreError> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_LIMIT)
        .connect(url)
        .await
        .map_err(StoreError::at("connecting to run the migrations"))?;
    let ran = MIGRATIONS.run(&pool).await;
    pool.close().await;
    ran.map_err(|error| match error {
        MigrateError::VersionMismatch(_) | MigrateError::VersionMissing(_) => {
            StoreError::OtherPreRelease
        }
        other => StoreError::Migrate(Box::new(other)),
    })?;
    Ok(MIGRATIONS.iter().count())
}
