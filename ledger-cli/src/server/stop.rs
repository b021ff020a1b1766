//! Signals that stop the process.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit status after a second signal: 128 + SIGINT, as in shells.
const EXIT_STATUS: i32 = 130;

/// A token that the first SIGINT or SIGTERM cancels. The second ends the process at once, which
/// loses no acknowledged write.
///
/// # Errors
/// If the system does not let the process handle signals.
pub fn stop_on_signal() -> io::Result<CancellationToken> {
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut terminations = signal(SignalKind::terminate())?;
    let token = CancellationToken::new();
    let stop = token.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = interrupts.recv() => {}
                _ = terminations.recv() => {}
            }
        };
        next().await;
        tracing::info!("stopping; a second signal stops at once");
        stop.cancel();
        next().await;
        std::process::exit(EXIT_STATUS);
    });
    Ok(token)
}
