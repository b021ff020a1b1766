//! Errors of applying events and of reading read models.

use ledger_core::Seq;
use ledger_store::{DatabaseError, StoreError};
use sqlx::postgres::PgQueryResult;

/// A page of events could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A database operation failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The log could not be read.
    #[error("the log could not be read")]
    Log(#[from] StoreError),
    /// A newer program wrote an event of a kind that this one does not know.
    #[error("event {seq} is of the kind {kind:?}, which this program does not know")]
    UnknownKind {
        /// The event.
        seq: Seq,
        /// Its kind.
        kind: String,
    },
    /// An event is missing from the log.
    #[error("event {seq} is missing from the log")]
    Gap {
        /// The event.
        seq: Seq,
    },
    /// Usage precedes the school's registration, which states the time zone of its days.
    #[error("usage precedes the school's registration")]
    NoCalendar,
    /// A column of a read model has a word that is not of its vocabulary.
    #[error("column {0} of a read model has an unknown word")]
    UnknownWord(&'static str),
    /// A part of an event could not be serialized as JSON.
    #[error("a value could not be serialized as JSON")]
    Json(#[from] serde_json::Error),
}

impl ApplyError {
    /// Adds the operation to an error of the driver, for `map_err`.
    pub fn at(operation: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database(DatabaseError { operation, source })
    }

    /// Awaits a statement that returns no rows and names the operation if it fails.
    pub(crate) async fn run<S>(operation: &'static str, statement: S) -> Result<(), Self>
    where
        S: Future<Output = Result<PgQueryResult, sqlx::Error>> + Send,
    {
        statement.await.map(|_| ()).map_err(Self::at(operation))
    }

    /// Returns whether the cause is not the event, so that the same page may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) => error.is_transient(),
            Self::Log(error) => error.is_transient(),
            Self::UnknownKind { .. }
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
            Self::Database(_)
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

/// A read model could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A database operation failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The log could not be read.
    #[error("the log could not be read")]
    Log(#[from] StoreError),
    /// A column has a value that no version of this program wrote.
    #[error("column {0} of a read model has an invalid value")]
    Unreadable(&'static str),
}

impl ReadError {
    /// Adds the operation to an error of the driver, for `map_err`.
    pub fn at(operation: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database(DatabaseError { operation, source })
    }
}
