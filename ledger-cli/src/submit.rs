//! Commands from the command line. They use a writer of this process, which takes turns with those
//! of running servers.

use std::sync::Arc;

use ledger_core::{Catalogue, SchoolId};
use ledger_store::writer::{Answer, Envelope, WriteError, Writer};
use ledger_store::{Database, Wakes};
use tokio::sync::watch;

use crate::config::Settings;

/// Decides and writes one command.
pub async fn submit(
    database: &Database,
    settings: &Settings,
    catalogue: Arc<Catalogue>,
    school_id: SchoolId,
    envelope: Envelope,
) -> Result<Answer, WriteError> {
    let (_, catalogue) = watch::channel(catalogue);
    let (writer, tasks) = Writer::start(database, &catalogue, &Wakes::default(), settings.writer);
    let answer = writer.submit(school_id, envelope).await;
    drop(writer);
    tasks.finish().await;
    answer
}
