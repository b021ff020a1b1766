//! `ledger rebuild`

use ledger_projections::{ProjectionName, Registry, rebuild};

use crate::config::Settings;
use crate::database_args::DatabaseArgs;
use crate::failure::Failure;
use crate::output::print;

/// Rebuild a read model from the log
///
/// Reads use the old build until the new one has caught up. The next rebuild of the same read model
/// continues an interrupted one.
#[derive(Debug, clap::Args)]
pub struct Rebuild {
    /// Read model: roster, balance, history, requests, usage or unattributed
    #[arg(long, value_name = "NAME")]
    projection: ProjectionName,
    #[command(flatten)]
    database: DatabaseArgs,
}

impl Rebuild {
    pub async fn run(self, mut settings: Settings) -> Result<(), Failure> {
        let (database, stop) = self.database.open(&mut settings).await?;
        let registry = Registry::standard();
        let rebuilt = rebuild::rebuild(&database, &registry, self.projection, &stop).await;
        database.close().await;
        let rebuilt = rebuilt?;
        print(&format!(
            "{} is rebuilt: build {} is live, {} old rows are deleted\n",
            self.projection, rebuilt.build.0, rebuilt.deleted_rows
        ))
    }
}
