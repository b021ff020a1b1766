//! What can go wrong: with taking events in, and with reading what they amount to.

use ledger_core::Seq;
use ledger_store::StoreError;

/// A page of events could not be taken in.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Postgres refused or could not be reached.
    #[error("the database failed at {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// Postgres's or the driver's word.
        #[source]
        source: sqlx::Error,
    },
    /// The log could not be read.
    #[error("the log could not be read")]
    Log(#[from] StoreError),
    /// A newer program wrote an event that this one does not know.
    #[error("event {seq} is of the kind {kind:?}, which this program does not know")]
    UnknownKind {
        /// Which event.
        seq: Seq,
        /// Its kind.
        kind: String,
    },
    /// An event is missing from the log.
    #[error("event {seq} is missing from the log")]
    Gap {
        /// Which event.
        seq: Seq,
    },
    /// Usage of a school that was never registered, so that nobody knows when its days begin.
    #[error("there is usage before the school's registration")]
    NoCalendar,
    /// A read model holds a word that this program does not know.
    #[error("column {0} of a read model holds an unknown word")]
    UnknownWord(&'static str),
    /// A part of an event could not be turned into JSON.
    #[error("a value could not be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl ApplyError {
    /// For `map_err`: what was being done when Postgres failed.
    pub fn at(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source }
    }

    /// Whether the surroundings failed and not the event: the same page may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database { source, .. } | Self::Log(StoreError::Database { source, .. }) => {
                is_surroundings(source)
            }
            Self::Log(_)
            | Self::UnknownKind { .. }
            | Self::Gap { .. }
            | Self::NoCalendar
            | Self::UnknownWord(_)
            | Self::Json(_) => false,
        }
    }

    /// The event at fault, where the error knows it.
    #[must_use]
    pub fn seq(&self) -> Option<Seq> {
        match self {
            Self::Log(StoreError::Unreadable { seq, .. }) => Some(Seq(*seq)),
            Self::UnknownKind { seq, .. } | Self::Gap { seq } => Some(*seq),
            Self::Database { .. }
            | Self::Log(_)
            | Self::NoCalendar
            | Self::UnknownWord(_)
            | Self::Json(_) => None,
        }
    }

    /// The error and its causes in one line.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

/// Whether an error of Postgres or the driver says nothing about the rows that were written.
fn is_surroundings(error: &sqlx::Error) -> bool {
    // Classes of the Postgres manual, appendix A: connection, read-only transaction,
    // serialization, schema and privileges, resources, lock timeout, shutdown, system.
    const CLASSES: [&str; 8] = ["08", "25", "40", "42", "53", "55", "57", "58"];
    if let sqlx::Error::Database(error) = error {
        return error
            .code()
            .is_some_and(|code| CLASSES.iter().any(|class| code.starts_with(class)));
    }
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

/// A read model could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Postgres refused or could not be reached.
    #[error("the database failed at {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// Postgres's or the driver's word.
        #[source]
        source: sqlx::Error,
    },
    /// The log could not be read.
    #[error("the log could not be read")]
    Log(#[from] StoreError),
    /// A row holds what no version of this program wrote.
    #[error("column {0} of a read model holds no value of its kind")]
    Unreadable(&'static str),
}

impl ReadError {
    /// For `map_err`: what was being done when Postgres failed.
    pub fn at(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source }
    }
}
