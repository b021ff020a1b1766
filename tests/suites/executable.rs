//! The executable starts, stops, prints and exits as documented.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use ledger_core::Role;
use ledger_tests::postgres::Postgres;
use ledger_tests::server::{HttpSchool, Person, SECRET, Server, eventually, executable};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// The ids of each demo school.
const SCHOOL: &str = "10000000-0000-4000-8000-000000000001";
const TEACHER: &str = "20000000-0000-4000-8000-000000000011";

/// The executable, without the caller's environment.
fn ledger(arguments: &[&str]) -> Command {
    let mut command = Command::new(executable());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LEDGER_")) {
        command.env_remove(name);
    }
    command
        .env_remove("DATABASE_URL")
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    ledger(arguments)
        .envs(variables.iter().copied())
        .output()
        .await
        .unwrap()
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn path(folder: &Path) -> &str {
    folder.to_str().unwrap()
}

/// A running `ledger demo`.
struct Demo {
    child: Child,
    folder: PathBuf,
    base: String,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Demo {
    async fn start(folder: &Path) -> Self {
        let mut child = ledger(&[
            "demo",
            "--data-dir",
            path(folder),
            "--listen",
            "127.0.0.1:0",
        ])
        .env("LEDGER_LOG_FILTER", "error")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines
            .next_line()
            .await
            .unwrap()
            .expect("the demo becomes ready");
        let base = first
            .strip_prefix("ledger: listening on ")
            .unwrap()
            .to_owned();
        Self {
            child,
            folder: folder.to_owned(),
            base,
            lines,
        }
    }

    /// The output after the first line, up to the last line to paste.
    async fn words(&mut self) -> Vec<String> {
        let mut words = Vec::new();
        while let Some(line) = self.lines.next_line().await.unwrap() {
            let is_last = line.starts_with("curl") && line.contains("min_seq");
            words.push(line);
            if is_last {
                break;
            }
        }
        words
    }

    async fn person(&self, role: Role, subject: Option<&str>) -> Person {
        let mut arguments = vec!["token", "--role", role.as_str(), "--school", SCHOOL];
        arguments.extend(["--data-dir", path(&self.folder)]);
        arguments.extend(
            subject
                .into_iter()
                .flat_map(|subject| ["--subject", subject]),
        );
        let token = run(&arguments, &[]).await;
        assert!(token.status.success(), "{}", text_of(&token.stderr));
        Person::with_token(&self.base, text_of(&token.stdout).trim())
    }

    async fn replay(&self, more: &[&str]) -> Value {
        let mut arguments = vec![
            "replay",
            "--school",
            SCHOOL,
            "--data-dir",
            path(&self.folder),
        ];
        arguments.extend(more);
        let replay = run(&arguments, &[("LEDGER_LOG_FILTER", "error")]).await;
        assert!(replay.status.success(), "{}", text_of(&replay.stderr));
        serde_json::from_slice(&replay.stdout).unwrap()
    }

    /// The process id of its Postgres.
    fn postgres(&self) -> i32 {
        let file = std::fs::read_to_string(self.folder.join("pgdata/postmaster.pid")).unwrap();
        file.lines().next().unwrap().trim().parse().unwrap()
    }

    async fn end(mut self, signal: Signal) -> Option<i32> {
        let pid = Pid::from_raw(self.child.id().unwrap().cast_signed());
        kill(pid, signal).unwrap();
        self.child.wait().await.unwrap().code()
    }
}

fn runs(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}/cwd")).exists()
}

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("ledger").tempdir().unwrap()
}

/// The pool of a service in a balance.
fn pool<'a>(balance: &'a Value, service: &str) -> &'a Value {
    let services = balance["services"].as_array().unwrap();
    services
        .iter()
        .find(|pool| pool["service"] == service)
        .unwrap()
}

