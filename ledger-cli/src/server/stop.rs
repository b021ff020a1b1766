//! Signals that ask the process to stop.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit status of a process that a second signal ended: 128 + SIGINT, as shells have it.
const ENDED_AT_ONCE: i32 = 130;

/// A token that the first SIGINT or SIGTERM cancels; the second ends the process at once, which
/// loses nothing that was acknowledged.
///
/// # Errors
/// When the system does not let the process handle signals.
pub fn stop_on_signal() -> io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping; a second signal stops at once");
        asked.cancel();
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        std::process::exit(ENDED_AT_ONCE);
    });
    Ok(stop)
}
