//! `ledger migrate`

use crate::config::Settings;
use crate::telemetry;
use ledger_store::database::migrate;
use secrecy::ExposeSecret as _;

use crate::database_args::DatabaseArgs;
use crate::failure::Failure;
use crate::output::print;

/// Bring the database's schema up to date
///
/// Runs the migrations that the database has not seen and prints how many are in force. Several
/// may run at once: they take turns.
#[derive(Debug, clap::Args)]
pub struct Migrate {
    #[command(flatten)]
    database: DatabaseArgs,
}

impl Migrate {
    /// Runs the migrations.
    pub async fn run(self, mut settings: Settings) -> Result<(), Failure> {
        telemetry::log_to_stderr(&settings.log).map_err(Failure::usage)?;
        self.database.apply(&mut settings)?;
        let Some(url) = &settings.database_url else {
            return Err(Failure::no("no database is set"));
        };
        let in_force = migrate(url.expose_secret()).await.map_err(Failure::no)?;
        print(&format!("{in_force} migrations are in force\n"))
    }
}
