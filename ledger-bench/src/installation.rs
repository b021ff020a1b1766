//! The measured installation: a private Postgres and a `ledger serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use private_postgres::{ClusterOptions, PrivateCluster};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use uuid::Uuid;

const JWT_SECRET: &str = "the benchmark's secret, of more than 32 bytes";
const READY: &str = "ledger: listening on http://";
const START_LIMIT: Duration = Duration::from_secs(30);

/// Polls until the read models have caught up: 5 minutes.
const POLLS_MAX: u32 = 3_000;
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A school to debit.
#[derive(Clone, Debug)]
pub struct School {
    pub id: Uuid,
    pub members: Vec<Uuid>,
}

/// The running installation.
pub struct Installation {
    // Fields drop in order: the server, its Postgres, the folder.
    server: Child,
    cluster: PrivateCluster,
    _folder: TempDir,
    http: reqwest::Client,
    pub address: SocketAddr,
    /// Token of a platform admin, who can also allocate in every school.
    pub admin: String,
    pub proxy: String,
}

impl Installation {
    /// Starts Postgres, runs the migrations, starts the server.
    pub async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("ledger-bench").tempdir()?;
        let cluster = PrivateCluster::start(ClusterOptions::new(folder.path())).await?;
        let url = cluster.database_url();
        output(ledger(&url)?.arg("migrate")).await?;
        let mut server = ledger(&url)?
            .arg("serve")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting ledger serve")?;
        let address = tokio::time::timeout(START_LIMIT, listening(&mut server))
            .await
            .context("ledger serve did not get ready")??;
        Ok(Self {
            server,
            cluster,
            _folder: folder,
            http: reqwest::Client::new(),
            address,
            admin: token(&url, "platform_admin").await?,
            proxy: token(&url, "proxy").await?,
        })
    }

    /// Stops server and Postgres.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.server.kill().await?;
        self.cluster.stop().await?;
        Ok(())
    }

    /// Creates a school whose members can use millions of units.
    pub async fn school(&self, members: usize) -> anyhow::Result<School> {
        let id = Uuid::now_v7();
        let unlimited = json!({"claude_messages": "unlimited"});
        self.post(
            "/v1/schools",
            json!({"school_id": id, "name": "bench", "org_type": "k12", "tier": "enterprise",
                   "time_zone": "UTC", "totals": unlimited}),
        )
        .await?;
        let settings = json!({"max_individual_quota": unlimited});
        let path = format!("/v1/schools/{id}/settings");
        self.send(reqwest::Method::PATCH, &path, settings).await?;
        let members: Vec<Uuid> = (0..members).map(|_| Uuid::now_v7()).collect();
        for member in &members {
            let body = json!({"member_id": member, "role": "teacher"});
            self.post(&format!("/v1/schools/{id}/members"), body)
                .await?;
        }
        let items: Vec<Value> = members
            .iter()
            .map(|member| {
                json!({"op": "set", "member_id": member, "service": "claude_messages",
                       "units": 10_000_000})
            })
            .collect();
        let batch = json!({"reason": "bench", "items": items});
        self.post(&format!("/v1/schools/{id}/allocations/batch"), batch)
            .await?;
        Ok(School { id, members })
    }

    /// The head of a request, without its body.
    pub fn call(&self, method: &str, path: &str, token: &str) -> Call {
        let host = self.address;
        Call {
            head: format!(
                "{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
                 content-type: application/json\r\ncontent-length: "
            ),
        }
    }

    /// Creates a database and returns its URL.
    pub async fn create_database(&self, name: &'static str) -> anyhow::Result<String> {
        let mut conn = PgConnection::connect(&self.cluster.database_url()).await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut conn)
            .await?;
        conn.close().await?;
        Ok(self.cluster.url_for(name))
    }

    /// The server's resident memory in KiB.
    pub fn resident_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.id()?)).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// Waits until every read model has applied the whole log.
    pub async fn caught_up(&self) -> anyhow::Result<()> {
        let mut conn = PgConnection::connect(&self.cluster.database_url()).await?;
        let behind = "SELECT count(*) FROM stream CROSS JOIN projection
                       LEFT JOIN projection_checkpoint AS c
                         ON c.school_id = stream.school_id AND c.name = projection.name
                        AND c.build = projection.live_build
                      WHERE stream.head_seq > coalesce(c.seq, 0)";
        let mut poll = tokio::time::interval(POLL_INTERVAL);
        for _ in 0..POLLS_MAX {
            poll.tick().await;
            let count: i64 = sqlx::query_scalar(behind).fetch_one(&mut conn).await?;
            if count == 0 {
                return Ok(());
            }
        }
        bail!("the read models did not catch up")
    }

    /// Waits until the load of the previous round is processed: read models have caught up, and
    /// dirty pages are written. A steady load leaves neither.
    pub async fn settle(&self) -> anyhow::Result<()> {
        self.caught_up().await?;
        let mut conn = PgConnection::connect(&self.cluster.database_url()).await?;
        sqlx::query("CHECKPOINT").execute(&mut conn).await?;
        Ok(())
    }

    /// Checks the data after the load: no gap in a stream, no overspending, balances as in the log.
    pub async fn check_books(&self) -> anyhow::Result<()> {
        self.caught_up().await?;
        let mut conn = PgConnection::connect(&self.cluster.database_url()).await?;
        for (what, sql) in [
            (
                "streams with a gap",
                "SELECT count(*) FROM stream AS s JOIN (
                     SELECT school_id, count(*) AS n, max(seq) AS last FROM event GROUP BY school_id
                 ) AS e USING (school_id) WHERE e.n <> e.last OR e.last <> s.head_seq",
            ),
            (
                "members who overspent",
                "SELECT count(*) FROM balance_line WHERE used + held > allocated",
            ),
            (
                "pools that differ from the log",
                "SELECT count(*) FROM balance_pool AS p JOIN (
                     SELECT school_id, service, sum(units) AS used FROM event
                      WHERE kind IN ('usage_debited', 'hold_settled') GROUP BY school_id, service
                 ) AS e USING (school_id, service) WHERE e.used <> p.used",
            ),
        ] {
            let wrong: i64 = sqlx::query_scalar(sql).fetch_one(&mut conn).await?;
            ensure!(wrong == 0, "wrong data: {wrong} {what}");
        }
        Ok(())
    }

    async fn post(&self, path: &str, body: Value) -> anyhow::Result<()> {
        self.send(reqwest::Method::POST, path, body).await
    }

    async fn send(&self, method: reqwest::Method, path: &str, body: Value) -> anyhow::Result<()> {
        let url = format!("http://{}{path}", self.address);
        let response = self
            .http
            .request(method, url)
            .bearer_auth(&self.admin)
            .json(&body)
            .send()
            .await?;
        let status = response.status();
        ensure!(
            status.is_success(),
            "{path}: {status}: {}",
            response.text().await?
        );
        Ok(())
    }
}

