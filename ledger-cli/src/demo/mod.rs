//! `ledger demo`: the whole product in one process, with a private database.
//!
//! Order of the files: `people` ← `usage` ← `seed`; `people` ← `sign_in`.

mod people;
mod seed;
mod sign_in;
mod usage;

use std::path::{Path, PathBuf};

use ledger_store::database::migrate;
use metrics_exporter_prometheus::PrometheusHandle;
use private_postgres::{ClusterOptions, PrivateCluster};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::data_folder::{DATABASE, DEFAULT_FOLDER, create_jwt_settings};
use crate::failure::Failure;
use crate::output::print;
use crate::server::{Server, ServerError, listen, stop_on_signal};
use crate::telemetry;

/// Try the product: a private Postgres, the server and a demo school
///
/// All data is in --data-dir and is kept for the next start; delete the folder to start over. Needs
/// the Postgres binaries (15 or later), but no running database and no settings: those of the
/// database, tokens and address are ignored. Ctrl-C stops everything.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Data folder, created if missing
    #[arg(long, value_name = "FOLDER", default_value = DEFAULT_FOLDER)]
    data_dir: PathBuf,
    /// Host and port to listen on; with port 0 the system chooses a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: String,
}

impl Demo {
    /// Runs until a signal.
    pub async fn run(self, settings: Settings) -> Result<(), Failure> {
        telemetry::log_to_stderr(&settings.log).map_err(Failure::usage)?;
        let metrics = telemetry::record_metrics()?;
        let stop = stop_on_signal()?;
        let listener = listen(&self.listen).await?;
        let options = ClusterOptions::new(&self.data_dir).with_database(DATABASE);
        let Some(cluster) = stop
            .run_until_cancelled(PrivateCluster::start(options))
            .await
        else {
            return Ok(());
        };
        let cluster = cluster?;
        let ran = self
            .run_on(&cluster, listener, settings, metrics, stop)
            .await;
        let stopped = cluster.stop().await;
        ran?;
        Ok(stopped?)
    }

    /// Runs on a started cluster, until a signal or the end of the cluster.
    async fn run_on(
        &self,
        cluster: &PrivateCluster,
        listener: TcpListener,
        mut settings: Settings,
        metrics: PrometheusHandle,
        stop: CancellationToken,
    ) -> Result<(), Failure> {
        let folder = self.data_dir.canonicalize()?;
        settings.jwt = create_jwt_settings(&folder)?;
        let url = cluster.database_url();
        migrate(&url).await?;
        settings.database_url = Some(url.into());
        let serving = async {
            let server = match Server::start(listener, &settings, metrics, stop).await {
                Err(ServerError::Stopped) => return Ok(()),
                result => result?,
            };
            seed::create_if_empty(server.database(), server.writer()).await?;
            announce(&server, &folder)?;
            server.run().await;
            Ok(())
        };
        tokio::select! {
            ran = serving => ran,
            status = cluster.exited() => Err(Failure::new(format!(
                "the private Postgres exited ({status}); see its log, {}",
                folder.join("postgres.log").display()
            ))),
        }
    }
}

/// Prints that the server is ready, and how to use it.
fn announce(server: &Server, folder: &Path) -> Result<(), Failure> {
    print(&server.ready_line())?;
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("ledger"));
    print(&sign_in::instructions(server.address(), &program, folder))
}