#[tokio::test]
async fn a_demo_has_a_school_prints_how_to_sign_in_and_keeps_its_data() {
    let folder = folder();
    let data_dir = folder.path().join("my data");
    let mut demo = Demo::start(&data_dir).await;
    let words = demo.words().await;
    assert_eq!(words[0], format!("school: {SCHOOL}"));
    // The lines work in a shell, although the folder's name has a space.
    let exports: Vec<_> = words
        .iter()
        .filter(|line| line.starts_with("export "))
        .collect();
    assert_eq!(exports.len(), Role::credentials().count());
    for (line, role) in exports
        .iter()
        .zip(["PLATFORM_ADMIN", "PRINCIPAL_ADMIN", "PRINCIPAL"])
    {
        let shell = Command::new("sh")
            .args(["-c", &format!("{line}; printenv {role}")])
            .output();
        assert_eq!(
            text_of(&shell.await.unwrap().stdout)
                .trim()
                .split('.')
                .count(),
            3,
            "{line}"
        );
    }
    assert_eq!(
        words
            .iter()
            .filter(|line| line.contains("curl -sS"))
            .count(),
        3
    );

    let proxy = demo.person(Role::Proxy, None).await;
    let debit = json!({"id": "call-1", "member_id": TEACHER, "service": "homework_help"});
    let debits = format!("/v1/schools/{SCHOOL}/debits");
    let answer = proxy.post(&debits, debit.clone()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let seq = answer.seq();
    let before = demo.replay(&[]).await;
    assert_eq!(before["seq"], seq);
    assert_eq!(pool(&before, "assessment_ai")["total"], 250);

    assert_eq!(demo.end(Signal::SIGINT).await, Some(0));
    let demo = Demo::start(&data_dir).await;
    assert_eq!(demo.replay(&[]).await, before);
    let proxy = demo.person(Role::Proxy, None).await;
    assert_eq!(proxy.post(&debits, debit).await.body["replayed"], true);
    assert_eq!(demo.end(Signal::SIGTERM).await, Some(0));
}

#[tokio::test]
async fn a_replay_prints_what_the_api_reads() {
    let folder = folder();
    let demo = Demo::start(folder.path()).await;
    let proxy = demo.person(Role::Proxy, None).await;
    // An expired hold does not count, whether or not the expiry is recorded.
    let holds = format!("/v1/schools/{SCHOOL}/holds");
    for (id, ttl_seconds) in [("short", 1), ("long", 3_600)] {
        let hold = json!({"id": id, "member_id": TEACHER, "service": "content_generation",
            "units": 2, "ttl_seconds": ttl_seconds});
        assert_eq!(proxy.post(&holds, hold).await.status, StatusCode::CREATED);
    }
    let principal = demo.person(Role::Principal, None).await;
    let read = || async {
        principal
            .get(&format!("/v1/schools/{SCHOOL}/balance?min_seq=1"))
            .await
            .ok()
    };
    eventually("the expiry", || async {
        pool(&read().await, "content_generation")["held"] == 2
    })
    .await;
    let (replay, balance) = (demo.replay(&[]).await, read().await);
    for field in ["seq", "period", "services"] {
        assert_eq!(replay[field], balance[field], "{field}");
    }
    for member in replay["members"].as_array().unwrap() {
        let id = member["member_id"].as_str().unwrap();
        let balance = principal
            .get(&format!("/v1/schools/{SCHOOL}/members/{id}/balance"))
            .await
            .ok();
        for field in ["status", "services"] {
            assert_eq!(member[field], balance[field], "{field} of {id}");
        }
    }
    // Up to an event, the replay shows the state at that event.
    let seq = replay["seq"].as_i64().unwrap();
    let earlier = demo.replay(&["--as-of-seq", &(seq - 1).to_string()]).await;
    assert_eq!(earlier["seq"], seq - 1);
    assert_eq!(pool(&earlier, "content_generation")["held"], 2);
    let last = demo.replay(&["--as-of-seq", &seq.to_string()]).await;
    assert_eq!(pool(&last, "content_generation")["held"], 4);
    demo.end(Signal::SIGTERM).await;
}

#[tokio::test]
async fn a_killed_demo_leaves_no_process_and_starts_again() {
    let folder = folder();
    let demo = Demo::start(folder.path()).await;
    let (before, postgres) = (demo.replay(&[]).await, demo.postgres());
    assert!(runs(postgres));
    demo.end(Signal::SIGKILL).await;
    eventually("the end of postgres", || async { !runs(postgres) }).await;
    let demo = Demo::start(folder.path()).await;
    assert_eq!(demo.replay(&[]).await, before);
    let postgres = demo.postgres();
    demo.end(Signal::SIGINT).await;
    assert!(!runs(postgres));
}

#[tokio::test]
async fn a_demo_without_its_postgres_ends() {
    let folder = folder();
    let mut demo = Demo::start(folder.path()).await;
    kill(Pid::from_raw(demo.postgres()), Signal::SIGINT).unwrap();
    assert_eq!(demo.child.wait().await.unwrap().code(), Some(1));
}

#[tokio::test]
async fn a_port_or_folder_in_use_is_an_error_without_leftovers() {
    let (folder, other) = (folder(), folder());
    let demo = Demo::start(folder.path()).await;
    let address = demo.base.strip_prefix("http://").unwrap();
    let unused = other.path().join("data");
    let refused = run(
        &["demo", "--data-dir", path(&unused), "--listen", address],
        &[],
    )
    .await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text_of(&refused.stderr).contains("in use"),
        "{}",
        text_of(&refused.stderr)
    );
    assert!(refused.stdout.is_empty() && !unused.exists());

    let arguments = [
        "demo",
        "--data-dir",
        path(folder.path()),
        "--listen",
        "127.0.0.1:0",
    ];
    let refused = run(&arguments, &[]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(text_of(&refused.stderr).contains("in use by another process"));
    assert!(refused.stdout.is_empty());
    assert_eq!(demo.end(Signal::SIGINT).await, Some(0));
}

#[tokio::test]
async fn a_usage_error_exits_with_2_and_a_refusal_with_1() {
    let folder = folder();
    let data_dir = path(folder.path());
    for (arguments, variables, code, word) in [
        (&["nothing"][..], &[][..], 2, "nothing"),
        (&["token", "--role", "principal"], &[], 2, "--school"),
        (
            &["token", "--role", "system", "--school", SCHOOL],
            &[],
            2,
            "teacher",
        ),
        (&["token", "--role", "proxy", "--ttl", "1w"], &[], 2, "1h"),
        (
            &["serve", "--print-config"],
            &[("LEDGER_LISTN", "x")],
            2,
            "LEDGER_LISTN",
        ),
        (&["rebuild", "--projection", "all"], &[], 2, "roster"),
        (
            &["token", "--role", "proxy", "--data-dir", data_dir],
            &[],
            1,
            "ledger demo",
        ),
        (
            &["token", "--role", "proxy"],
            &[("LEDGER_JWT_SECRET", "short")],
            1,
            "32",
        ),
        (
            &["replay", "--school", SCHOOL, "--data-dir", data_dir],
            &[],
            1,
            "ledger demo",
        ),
        (
            &["serve"],
            &[("LEDGER_JWT_SECRET", SECRET)],
            1,
            "DATABASE_URL",
        ),
    ] {
        let output = run(arguments, variables).await;
        let stderr = text_of(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(word), "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[tokio::test]
async fn settings_are_shown_without_secrets() {
    let variables = [
        ("LEDGER_JWT_SECRET", SECRET),
        ("DATABASE_URL", "postgres://ledger:hush@db/ledger"),
        ("LEDGER_WRITER_SHARDS", "2"),
    ];
    let shown = run(&["serve", "--print-config"], &variables).await;
    let text = text_of(&shown.stdout);
    assert!(
        shown.status.success() && text.contains("writer.shards = 2"),
        "{text}"
    );
    assert!(!text.contains("hush") && !text.contains(SECRET), "{text}");
}

#[tokio::test]
async fn a_server_reports_a_database_without_the_schema() {
    let postgres = Postgres::start().await;
    let full = postgres.url();
    let empty = full.replace("/ledger?", "/postgres?");
    let variables = [
        ("DATABASE_URL", empty.as_str()),
        ("LEDGER_JWT_SECRET", SECRET),
    ];
    let arguments = ["serve", "--listen", "127.0.0.1:0"];
    let refused = run(&arguments, &variables).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text_of(&refused.stderr).contains("ledger migrate"),
        "{}",
        text_of(&refused.stderr)
    );
    let migrated = run(&["migrate"], &[("DATABASE_URL", full.as_str())]).await;
    assert!(text_of(&migrated.stdout).contains("migrations are in force"));

    let superuser = postgres.superuser().await;
    sqlx::raw_sql("UPDATE _sqlx_migrations SET checksum = '' WHERE version = 1")
        .execute(&superuser)
        .await
        .unwrap();
    let variables = [
        ("DATABASE_URL", full.as_str()),
        ("LEDGER_JWT_SECRET", SECRET),
    ];
    for command in [&["migrate"][..], &arguments] {
        let refused = run(command, &variables).await;
        assert_eq!(refused.status.code(), Some(1));
        let text = text_of(&refused.stderr);
        assert!(
            text.contains("another pre-release (migration 1 differs)"),
            "{text}"
        );
    }
}

/// TLS comes from a feature of `sqlx-core`; without it the URL would be refused before connecting.
#[tokio::test]
async fn a_database_url_can_require_tls() {
    let postgres = Postgres::start().await;
    let url = postgres.url().replace("sslmode=disable", "sslmode=require");
    let refused = run(&["migrate"], &[("DATABASE_URL", url.as_str())]).await;
    assert_eq!(refused.status.code(), Some(1));
    let text = text_of(&refused.stderr);
    assert!(text.contains("server does not support TLS"), "{text}");
}

#[tokio::test]
async fn a_worker_process_updates_the_read_models_of_a_server() {
    let postgres = Postgres::start().await;
    let server = Server::start_with(&postgres, &[("LEDGER_WORKERS", "0")]).await;
    let mut worker = ledger(&["worker"])
        .env("DATABASE_URL", postgres.url())
        .spawn()
        .unwrap();
    let school = HttpSchool::register(&server, 100, 1, 10).await;
    let proxy = server.as_role(Role::Proxy, Some(school.id));
    let debit = school.debit("1", school.members[0], 3);
    let answer = proxy
        .try_send(Method::POST, &school.path("/debits"), Some(&debit))
        .await;
    let principal = server.as_role(Role::Principal, Some(school.id));
    let path = school.path(&format!("/balance?min_seq={}", answer.unwrap().seq()));
    let balance = principal.get(&path).await.ok();
    assert_eq!(pool(&balance, "claude_messages")["used"], 3);
    kill(
        Pid::from_raw(worker.id().unwrap().cast_signed()),
        Signal::SIGTERM,
    )
    .unwrap();
    assert!(worker.wait().await.unwrap().success());
    server.stop().await;
}

#[tokio::test]
async fn a_signal_reloads_the_plan_catalogue() {
    let postgres = Postgres::start().await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("plans.toml");
    let built_in = include_str!("../../ledger-core/src/plan.toml");
    std::fs::write(&file, built_in).unwrap();
    let settings = [("LEDGER_CATALOGUE", path(&file))];
    let server = Server::start_with(&postgres, &settings).await;
    let school = HttpSchool::register(&server, 100, 1, 10).await;
    let proxy = server.as_role(Role::Proxy, Some(school.id));
    let debit = |id: &'static str| {
        let mut debit = school.debit(id, school.members[0], 0);
        debit["service"] = json!("story_time");
        debit
    };
    let before = proxy.post(&school.path("/debits"), debit("a")).await;
    assert_eq!(before.problem(), "unknown-service");

    // An invalid file changes nothing; the next valid one takes effect.
    std::fs::write(&file, "nonsense").unwrap();
    server.signal(Signal::SIGHUP);
    let alias = "aliases = [\"lesson_generation\"]";
    assert!(built_in.contains(alias));
    let more = "aliases = [\"lesson_generation\", \"story_time\"]";
    std::fs::write(&file, built_in.replace(alias, more)).unwrap();
    server.signal(Signal::SIGHUP);
    eventually("the new alias is known", || async {
        let answer = proxy.post(&school.path("/debits"), debit("a")).await;
        answer.status.is_success()
    })
    .await;
    server.stop().await;
}
