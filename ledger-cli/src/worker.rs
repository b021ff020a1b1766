//! `ledger worker`

use crate::config::Settings;
use crate::failure::Failure;
use crate::server::{
    Background, STARTUP_PATIENCE, ServerError, listen, open_database, serve_probes, stop_on_signal,
};
use crate::telemetry;

/// Keep read models up to date and record due events of idle schools
///
/// Any number of processes can share a database; they divide the work. SIGINT or SIGTERM stops the
/// process.
#[derive(Debug, clap::Args)]
pub struct Worker {
    /// Host and port to serve /healthz and /metrics on
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

impl Worker {
    /// Works until a signal.
    pub async fn run(self, settings: Settings) -> Result<(), Failure> {
        if settings.workers == 0 {
            return Err(Failure::usage("the setting workers must be at least 1"));
        }
        telemetry::log_to_stderr(&settings.log).map_err(Failure::usage)?;
        let stop = stop_on_signal()?;
        let probes = match &self.listen {
            // Without an endpoint, recorded metrics would only use memory.
            Some(address) => Some((listen(address).await?, telemetry::record_metrics()?)),
            None => None,
        };
        let database = match open_database(&settings, STARTUP_PATIENCE, &stop).await {
            Err(ServerError::Stopped) => return Ok(()),
            result => result?,
        };
        let background = Background::start(database.clone(), &settings, &stop)?;
        tracing::info!("worker started");
        match probes {
            Some((listener, metrics)) => serve_probes(listener, metrics, &stop).await,
            None => stop.cancelled().await,
        }
        background.stop().await;
        database.close().await;
        tracing::info!("worker stopped");
        Ok(())
    }
}
