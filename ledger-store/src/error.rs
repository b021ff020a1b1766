//! Errors of the log and of the database. A refusal is an answer, not an error.

use ledger_core::SchoolId;
use ledger_core::catalog::UnreadableEvent;

/// A database operation failed.
#[derive(Debug, thiserror::Error)]
#[error("database error while {operation}")]
pub struct DatabaseError {
    /// The operation, as a gerund: "reading the log".
    pub operation: &'static str,
    /// The error of Postgres or of the driver.
    #[source]
    pub source: sqlx::Error,
}

impl DatabaseError {
    /// Adds the operation to an error of the driver, for `map_err`.
    pub fn at(operation: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self { operation, source }
    }

    /// Returns whether the operation may succeed when it is repeated: see [`is_transient`].
    #[must_use]
    pub fn is_transient(&self) -> bool {
        is_transient(&self.source)
    }
}

/// Returns whether an error is independent of the data, so that the same operation may succeed
/// later: a lost connection, a deadlock, a server that is starting, stopping or out of resources.
#[must_use]
pub fn is_transient(error: &sqlx::Error) -> bool {
    // Classes of the Postgres manual, appendix A: connection, read-only transaction,
    // serialization, schema and privileges, resources, lock timeout, shutdown, system.
    const CLASSES: [&str; 8] = ["08", "25", "40", "42", "53", "55", "57", "58"];
    if let sqlx::Error::Database(error) = error {
        return error
            .code()
            .is_some_and(|code| CLASSES.iter().any(|class| code.starts_with(class)));
    }
    // A protocol error is a connection that ended within a message.
    matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed
    )
}

/// The log could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A database operation failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The migrations could not be run.
    #[error("the migrations could not be run")]
    Migrate(#[source] Box<sqlx::migrate::MigrateError>),
    /// The database has the schema of another pre-release, which cannot be upgraded.
    #[error(
        "the database was created by another pre-release (migration {version} differs): create a \
         new database, or remove the data folder"
    )]
    OtherPreRelease {
        /// The first migration that differs.
        version: i64,
    },
    /// The database has not all migrations of this program.
    #[error("{missing} migrations are missing in the database; run `ledger migrate`")]
    NotMigrated {
        /// The number of missing migrations.
        missing: i64,
    },
    /// An event of the log cannot be decoded by this program.
    #[error("event {seq} of school {school_id} cannot be read")]
    Unreadable {
        /// The school of the stream.
        school_id: SchoolId,
        /// The position of the event.
        seq: i64,
        /// The cause.
        #[source]
        source: Box<UnreadableRow>,
    },
    /// A state or event could not be encoded as JSON.
    #[error("a value could not be written as JSON")]
    Json(#[source] serde_json::Error),
    /// A head moved while it was locked: the schema is not the one of the migrations.
    #[error("the head of a stream moved under its lock")]
    HeadMoved,
}

/// A row of the event table could not be decoded.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableRow {
    /// A column that the kind requires is missing or out of range.
    #[error("column {0} has no valid value for the kind")]
    Column(&'static str),
    /// The kind, version or payload is invalid.
    #[error(transparent)]
    Event(#[from] UnreadableEvent),
}

impl StoreError {
    /// Adds the operation to an error of the driver, for `map_err`.
    pub fn at(operation: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database(DatabaseError { operation, source })
    }

    /// Returns whether the operation may succeed when it is repeated: see [`is_transient`].
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_transient())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_independent_of_the_data_are_transient() {
        assert!(StoreError::at("reading")(sqlx::Error::PoolTimedOut).is_transient());
        assert!(StoreError::at("reading")(sqlx::Error::PoolClosed).is_transient());
        assert!(!StoreError::at("reading")(sqlx::Error::RowNotFound).is_transient());
        assert!(!StoreError::HeadMoved.is_transient());
    }
}
