//! Why a server does not start; each says what to do about it.

use std::io;
use std::path::PathBuf;

use ledger_core::plan::CatalogueError;
use ledger_store::StoreError;

use ledger_auth::AuthConfigError;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Something else listens there.
    #[error(
        "{address} is in use: stop what listens there, or choose another address with --listen"
    )]
    AddressInUse {
        /// Which address.
        address: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which address.
        address: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The system does not say where it listens.
    #[error("the address that was listened on cannot be found out")]
    Address(#[source] io::Error),
    /// Nobody said where Postgres is.
    #[error("no database is set: set DATABASE_URL, or database_url in the settings")]
    NoDatabase,
    /// Nobody could sign in, or the checks would be weak.
    #[error("tokens cannot be verified: look at the settings under jwt")]
    Tokens(#[source] AuthConfigError),
    /// The system does not let the process handle signals.
    #[error("signals cannot be handled")]
    Signal(#[source] io::Error),
    /// The catalogue cannot be read.
    #[error("cannot read the plan catalogue {file}")]
    CatalogueFile {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The catalogue is none.
    #[error("cannot use the plan catalogue {file}")]
    Catalogue {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        source: CatalogueError,
    },
    /// The database has no ledger in it, or an older one.
    #[error("the database is not ready for this program: run `ledger migrate`")]
    NotMigrated(#[source] StoreError),
    /// The database cannot be used.
    #[error("the database cannot be used")]
    Database(#[source] StoreError),
    /// It was told to stop before it had started.
    #[error("stopped before it was ready")]
    Stopped,
}
