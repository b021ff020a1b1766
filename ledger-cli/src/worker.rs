//! `ledger worker`

use crate::config::Settings;
use crate::server::{
    ReadModels, STARTUP_PATIENCE, ServerError, Timekeeping, listen, open_database, serve_probes,
    start_writer, stop_on_signal,
};
use crate::telemetry;
use ledger_store::Wakes;

use crate::failure::Failure;

/// Keep the read models up to date and idle schools on time, and nothing else
///
/// Any number may run on one database; they share the work. SIGINT or SIGTERM stops it.
#[derive(Debug, clap::Args)]
pub struct Worker {
    /// Answer /healthz and /metrics on this address, a host and a port
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

impl Worker {
    /// Works until it is told to stop.
    pub async fn run(self, settings: Settings) -> Result<(), Failure> {
        if settings.workers == 0 {
            return Err(Failure::usage(
                "the setting workers is 0: there is nothing to do",
            ));
        }
        telemetry::log_to_stderr(&settings.log).map_err(Failure::usage)?;
        let stop = stop_on_signal().map_err(Failure::no)?;
        let probes = match &self.listen {
            // Metrics that nobody fetches would pile up: they are recorded here only.
            Some(address) => {
                let listener = listen(address).await.map_err(Failure::no)?;
                Some((listener, telemetry::record_metrics().map_err(Failure::no)?))
            }
            None => None,
        };
        let database = match open_database(&settings, STARTUP_PATIENCE, &stop).await {
            Err(ServerError::Stopped) => return Ok(()),
            result => result.map_err(Failure::no)?,
        };
        // Other processes' appends are found by looking: nobody in this one wakes the worker.
        let wakes = Wakes::default();
        let (writer, shards, _) =
            start_writer(&database, &wakes, &settings, &stop).map_err(Failure::no)?;
        let read_models = ReadModels::start(&database, &wakes, &settings);
        let timekeeping = Timekeeping::start(&database, &writer, &settings);
        tracing::info!("working");
        match probes {
            Some((listener, metrics)) => serve_probes(listener, metrics, &stop).await,
            None => stop.cancelled().await,
        }
        timekeeping.stop(writer, shards).await;
        read_models.stop().await;
        database.close().await;
        tracing::info!("stopped");
        Ok(())
    }
}
