//! What can go wrong: with taking events in, and with reading what they amount to.

use ledger_core::Seq;
use ledger_store::{DatabaseError, StoreError};

/// A page of events could not be taken in.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A database operation failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
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
    /// Adds the operation to an error of the driver, for `map_err`.
    pub fn at(operation: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database(DatabaseError { operation, source })
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
    /// A row holds what no version of this program wrote.
    #[error("column {0} of a read model holds no value of its kind")]
    Unreadable(&'static str),
}

impl ReadError {
    /// Adds the operation to an error of the driver, for `map_err`.
    pub fn at(operation: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database(DatabaseError { operation, source })
    }
}
