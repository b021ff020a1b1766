//! The part of a process that makes time happen in idle schools, and the writer that it needs.

use std::sync::Arc;

use ledger_core::Catalogue;
use ledger_projections::timekeeper::{Timekeeper, TimekeeperSettings};
use ledger_store::writer::{Writer, WriterTasks};
use ledger_store::{Database, Wakes};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{CLOSING_LIMIT, ServerError, WRITER_LIMIT, catalogue, within};
use crate::config::Settings;

/// Starts the writer that the settings describe.
///
/// # Errors
/// [`ServerError`] when the plan catalogue cannot be read.
pub fn start_writer(
    database: &Database,
    wakes: &Wakes,
    settings: &Settings,
    stop: &CancellationToken,
) -> Result<(Writer, WriterTasks, watch::Receiver<Arc<Catalogue>>), ServerError> {
    let catalogue = catalogue::follow(settings.catalogue.as_deref(), stop)?;
    let (writer, shards) = Writer::start(database, &catalogue, wakes, settings.writer);
    Ok((writer, shards, catalogue))
}

/// The timekeeper of this process, if it has one.
#[derive(Debug)]
pub struct Timekeeping {
    task: Option<JoinHandle<()>>,
    cancel: CancellationToken,
}

impl Timekeeping {
    /// Starts it, unless the settings say that this process has no workers.
    #[must_use]
    pub fn start(database: &Database, writer: &Writer, settings: &Settings) -> Self {
        let cancel = CancellationToken::new();
        let task = (settings.workers > 0).then(|| {
            let settings = TimekeeperSettings::default();
            Timekeeper::new(database.clone(), writer.clone(), settings).spawn(cancel.clone())
        });
        Self { task, cancel }
    }

    /// Stops it and gives its handle of the writer back, then the writer, once all that was sent
    /// is written.
    pub async fn stop(self, writer: Writer, shards: WriterTasks) {
        self.cancel.cancel();
        if let Some(task) = self.task {
            within(CLOSING_LIMIT, "what is due in idle schools", async {
                if let Err(error) = task.await {
                    tracing::error!(error = %error, "the timekeeper ended badly");
                }
            })
            .await;
        }
        drop(writer);
        let written = shards.finish();
        within(WRITER_LIMIT, "commands that were not written yet", written).await;
    }
}
