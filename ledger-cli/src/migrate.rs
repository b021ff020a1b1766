//! `ledger migrate`

use ledger_store::database::migrate;
use secrecy::ExposeSecret as _;

use crate::config::Settings;
use crate::database_args::DatabaseArgs;
use crate::failure::Failure;
use crate::output::print;
use crate::server::ServerError;
use crate::telemetry;

/// Apply the migrations to the database
///
/// Prints how many are in force. Concurrent runs wait for each other.
#[derive(Debug, clap::Args)]
pub struct Migrate {
    #[command(flatten)]
    database: DatabaseArgs,
}

impl Migrate {
    pub async fn run(self, mut settings: Settings) -> Result<(), Failure> {
        telemetry::log_to_stderr(&settings.log).map_err(Failure::usage)?;
        self.database.apply(&mut settings)?;
        let url = settings.database_url.ok_or(ServerError::NoDatabase)?;
        let in_force = migrate(url.expose_secret()).await?;
        print(&format!("{in_force} migrations are in force\n"))
    }
}
