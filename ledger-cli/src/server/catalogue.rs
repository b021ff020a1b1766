//! The plan catalogue, read at start and reloaded on SIGHUP.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ledger_core::Catalogue;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::ServerError;

/// The catalogue in `file`, or the built-in one. SIGHUP reloads the file until `stop`; an invalid
/// file keeps the previous catalogue. Without a file SIGHUP ends the process, its default action.
///
/// # Errors
/// [`ServerError`] if the file cannot be read or is not a catalogue.
pub(super) fn follow(
    file: Option<&Path>,
    stop: &CancellationToken,
) -> Result<watch::Receiver<Arc<Catalogue>>, ServerError> {
    let (current, receiver) = watch::channel(Arc::new(read_catalogue(file)?));
    if let Some(file) = file {
        let hangups = signal(SignalKind::hangup()).map_err(ServerError::Signal)?;
        tokio::spawn(reload(file.to_owned(), current, hangups, stop.clone()));
    }
    Ok(receiver)
}

async fn reload(
    file: PathBuf,
    current: watch::Sender<Arc<Catalogue>>,
    mut hangups: Signal,
    stop: CancellationToken,
) {
    while let Some(Some(())) = stop.run_until_cancelled(hangups.recv()).await {
        match read(&file) {
            Ok(catalogue) => {
                current.send_replace(Arc::new(catalogue));
                tracing::info!(file = %file.display(), "plan catalogue reloaded");
            }
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "could not reload the plan catalogue; the previous one stays in force"
            ),
        }
    }
}

/// The catalogue in `file`, or the built-in one.
///
/// # Errors
/// [`ServerError`] if the file cannot be read or is not a catalogue.
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
