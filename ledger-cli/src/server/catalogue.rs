//! The plan catalogue: read at the start, and again whenever the process is told to (SIGHUP).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ledger_core::Catalogue;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::ServerError;

/// The catalogue in `file`, or the built-in one. On SIGHUP the file is read again, until `stop`; one
/// that is no catalogue leaves the old one in force. Without a file SIGHUP ends the process, as a
/// terminal that hangs up means it to.
///
/// # Errors
/// [`ServerError`] when the file cannot be read or is no catalogue.
pub(super) fn follow(
    file: Option<&Path>,
    stop: &CancellationToken,
) -> Result<watch::Receiver<Arc<Catalogue>>, ServerError> {
    let Some(file) = file else {
        return Ok(watch::channel(Arc::new(Catalogue::built_in())).1);
    };
    let (current, followed) = watch::channel(Arc::new(read(file)?));
    let hung_up = signal(SignalKind::hangup()).map_err(ServerError::Signal)?;
    tokio::spawn(read_again(file.to_owned(), current, hung_up, stop.clone()));
    Ok(followed)
}

async fn read_again(
    file: PathBuf,
    current: watch::Sender<Arc<Catalogue>>,
    mut hung_up: Signal,
    stop: CancellationToken,
) {
    while let Some(Some(())) = stop.run_until_cancelled(hung_up.recv()).await {
        match read(&file) {
            Ok(catalogue) => {
                current.send_replace(Arc::new(catalogue));
                tracing::info!(file = %file.display(), "the plan catalogue was read again");
            }
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the plan catalogue stays as it was"
            ),
        }
    }
}

/// The catalogue in `file`, or the built-in one, for a process that does not stay.
///
/// # Errors
/// [`ServerError`] when the file cannot be read or is no catalogue.
pub fn read_catalogue(file: Option<&Path>) -> Result<Catalogue, ServerError> {
    file.map_or_else(|| Ok(Catalogue::built_in()), read)
}

fn read(file: &Path) -> Result<Catalogue, ServerError> {
    let text = std::fs::read_to_string(file).map_err(|source| ServerError::CatalogueFile {
        file: file.to_owned(),
        source,
    })?;
    Catalogue::parse(&text).map_err(|source| ServerError::Catalogue {
        file: file.to_owned(),
        source,
    })
}
