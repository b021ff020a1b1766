//! `ledger serve`

use crate::config::Settings;
use crate::server::{Server, ServerError, listen, stop_on_signal};
use crate::telemetry;

use crate::failure::Failure;
use crate::output::print;

/// Serve the HTTP API on the database that the settings name
///
/// Any number may run on one database. Each also keeps the read models up to date, unless its
/// setting `workers` is 0. SIGINT or SIGTERM stops it once the requests in flight are answered; a
/// second one stops it at once.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// Where to listen, host and port; wins over the setting `listen`
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Print the settings that are in force, without secrets, and exit
    #[arg(long)]
    print_config: bool,
}

impl Serve {
    /// Serves until it is told to stop.
    pub async fn run(self, mut settings: Settings) -> Result<(), Failure> {
        if let Some(address) = self.listen {
            settings.listen = address;
        }
        if self.print_config {
            return print(&settings.shown());
        }
        telemetry::log_to_stderr(&settings.log).map_err(Failure::usage)?;
        let metrics = telemetry::record_metrics().map_err(Failure::no)?;
        let stop = stop_on_signal().map_err(Failure::no)?;
        let listener = listen(&settings.listen).await.map_err(Failure::no)?;
        let server = match Server::start(listener, &settings, metrics, stop).await {
            Err(ServerError::Stopped) => return Ok(()),
            result => result.map_err(Failure::no)?,
        };
        print(&format!(
            "ledger: listening on http://{}\n",
            server.address()
        ))?;
        server.run().await;
        Ok(())
    }
}
