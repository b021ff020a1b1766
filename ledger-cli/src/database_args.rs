//! The database of a command: that of a running demo, or `DATABASE_URL`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ledger_store::Database;
use private_postgres::running_url;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::data_folder::{DATABASE, DEFAULT_FOLDER};
use crate::failure::Failure;
use crate::server::{open_database, stop_on_signal};
use crate::telemetry;

/// The database of a command.
#[derive(Debug, clap::Args)]
pub struct DatabaseArgs {
    /// Data folder of a running `ledger demo`. Without it: DATABASE_URL or the settings, then a
    /// demo running in .ledger
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

impl DatabaseArgs {
    /// Sets `database_url` in the settings.
    pub fn apply(&self, settings: &mut Settings) -> Result<(), Failure> {
        let folder = match &self.data_dir {
            Some(folder) => folder.as_path(),
            None if settings.database_url.is_some() => return Ok(()),
            None => Path::new(DEFAULT_FOLDER),
        };
        match running_url(folder, DATABASE) {
            Some(url) => {
                settings.database_url = Some(url.into());
                Ok(())
            }
            None if self.data_dir.is_some() => Err(Failure::new(format!(
                "no `ledger demo` of this user is running in {}: start it there, or omit \
                 --data-dir and set DATABASE_URL",
                folder.display()
            ))),
            None => Err(Failure::new(
                "no database: set DATABASE_URL (or database_url in the settings), or --data-dir \
                 to the data folder of a running `ledger demo`",
            )),
        }
    }

    /// Sets up logging and signals and opens the database, which must be ready at once. The token
    /// is cancelled by the first signal.
    pub async fn open(
        &self,
        settings: &mut Settings,
    ) -> Result<(Database, CancellationToken), Failure> {
        telemetry::log_to_stderr(&settings.log).map_err(Failure::usage)?;
        self.apply(settings)?;
        let stop = stop_on_signal()?;
        let database = open_database(settings, Duration::ZERO, &stop).await?;
        Ok((database, stop))
    }
}
