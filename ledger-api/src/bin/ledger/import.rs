//! `ledger import`

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use ledger_api::allocation_csv::{Import as Asked, ImportAnswer, ImportRefused, Table};
use ledger_api::config::Settings;
use ledger_api::limits::TABLE_BYTES_MAX;
use ledger_api::server::{open_database, read_catalogue, stop_on_signal};
use ledger_api::telemetry;
use ledger_core::{Actor, ActorId, Catalogue, CommandKey, Role, SchoolId, Timestamp};
use ledger_store::writer::Writer;
use ledger_store::{Database, Wakes};
use tokio::sync::watch;
use uuid::Uuid;

use crate::database_args::DatabaseArgs;
use crate::failure::Failure;
use crate::output::print_json;
use crate::token::stand_in;

/// Set what many members hold, from a CSV table in the form of `ledger export`
///
/// All rows or none, as POST …/allocations.csv does, by the same rules and through the same writer;
/// servers may run meanwhile. The log names as actor a platform_admin of the id that `ledger token`
/// gives him. Prints what changed as JSON, or says which rows are refused and why.
#[derive(Debug, clap::Args)]
pub struct Import {
    /// Whose allocations
    #[arg(long, value_name = "UUID")]
    school: Uuid,
    /// Why: it is kept with every change
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Tell what would come of it, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// The table, or - for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    database: DatabaseArgs,
}

impl Import {
    /// Reads, writes and prints.
    pub async fn run(self, mut settings: Settings) -> Result<(), Failure> {
        telemetry::log_to_stderr(&settings.log).map_err(Failure::usage)?;
        let bytes = self.read()?;
        let asked = Asked {
            table: Table::read(&bytes).map_err(failure)?,
            reason: self.reason,
            dry_run: self.dry_run,
        };
        self.database.apply(&mut settings)?;
        let catalogue = read_catalogue(settings.catalogue.as_deref()).map_err(Failure::no)?;
        let stop = stop_on_signal().map_err(Failure::no)?;
        let database = open_database(&settings, Duration::ZERO, &stop)
            .await
            .map_err(Failure::no)?;
        let answer = submit(
            &database,
            Arc::new(catalogue),
            &settings,
            SchoolId(self.school),
            &asked,
        )
        .await;
        database.close().await;
        print_json(&answer?)
    }

    /// The table, or a beginning that is too long to be one.
    fn read(&self) -> Result<Vec<u8>, Failure> {
        let most = TABLE_BYTES_MAX as u64;
        let mut bytes = Vec::new();
        let is_stdin = self.file.as_os_str() == "-";
        let read = if is_stdin {
            std::io::stdin().take(most + 1).read_to_end(&mut bytes)
        } else {
            std::fs::File::open(&self.file)
                .and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        };
        read.map_err(|error| Failure::no(format!("cannot read {}: {error}", self.file.display())))?;
        if bytes.len() > TABLE_BYTES_MAX {
            return Err(Failure::no(format!(
                "the table has more than {TABLE_BYTES_MAX} bytes: send it in parts"
            )));
        }
        Ok(bytes)
    }
}

/// Sends the command through a writer of this process, which takes turns with those of servers.
async fn submit(
    database: &Database,
    catalogue: Arc<Catalogue>,
    settings: &Settings,
    school_id: SchoolId,
    asked: &Asked,
) -> Result<ImportAnswer, Failure> {
    let role = Role::PlatformAdmin;
    let actor = Actor {
        role,
        id: ActorId(stand_in(role)),
    };
    let key = CommandKey::Fresh(Uuid::now_v7());
    let request = asked
        .request(key, actor, Timestamp::new(Utc::now()))
        .map_err(|problem| Failure::usage(problem.detail().to_owned()))?;
    let (_, followed) = watch::channel(Arc::clone(&catalogue));
    let (writer, shards) = Writer::start(
        database,
        &followed,
        &Wakes::default(),
        settings.writer.settings(),
    );
    let answer = writer.submit(school_id, request).await;
    drop(writer);
    shards.finish().await;
    match answer.map_err(Failure::no)? {
        Ok(receipt) => Ok(asked.answer(&receipt, &catalogue)),
        Err(refused) => Err(failure(asked.refused(refused))),
    }
}

/// Says on a line each which rows are refused.
fn failure(refused: ImportRefused) -> Failure {
    match refused {
        ImportRefused::Whole(problem) => Failure::no(problem.detail().to_owned()),
        ImportRefused::Rows { rows, .. } => {
            for row in &rows {
                eprintln!("ledger: {row}");
            }
            let n = rows.len();
            Failure::no(format!("{n} of the rows are refused, so none was done"))
        }
    }
}
