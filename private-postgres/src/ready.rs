//! The start of the server, until it accepts connections.

use std::io;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::initialise::Prepared;
use crate::keeper::Keeper;
use crate::leftover::PostmasterFile;
use crate::{ClusterError, DEFAULT_DATABASE, PrivateCluster, launch, settings};

/// The interval at which a starting server is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The pause before the next attempt while backends of a killed server are running.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// The time limit for creating an empty database.
const DATABASE_LIMIT: Duration = Duration::from_secs(30);

/// The message that Postgres logs while backends of a killed postmaster are running. Each ends
/// after its current query.
const BACKENDS_RUNNING: &str = "pre-existing shared memory block";

/// Starts the server and waits until it is ready.
pub(crate) async fn run(prepared: &Prepared) -> Result<Keeper, ClusterError> {
    let deadline = Instant::now() + prepared.startup_limit;
    loop {
        let log_start = prepared.log.end();
        let keeper = spawn(prepared)?;
        match until_ready(&keeper, prepared, log_start, deadline).await {
            Ok(()) => return Ok(keeper),
            Err(ClusterError::EndedEarly { tail, .. })
                if tail.contains(BACKENDS_RUNNING) && Instant::now() < deadline =>
            {
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
            Err(error) => {
                keeper.stop().await?;
                return Err(error);
            }
        }
    }
}

/// Creates the database of the cluster's options unless it exists.
pub(crate) async fn ensure_database(cluster: &PrivateCluster) -> Result<(), ClusterError> {
    let database = &cluster.database;
    let create = async {
        let options: PgConnectOptions = cluster.url_for(DEFAULT_DATABASE).parse()?;
        let mut connection = PgConnection::connect_with(&options).await?;
        let exists: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
                .bind(database)
                .fetch_one(&mut connection)
                .await?;
        if !exists {
            let quoted = database.replace('"', "\"\"");
            let create = AssertSqlSafe(format!("CREATE DATABASE \"{quoted}\""));
            sqlx::raw_sql(create).execute(&mut connection).await?;
        }
        connection.close().await
    };
    tokio::time::timeout(DATABASE_LIMIT, create)
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Io(io::ErrorKind::TimedOut.into())))
        .map_err(|source| ClusterError::Database {
            database: database.clone(),
            source,
        })
}

fn spawn(prepared: &Prepared) -> Result<Keeper, ClusterError> {
    let mut command = launch::command(&prepared.binaries.program("postgres"), &prepared.account);
    command
        .args(settings::arguments(&prepared.folders, &prepared.settings))
        .stdout(prepared.log.writer()?)
        .stderr(prepared.log.writer()?);
    Keeper::spawn(command, &prepared.account.name)
}

async fn until_ready(
    keeper: &Keeper,
    prepared: &Prepared,
    log_start: u64,
    deadline: Instant,
) -> Result<(), ClusterError> {
    let log = &prepared.log;
    loop {
        if let Some(status) = keeper.exit_status() {
            return Err(ClusterError::EndedEarly {
                status,
                log: log.path.clone(),
                tail: log.tail_since(log_start),
            });
        }
        // The file of an earlier server may still exist, with another process id.
        if let Some(file) = PostmasterFile::read(&prepared.folders.pgdata)
            && file.pid.unsigned_abs() == keeper.pid()
            && file.status.as_deref() == Some("ready")
        {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(ClusterError::NotReady {
                limit: prepared.startup_limit,
                log: log.path.clone(),
                tail: log.tail_since(log_start),
            });
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
