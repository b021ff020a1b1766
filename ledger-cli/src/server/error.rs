//! Errors at the start of a process. Each says what to do.

use std::io;
use std::path::PathBuf;

use ledger_auth::AuthConfigError;
use ledger_core::plan::CatalogueError;
use ledger_store::StoreError;

/// A process could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Another process listens on the address.
    #[error("{address} is in use: stop that process, or choose another address with --listen")]
    AddressInUse { address: String },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        address: String,
        #[source]
        source: io::Error,
    },
    /// The system does not report the listener's address.
    #[error("cannot determine the address of the listener")]
    Address(#[source] io::Error),
    /// No database is set.
    #[error("no database is set: set DATABASE_URL, or database_url in the settings")]
    NoDatabase,
    /// The token settings cannot be used.
    #[error("cannot verify tokens: check the settings under jwt")]
    Tokens(#[source] AuthConfigError),
    /// The system does not let the process handle signals.
    #[error("cannot handle signals")]
    Signal(#[source] io::Error),
    /// The plan catalogue cannot be read.
    #[error("cannot read the plan catalogue {file}")]
    CatalogueFile {
        file: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The file is not a plan catalogue.
    #[error("invalid plan catalogue {file}")]
    Catalogue {
        file: PathBuf,
        #[source]
        source: CatalogueError,
    },
    /// The database lacks a migration.
    #[error("the database is not ready for this version: run `ledger migrate`")]
    NotMigrated(#[source] StoreError),
    /// The database cannot be used.
    #[error("cannot use the database")]
    Database(#[source] StoreError),
    /// The process received a signal before it was ready.
    #[error("stopped before it was ready")]
    Stopped,
}
