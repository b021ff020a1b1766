//! What can go wrong with the log itself, as against a refusal, which is an answer.

use ledger_core::catalog::UnreadableEvent;

/// The log could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Postgres refused or could not be reached.
    #[error("the database failed at {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// Postgres's or the driver's word.
        #[source]
        source: sqlx::Error,
    },
    /// The migrations could not be run.
    #[error("the migrations could not be run")]
    Migrate(#[source] Box<sqlx::migrate::MigrateError>),
    /// The database has the schema of another pre-release, which is not upgraded.
    #[error(
        "the database was created by another pre-release and is not upgraded; use an empty one"
    )]
    OtherPreRelease,
    /// The database is older than this program.
    #[error("{missing} migrations are not in force; run `ledger migrate`")]
    NotMigrated {
        /// How many.
        missing: i64,
    },
    /// An event of the log cannot be read by this program.
    #[error("event {seq} of school {school_id} cannot be read")]
    Unreadable {
        /// Whose stream.
        school_id: ledger_core::SchoolId,
        /// Which event.
        seq: i64,
        /// Why.
        #[source]
        source: Box<UnreadableRow>,
    },
    /// A state or event could not be turned into JSON.
    #[error("a value could not be written as JSON")]
    Json(#[source] serde_json::Error),
    /// Another process appended although the head was locked: the database is not the one that
    /// the migrations made.
    #[error("a stream's head moved under its lock")]
    HeadMoved,
}

/// Why a row of the event table is no event.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableRow {
    /// A column that its kind needs is missing or out of range.
    #[error("column {0} does not hold what its kind needs")]
    Column(&'static str),
    /// Kind, version or payload.
    #[error(transparent)]
    Event(#[from] UnreadableEvent),
}

impl StoreError {
    /// For `map_err`: what was being done when Postgres failed.
    pub fn at(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source }
    }

    /// Whether the same thing may succeed when done again: a lost connection, a deadlock, a
    /// serialization failure or a server that is starting or stopping.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        let Self::Database { source, .. } = self else {
            return false;
        };
        if let sqlx::Error::Database(error) = source {
            return error.code().is_some_and(|code| {
                // Class 08 connection, 57P0x shutdown and start-up (Postgres manual, appendix A).
                code.starts_with("08")
                    || matches!(&*code, "40001" | "40P01" | "57P01" | "57P02" | "57P03")
            });
        }
        // A protocol error is a connection that died in mid-message.
        matches!(
            source,
            sqlx::Error::Io(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::Protocol(_)
                | sqlx::Error::BeginFailed
        )
    }
}
