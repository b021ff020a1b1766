//! Opens the database and checks that its schema is the one of this program.

use std::time::{Duration, Instant};

use ledger_store::{Database, DatabaseError, StoreError};
use secrecy::ExposeSecret as _;
use sqlx::{Connection as _, PgConnection};
use tokio_util::sync::CancellationToken;

use super::error::ServerError;
use crate::config::Settings;

/// How long a process that stays waits for its database: both may start at the same time.
pub const STARTUP_PATIENCE: Duration = Duration::from_secs(30);

/// Pause between two attempts to connect.
const CONNECT_PAUSE: Duration = Duration::from_millis(500);

/// Limit for one attempt to connect.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Opens the database of the settings once it is reachable and has every migration.
///
/// # Errors
/// [`ServerError`] if no database is set, it is unreachable for `patience`, or lacks a migration.
pub async fn open_database(
    settings: &Settings,
    patience: Duration,
    stop: &CancellationToken,
) -> Result<Database, ServerError> {
    let url = settings
        .database_url
        .as_ref()
        .ok_or(ServerError::NoDatabase)?
        .expose_secret();
    let database = Database::connect(url, settings.pool).map_err(ServerError::Database)?;
    let checked = stop
        .run_until_cancelled(check(url, &database, patience))
        .await;
    match checked.unwrap_or(Err(ServerError::Stopped)) {
        Ok(()) => Ok(database),
        Err(error) => {
            database.close().await;
            Err(error)
        }
    }
}

async fn check(url: &str, database: &Database, patience: Duration) -> Result<(), ServerError> {
    let started = Instant::now();
    while let Err(source) = connect(url).await {
        let error = DatabaseError::at("connecting")(source);
        if !error.is_transient() || started.elapsed() >= patience {
            return Err(ServerError::Database(error.into()));
        }
        tracing::warn!(error = %error.source, "could not connect to the database; will retry");
        tokio::time::sleep(CONNECT_PAUSE).await;
    }
    database.ready().await.map_err(|error| {
        if lacks_migrations(&error) {
            ServerError::NotMigrated(error)
        } else {
            ServerError::Database(error)
        }
    })
}

/// Connects once, outside of the pools, which retry by themselves and do not report the cause.
async fn connect(url: &str) -> Result<(), sqlx::Error> {
    match tokio::time::timeout(CONNECT_LIMIT, PgConnection::connect(url)).await {
        Ok(connected) => connected?.close().await,
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

/// Whether a migration is missing, including the first, which creates roles and tables.
fn lacks_migrations(error: &StoreError) -> bool {
    match error {
        StoreError::NotMigrated { .. } => true,
        StoreError::Database(DatabaseError {
            source: sqlx::Error::Database(error),
            ..
        }) => {
            error.code().is_some_and(|code| {
                // Postgres manual, appendix A: invalid_parameter_value (no such role),
                // insufficient_privilege, undefined_table.
                matches!(&*code, "22023" | "42501" | "42P01")
            })
        }
        StoreError::Database(_)
        | StoreError::Migrate(_)
        | StoreError::OtherPreRelease { .. }
        | StoreError::Unreadable { .. }
        | StoreError::Json(_)
        | StoreError::HeadMoved => false,
    }
}
