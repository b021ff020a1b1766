//! `ledger demo`: all of the ledger in one process, with a database of its own.

pub mod school;
mod usage;
mod words;

use std::path::{Path, PathBuf};

use crate::config::Settings;
use crate::server::{Server, ServerError, listen, stop_on_signal};
use crate::telemetry;
use ledger_auth::JwtSettings;
use ledger_store::database::migrate;
use metrics_exporter_prometheus::PrometheusHandle;
use private_postgres::{ClusterOptions, PrivateCluster};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::data_dir;
use crate::failure::Failure;
use crate::output::print;

/// Try the ledger: a private Postgres, the server, and a school to play with
///
/// Everything lies in --data-dir and stays there for the next start; deleting the folder starts
/// afresh. Needs the Postgres binaries (15 or later), no running database and no settings: those
/// for the database, for tokens and for where to listen are not looked at. Ctrl-C stops all of it.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Where everything is kept; made if it is missing
    #[arg(long, value_name = "FOLDER", default_value = data_dir::DEFAULT)]
    data_dir: PathBuf,
    /// Where to listen, host and port; with port 0 the system chooses a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: String,
}

/// The settings for the tokens of a demo.
pub fn jwt(secret: SecretString) -> JwtSettings {
    JwtSettings {
        hs256_secret: Some(secret),
        ..JwtSettings::default()
    }
}

impl Demo {
    /// Runs until it is told to stop.
    pub async fn run(self, settings: Settings) -> Result<(), Failure> {
        telemetry::log_to_stderr(&settings.log).map_err(Failure::usage)?;
        let metrics = telemetry::record_metrics().map_err(Failure::no)?;
        let stop = stop_on_signal().map_err(Failure::no)?;
        let listener = listen(&self.listen).await.map_err(Failure::no)?;
        let options = ClusterOptions::new(&self.data_dir).with_database(data_dir::DATABASE);
        let cluster = tokio::select! {
            cluster = PrivateCluster::start(options) => {
                cluster.map_err(Failure::no)?
            }
            () = stop.cancelled() => return Ok(()),
        };
        let ran = self
            .run_on(&cluster, listener, settings, metrics, stop)
            .await;
        let stopped = cluster.stop().await.map_err(Failure::no);
        ran.and(stopped)
    }

    /// Runs on a database that is there, as long as it is there.
    async fn run_on(
        &self,
        cluster: &PrivateCluster,
        listener: TcpListener,
        mut settings: Settings,
        metrics: PrometheusHandle,
        stop: CancellationToken,
    ) -> Result<(), Failure> {
        let folder = self.data_dir.canonicalize().map_err(Failure::no)?;
        let secret = data_dir::secret_or_new(&folder).map_err(Failure::no)?;
        let url = cluster.database_url();
        migrate(&url).await.map_err(Failure::no)?;
        settings.database_url = Some(url.into());
        settings.jwt = jwt(secret);
        let serving = async {
            let server = match Server::start(listener, &settings, metrics, stop).await {
                Err(ServerError::Stopped) => return Ok(()),
                result => result.map_err(Failure::no)?,
            };
            announce(&server, &folder).await?;
            server.run().await;
            Ok(())
        };
        tokio::select! {
            ran = serving => ran,
            status = cluster.exited() => Err(Failure::no(format!(
                "the private Postgres ended ({status}); its log is {}",
                folder.join("postgres.log").display()
            ))),
        }
    }
}

/// Makes sure that there is something to see, then says that it is ready and what to try.
async fn announce(server: &Server, folder: &Path) -> Result<(), Failure> {
    school::make_if_empty(server.database(), server.writer()).await?;
    print(&format!(
        "ledger: listening on http://{}\n",
        server.address()
    ))?;
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("ledger"));
    print(&words::what_to_try(server.address(), &program, folder))
}