/// The head of a request, up to the value of content-length.
#[derive(Clone, Debug)]
pub struct Call {
    head: String,
}

impl Call {
    /// The request with this body.
    pub fn with(&self, body: &str) -> Vec<u8> {
        let length = body.len().to_string();
        let mut bytes = Vec::with_capacity(self.head.len() + length.len() + 4 + body.len());
        for part in [self.head.as_str(), &length, "\r\n\r\n", body] {
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}

/// The executable `ledger` beside this program, with the installation's settings.
fn ledger(database_url: &str) -> anyhow::Result<Command> {
    let path: PathBuf = std::env::current_exe()?.with_file_name("ledger");
    ensure!(
        path.exists(),
        "{} is missing: build it with `cargo build --release --bin ledger`",
        path.display()
    );
    let mut command = Command::new(path);
    command
        .env("DATABASE_URL", database_url)
        .env("LEDGER_LISTEN", "127.0.0.1:0")
        .env("LEDGER_JWT_SECRET", JWT_SECRET)
        .env("LEDGER_RATE_LIMIT_PEOPLE_PER_SECOND", "0")
        .env("LEDGER_LOG_FILTER", "warn")
        .stdin(Stdio::null());
    Ok(command)
}

async fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stderr(Stdio::inherit()).output().await?;
    ensure!(output.status.success(), "ledger failed: {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

async fn token(database_url: &str, role: &str) -> anyhow::Result<String> {
    let mut ledger = ledger(database_url)?;
    let token = output(ledger.args(["token", "--ttl", "1d", "--role", role])).await?;
    Ok(token.trim().to_owned())
}

async fn listening(server: &mut Child) -> anyhow::Result<SocketAddr> {
    let stdout = server.stdout.take().context("no stdout")?;
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(address) = line.strip_prefix(READY) {
            return Ok(address.parse()?);
        }
    }
    bail!("ledger serve exited before it was ready")
}
