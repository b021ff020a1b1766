//! A command from the command line: through a writer of this process, which takes turns with those
//! of servers that run.

use std::sync::Arc;

use crate::config::Settings;
use ledger_core::{Catalogue, SchoolId};
use ledger_store::writer::{Answer, Envelope, Writer};
use ledger_store::{Database, Wakes};
use tokio::sync::watch;

use crate::failure::Failure;

/// Has one command decided on this catalogue and written.
pub async fn submit(
    database: &Database,
    settings: &Settings,
    catalogue: Arc<Catalogue>,
    school_id: SchoolId,
    envelope: Envelope,
) -> Result<Answer, Failure> {
    let (_, catalogue) = watch::channel(catalogue);
    let (writer, shards) = Writer::start(database, &catalogue, &Wakes::default(), settings.writer);
    let answer = writer.submit(school_id, envelope).await;
    drop(writer);
    shards.finish().await;
    answer.map_err(Failure::no)
}
