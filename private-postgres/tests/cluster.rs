//! Start, restart and recovery of a private cluster, with real servers and killed processes.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use private_postgres::{ClusterError, ClusterOptions, PrivateCluster};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tempfile::TempDir;

/// The data folder, for the test binary that runs as a separate process.
const HELPER_DIR: &str = "PRIVATE_POSTGRES_TEST_DIR";

/// The time limit of all waits.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_first_start_creates_a_durable_database_behind_a_private_socket() {
    let dir = TempDir::new().unwrap();
    let cluster = start(dir.path()).await;
    let row = query(&cluster, "SELECT current_database(), current_user").await;
    assert_eq!(row.get::<&str, _>(0), "ledger");
    assert_eq!(row.get::<&str, _>(1), "postgres");
    for (setting, value) in [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("max_connections", "200"),
        ("server_encoding", "UTF8"),
        ("lc_messages", "C"),
    ] {
        assert_eq!(setting_of(&cluster, setting).await, value, "{setting}");
    }
    let collation = "SELECT datcollate FROM pg_database WHERE datname = 'ledger'";
    assert_eq!(query(&cluster, collation).await.get::<&str, _>(0), "C");

    assert!(
        cluster
            .socket_dir()
            .starts_with(dir.path().canonicalize().unwrap())
    );
    for folder in [cluster.socket_dir(), &dir.path().join("pgdata")] {
        assert_eq!(
            fs::metadata(folder).unwrap().mode() & 0o777,
            0o700,
            "{folder:?}"
        );
    }
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn the_server_is_unprivileged_has_its_own_process_group_and_inherits_no_secrets() {
    let dir = TempDir::new().unwrap();
    let cluster = start(dir.path()).await;
    let status = fs::read_to_string(format!("/proc/{}/status", cluster.pid())).unwrap();
    let line = |key: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .unwrap()
    };
    assert!(
        !line("Uid:").split_whitespace().any(|uid| uid == "0"),
        "{status}"
    );
    if Uid::effective().is_root() {
        assert_eq!(line("Groups:").trim(), "");
        assert_eq!(line("CapEff:").trim(), "0000000000000000");
    }
    let pid = i32::try_from(cluster.pid()).unwrap();
    assert_eq!(
        nix::unistd::getpgid(Some(Pid::from_raw(pid)))
            .unwrap()
            .as_raw(),
        pid
    );
    // Cargo's variables in this process stand for secrets.
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains("CARGO"));
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_restart_keeps_the_data() {
    let dir = TempDir::new().unwrap();
    let cluster = start(dir.path()).await;
    query(&cluster, "CREATE TABLE kept AS SELECT 42 AS answer").await;
    cluster.stop().await.unwrap();
    assert_eq!(servers_on(dir.path()), Vec::<u32>::new());

    let cluster = start(dir.path()).await;
    assert_eq!(
        query(&cluster, "SELECT answer FROM kept")
            .await
            .get::<i32, _>(0),
        42
    );
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_new_cluster_can_be_a_copy_of_a_stopped_one() {
    let (template, dir) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let cluster = start(template.path()).await;
    query(&cluster, "CREATE TABLE prepared AS SELECT 41 AS answer").await;
    cluster.stop().await.unwrap();
    for round in 0..2 {
        let options = ClusterOptions::new(dir.path())
            .with_database("ledger")
            .with_template(template.path());
        let cluster = PrivateCluster::start(options).await.unwrap();
        let row = query(
            &cluster,
            "UPDATE prepared SET answer = answer + 1 RETURNING answer",
        )
        .await;
        assert_eq!(
            row.get::<i32, _>(0),
            42 + round,
            "the second start copies nothing"
        );
        cluster.stop().await.unwrap();
    }
    let cluster = start(template.path()).await;
    let row = query(&cluster, "SELECT answer FROM prepared").await;
    assert_eq!(row.get::<i32, _>(0), 41, "the template is unchanged");
}

#[tokio::test]
async fn dropping_the_handle_stops_the_server() {
    let dir = TempDir::new().unwrap();
    drop(start(dir.path()).await);
    assert_eq!(servers_on(dir.path()), Vec::<u32>::new());
    start(dir.path()).await.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_start_is_refused_and_does_not_affect_the_first() {
    let dir = TempDir::new().unwrap();
    let cluster = start(dir.path()).await;
    let refused = PrivateCluster::start(ClusterOptions::new(dir.path()))
        .await
        .unwrap_err();
    assert!(matches!(refused, ClusterError::InUse { .. }), "{refused}");
    let owner = format!("is in use by another process ({})", std::process::id());
    assert!(refused.to_string().contains(&owner), "{refused}");
    query(&cluster, "SELECT 1").await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_server_is_detected_and_the_next_start_recovers() {
    let dir = TempDir::new().unwrap();
    let cluster = start(dir.path()).await;
    query(&cluster, "CREATE TABLE kept AS SELECT 42 AS answer").await;
    // A backend that executes a query does not notice at once that its postmaster was killed.
    let url = cluster.database_url();
    let busy = tokio::spawn(async move {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        sqlx::query("SELECT count(*) FROM generate_series(1, 5000000)")
            .execute(&mut connection)
            .await
    });
    eventually("the busy backend", async || {
        let sql = "SELECT count(*) FROM pg_stat_activity \
                   WHERE state = 'active' AND query LIKE '%generate_series%' \
                   AND pid <> pg_backend_pid()";
        query(&cluster, sql).await.get::<i64, _>(0) == 1
    })
    .await;
    kill_hard(cluster.pid());
    tokio::time::timeout(PATIENCE, cluster.exited())
        .await
        .unwrap();
    drop(cluster);

    let cluster = start(dir.path()).await;
    assert_eq!(
        query(&cluster, "SELECT answer FROM kept")
            .await
            .get::<i32, _>(0),
        42
    );
    cluster.stop().await.unwrap();
    busy.abort();
}

#[tokio::test]
async fn a_killed_owner_leaves_no_process() {
    let dir = TempDir::new().unwrap();
    let mut owner = Owner::start(dir.path());
    assert!(!servers_on(dir.path()).is_empty());
    owner.kill_hard();
    eventually("all servers gone", async || {
        servers_on(dir.path()).is_empty()
    })
    .await;
}

#[tokio::test]
async fn commits_of_a_killed_owner_survive_an_immediate_start() {
    let dir = TempDir::new().unwrap();
    let mut owner = Owner::start(dir.path());
    owner.kill_hard();
    let cluster = start(dir.path()).await;
    assert_eq!(
        query(&cluster, "SELECT answer FROM kept")
            .await
            .get::<i32, _>(0),
        42
    );
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_stale_postmaster_pid_that_names_another_live_process_is_removed() {
    let dir = TempDir::new().unwrap();
    start(dir.path()).await.stop().await.unwrap();
    let mut other = Command::new("sleep").arg("600").spawn().unwrap();
    let stale = format!("{}\n{}\n1\n5432\n", other.id(), dir.path().display());
    fs::write(dir.path().join("pgdata/postmaster.pid"), stale).unwrap();

    start(dir.path()).await.stop().await.unwrap();
    assert_eq!(
        other.try_wait().unwrap(),
        None,
        "the other process was not signalled"
    );
    other.kill().unwrap();
    other.wait().unwrap();
}

#[tokio::test]
async fn an_interrupted_initialisation_is_repeated() {
    let dir = TempDir::new().unwrap();
    let unfinished = dir.path().join("pgdata.unfinished-7-0/base");
    fs::create_dir_all(&unfinished).unwrap();
    fs::write(unfinished.join("rubbish"), "").unwrap();
    fs::write(dir.path().join("cluster.lock"), "").unwrap();
    start(dir.path()).await.stop().await.unwrap();
    assert!(!dir.path().join("pgdata.unfinished-7-0").exists());
}

#[tokio::test]
async fn the_server_survives_the_thread_that_started_it() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().to_path_buf();
    let starter = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(start(&path))
    });
    let cluster = starter.join().unwrap();
    query(&cluster, "SELECT 1").await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn the_callers_settings_take_precedence_and_an_unknown_one_is_reported() {
    let dir = TempDir::new().unwrap();
    let options = ClusterOptions::new(dir.path())
        .with_setting("max_connections", "17")
        .with_setting("unix_socket_directories", "/elsewhere");
    let cluster = PrivateCluster::start(options).await.unwrap();
    assert_eq!(setting_of(&cluster, "max_connections").await, "17");
    cluster.stop().await.unwrap();

    let options = ClusterOptions::new(dir.path()).with_setting("no_such_setting", "1");
    let error = PrivateCluster::start(options).await.unwrap_err();
    assert!(matches!(error, ClusterError::EndedEarly { .. }), "{error}");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

#[tokio::test]
async fn a_start_that_exceeds_the_limit_fails_and_leaves_no_process() {
    let dir = TempDir::new().unwrap();
    let mut options = ClusterOptions::new(dir.path());
    options.startup_limit = Duration::from_millis(1);
    let error = PrivateCluster::start(options.clone()).await.unwrap_err();
    assert!(matches!(error, ClusterError::Initdb { .. }), "{error}");

    start(dir.path()).await.stop().await.unwrap();
    let error = PrivateCluster::start(options).await.unwrap_err();
    assert!(matches!(error, ClusterError::NotReady { .. }), "{error}");
    assert_eq!(servers_on(dir.path()), Vec::<u32>::new());
}

#[tokio::test]
async fn the_path_may_contain_any_character() {
    let dir = TempDir::new().unwrap();
    set_mode(dir.path(), 0o711);
    let cluster = start(&dir.path().join("a b,c\"d'e%f&g=é/new")).await;
    query(&cluster, "SELECT 1").await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_is_refused_before_anything_is_created() {
    let dir = TempDir::new().unwrap();
    let error = refusal(&dir.path().join("d".repeat(100))).await;
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none());
    assert!(
        matches!(error, ClusterError::SocketPathTooLong { limit: 107, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_cluster_of_a_version_that_is_not_installed_is_refused() {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("pgdata")).unwrap();
    fs::write(dir.path().join("pgdata/PG_VERSION"), "9\n").unwrap();
    set_mode(dir.path(), 0o711);
    let error = refusal(dir.path()).await;
    assert!(
        error
            .to_string()
            .contains("pgdata requires Postgres 9, but only"),
        "{error}"
    );
}

#[tokio::test]
async fn a_folder_that_is_no_cluster_is_not_changed() {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("pgdata")).unwrap();
    fs::write(dir.path().join("pgdata/letter.txt"), "dear").unwrap();
    set_mode(dir.path(), 0o711);
    let error = refusal(dir.path()).await;
    assert!(matches!(error, ClusterError::NotACluster { .. }), "{error}");
    assert_eq!(
        fs::read(dir.path().join("pgdata/letter.txt")).unwrap(),
        b"dear"
    );
}

#[tokio::test]
async fn a_folder_that_the_servers_user_cannot_enter_is_named() {
    if !Uid::effective().is_root() {
        return; // An ordinary user's server runs as that user.
    }
    let dir = TempDir::new().unwrap();
    let closed = dir.path().canonicalize().unwrap();
    set_mode(&closed, 0o700);
    let error = refusal(&dir.path().join("data")).await;
    assert!(!dir.path().join("data").exists());
    let ClusterError::NotSearchable { folder, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(*folder, closed);
    assert_eq!(
        fs::metadata(&closed).unwrap().mode() & 0o777,
        0o700,
        "the mode is not changed"
    );
}

#[tokio::test]
async fn an_empty_folder_that_others_cannot_enter_is_opened_to_the_servers_group() {
    let dir = TempDir::new().unwrap();
    set_mode(dir.path(), 0o700);
    start(dir.path()).await.stop().await.unwrap();
    assert_eq!(fs::metadata(dir.path()).unwrap().mode() & 0o007, 0);
    start(dir.path()).await.stop().await.unwrap();
}

/// Not a test: the process that the tests kill.
#[tokio::test]
async fn helper_that_owns_a_cluster_until_it_is_killed() {
    let Some(dir) = std::env::var_os(HELPER_DIR) else {
        return;
    };
    let cluster = start(Path::new(&dir)).await;
    query(&cluster, "CREATE TABLE kept AS SELECT 42 AS answer").await;
    println!("\nready");
    std::future::pending::<()>().await;
    cluster.stop().await.unwrap();
}

/// A separate process that runs a cluster.
struct Owner(Child);

impl Owner {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "helper_that_owns_a_cluster_until_it_is_killed",
                "--nocapture",
            ])
            .env(HELPER_DIR, dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(
            lines.any(|line| line.unwrap() == "ready"),
            "the helper did not start a cluster"
        );
        Self(child)
    }

    fn kill_hard(&mut self) {
        kill_hard(self.0.id());
        self.0.wait().unwrap();
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Has an effect only if the test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn start(dir: &Path) -> PrivateCluster {
    PrivateCluster::start(ClusterOptions::new(dir).with_database("ledger"))
        .await
        .unwrap()
}

async fn refusal(dir: &Path) -> ClusterError {
    PrivateCluster::start(ClusterOptions::new(dir))
        .await
        .unwrap_err()
}

/// Executes a statement; returns its first row, or the row of `SELECT 1` if it returns none.
async fn query(cluster: &PrivateCluster, sql: &str) -> sqlx::postgres::PgRow {
    let mut connection = PgConnection::connect(&cluster.database_url())
        .await
        .unwrap();
    let row = sqlx::query(AssertSqlSafe(sql))
        .fetch_optional(&mut connection)
        .await
        .unwrap();
    match row {
        Some(row) => row,
        None => sqlx::query("SELECT 1")
            .fetch_one(&mut connection)
            .await
            .unwrap(),
    }
}

async fn setting_of(cluster: &PrivateCluster, name: &str) -> String {
    query(cluster, &format!("SHOW {name}")).await.get(0)
}

/// Returns the process ids of the server of `dir` and its children.
fn servers_on(dir: &Path) -> Vec<u32> {
    let pgdata: PathBuf = dir.canonicalize().unwrap().join("pgdata");
    let processes = fs::read_dir("/proc").unwrap();
    processes
        .filter_map(|process| {
            let process = process.ok()?;
            let pid = process.file_name().to_str()?.parse().ok()?;
            (fs::read_link(process.path().join("cwd")).ok()? == pgdata).then_some(pid)
        })
        .collect()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn kill_hard(pid: u32) {
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGKILL).unwrap();
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let poll = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, poll).await.is_ok(),
        "still waiting for: {what}"
    );
}
