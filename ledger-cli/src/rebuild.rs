//! `ledger rebuild`

use std::time::Duration;

use crate::config::Settings;
use crate::server::{open_database, stop_on_signal};
use crate::telemetry;
use ledger_projections::{ProjectionName, Registry, rebuild};

use crate::database_args::DatabaseArgs;
use crate::failure::Failure;
use crate::output::print;

/// Make a read model anew from the log
///
/// Reads go on from the old one until the new one has caught up. What is interrupted is continued
/// by the next rebuild of the same read model.
#[derive(Debug, clap::Args)]
pub struct Rebuild {
    /// Which read model: roster, balance, history, requests, usage or unattributed
    #[arg(long, value_name = "NAME")]
    projection: ProjectionName,
    #[command(flatten)]
    database: DatabaseArgs,
}

impl Rebuild {
    /// Rebuilds it.
    pub async fn run(self, mut settings: Settings) -> Result<(), Failure> {
        telemetry::log_to_stderr(&settings.log).map_err(Failure::usage)?;
        self.database.apply(&mut settings)?;
        let stop = stop_on_signal().map_err(Failure::no)?;
        let database = open_database(&settings, Duration::ZERO, &stop)
            .await
            .map_err(Failure::no)?;
        let rebuilt =
            rebuild::rebuild(&database, &Registry::standard(), self.projection, &stop).await;
        database.close().await;
        let rebuilt = rebuilt.map_err(Failure::no)?;
        print(&format!(
            "{} is rebuilt: build {} is read now, {} old rows are deleted\n",
            self.projection, rebuilt.build.0, rebuilt.deleted_rows
        ))
    }
}
