//! `ledger serve`

use crate::config::Settings;
use crate::failure::Failure;
use crate::output::print;
use crate::server::{Server, ServerError, listen, stop_on_signal};
use crate::telemetry;

/// Serve the HTTP API
///
/// Any number of processes can share a database. Each also keeps read models up to date, unless the
/// setting `workers` is 0. SIGINT or SIGTERM stops the process after the requests in flight; a
/// second signal stops it at once.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// Host and port to listen on; overrides the setting `listen`
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Print the effective settings without secrets and exit
    #[arg(long)]
    print_config: bool,
}

impl Serve {
    /// Serves until a signal.
    pub async fn run(self, mut settings: Settings) -> Result<(), Failure> {
        if let Some(address) = self.listen {
            settings.listen = address;
        }
        if self.print_config {
            return print(&settings.as_toml());
        }
        telemetry::log_to_stderr(&settings.log).map_err(Failure::usage)?;
        let metrics = telemetry::record_metrics()?;
        let stop = stop_on_signal()?;
        let listener = listen(&settings.listen).await?;
        let server = match Server::start(listener, &settings, metrics, stop).await {
            Err(ServerError::Stopped) => return Ok(()),
            result => result?,
        };
        print(&server.ready_line())?;
        server.run().await;
        Ok(())
    }
}
