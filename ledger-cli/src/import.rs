//! `ledger import`

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::Utc;
use ledger_api::allocation_csv::{Import as TableImport, ImportRefused, Table};
use ledger_api::limits::TABLE_BYTES_MAX;
use ledger_core::{Actor, ActorId, CommandKey, Role, SchoolId, Timestamp};
use uuid::Uuid;

use crate::config::Settings;
use crate::database_args::DatabaseArgs;
use crate::failure::Failure;
use crate::output::print_json;
use crate::server::read_catalogue;
use crate::subject::default_subject;
use crate::submit::submit;

/// Set allocations from a CSV table in the format of `ledger export`
///
/// All rows or none, by the rules of POST …/allocations.csv; servers can run meanwhile. The actor
/// in the log is a platform_admin with the default id of `ledger token`. Prints the changes as
/// JSON, or the refused rows with reasons.
#[derive(Debug, clap::Args)]
pub struct Import {
    /// Id of the school
    #[arg(long, value_name = "UUID")]
    school: Uuid,
    /// Reason, stored with every change
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Print the changes without making them
    #[arg(long)]
    dry_run: bool,
    /// Table, or - for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    database: DatabaseArgs,
}

impl Import {
    pub async fn run(self, mut settings: Settings) -> Result<(), Failure> {
        let bytes = self.read()?;
        let import = TableImport {
            table: Table::read(&bytes).map_err(failure)?,
            reason: self.reason,
            dry_run: self.dry_run,
        };
        let catalogue = Arc::new(read_catalogue(settings.catalogue.as_deref())?);
        let key = CommandKey::Fresh(Uuid::now_v7());
        let envelope = import
            .envelope(&key, actor(), Timestamp::new(Utc::now()))
            .map_err(|problem| Failure::usage(problem.detail()))?;
        let (database, _) = self.database.open(&mut settings).await?;
        let school = SchoolId(self.school);
        let answer = submit(&database, &settings, catalogue.clone(), school, envelope).await;
        database.close().await;
        match answer? {
            Ok(receipt) => print_json(&import.answer(&receipt, &catalogue)),
            Err(refused) => Err(failure(import.refused(refused))),
        }
    }

    fn read(&self) -> Result<Vec<u8>, Failure> {
        let limit = TABLE_BYTES_MAX as u64 + 1;
        let mut bytes = Vec::new();
        let read = if self.file.as_os_str() == "-" {
            io::stdin().take(limit).read_to_end(&mut bytes)
        } else {
            File::open(&self.file).and_then(|file| file.take(limit).read_to_end(&mut bytes))
        };
        read.map_err(|error| {
            Failure::new(format!("cannot read {}: {error}", self.file.display()))
        })?;
        if bytes.len() > TABLE_BYTES_MAX {
            return Err(Failure::new(format!(
                "the table has more than {TABLE_BYTES_MAX} bytes: split it"
            )));
        }
        Ok(bytes)
    }
}

fn actor() -> Actor {
    let role = Role::PlatformAdmin;
    let id = ActorId(default_subject(role));
    Actor { role, id }
}

/// Prints each refused row on a line of stderr.
fn failure(refused: ImportRefused) -> Failure {
    match refused {
        ImportRefused::Whole(problem) => Failure::new(problem.detail()),
        ImportRefused::Rows { rows, .. } => {
            for row in &rows {
                eprintln!("ledger: {row}");
            }
            let count = rows.len();
            Failure::new(format!("{count} rows are refused; no row was applied"))
        }
    }
}
