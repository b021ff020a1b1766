//! `ledger import`

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Settings;
use crate::server::{open_database, read_catalogue, stop_on_signal};
use crate::telemetry;
use chrono::Utc;
use ledger_api::allocation_csv::{Import as Asked, ImportRefused, Table};
use ledger_api::limits::TABLE_BYTES_MAX;
use ledger_core::{Actor, ActorId, CommandKey, Role, SchoolId, Timestamp};
use uuid::Uuid;

use crate::database_args::DatabaseArgs;
use crate::failure::Failure;
use crate::output::print_json;
use crate::submit::submit;
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
        let catalogue = Arc::new(catalogue);
        let school = SchoolId(self.school);
        let request = asked.request(key(), actor(), Timestamp::new(Utc::now()));
        let answer = match request {
            Ok(request) => submit(&database, &settings, catalogue.clone(), school, request).await,
            Err(problem) => Err(Failure::usage(problem.detail().to_owned())),
        };
        database.close().await;
        match answer? {
            Ok(receipt) => print_json(&asked.answer(&receipt, &catalogue)),
            Err(refused) => Err(failure(asked.refused(refused))),
        }
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

/// Who imports, as the log has it.
fn actor() -> Actor {
    let role = Role::PlatformAdmin;
    let id = ActorId(stand_in(role));
    Actor { role, id }
}

/// Each import is another one: what it finds done already, it leaves.
fn key() -> CommandKey {
    CommandKey::Fresh(Uuid::now_v7())
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
            Failure::no(format!("{n} rows are refused; no row was applied"))
        }
    }
}
