//! Opens the database, and makes sure that it is the one that this program was written for.

use std::time::{Duration, Instant};

use ledger_store::{Database, DatabaseError, StoreError};
use secrecy::ExposeSecret as _;
use sqlx::{Connection as _, PgConnection};
use tokio_util::sync::CancellationToken;

use super::error::ServerError;
use crate::config::Settings;

/// How long a process that stays may wait for its database: both may have been started at the
/// same time.
pub const STARTUP_PATIENCE: Duration = Duration::from_secs(30);

/// The pause between looks.
const PAUSE: Duration = Duration::from_millis(500);

/// How long one look may take.
const LOOK_LIMIT: Duration = Duration::from_secs(5);

/// Opens the database of the settings once it answers and has every migration.
///
/// # Errors
/// [`ServerError`] when there is none, it does not answer within `patience`, or lacks a migration.
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
    let opened = tokio::select! {
        opened = check(url, &database, patience) => opened,
        () = stop.cancelled() => Err(ServerError::Stopped),
    };
    match opened {
        Ok(()) => Ok(database),
        Err(error) => {
            database.close().await;
            Err(error)
        }
    }
}

async fn check(url: &str, database: &Database, patience: Duration) -> Result<(), ServerError> {
    let started = Instant::now();
    while let Err(source) = look(url).await {
        let error = StoreError::at("connecting to it")(source);
        if !error.is_transient() || started.elapsed() >= patience {
            return Err(ServerError::Database(error));
        }
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::warn!(error = cause, "the database does not answer yet");
        tokio::time::sleep(PAUSE).await;
    }
    database.ready().await.map_err(|error| {
        if is_older(&error) {
            ServerError::NotMigrated(error)
        } else {
            ServerError::Database(error)
        }
    })
}

/// Connects once, outside of the pools: they try again by themselves and do not say why.
async fn look(url: &str) -> Result<(), sqlx::Error> {
    match tokio::time::timeout(LOOK_LIMIT, PgConnection::connect(url)).await {
        Ok(connected) => connected?.close().await,
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

/// Whether the roles or tables that the first migrations make are missing, or later ones.
fn is_older(error: &StoreError) -> bool {
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
