//! `ledger export` and `ledger import` while a server runs.

use std::process::{Output, Stdio};

use ledger_tests::server::executable;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::{HEADER, start, table};
use crate::fixture::{CLAUDE, Fixture, fields};

impl Fixture {
    /// Runs a `ledger` command on the school.
    pub async fn run_ledger(&self, arguments: &[&str], stdin: &str) -> Output {
        let mut child = Command::new(executable())
            .args(arguments)
            .args(["--school", &self.school.id.to_string()])
            .env("DATABASE_URL", self.postgres.url())
            .env("LEDGER_LOG_FILTER", "error")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        // The command may close its end first.
        drop(input.write_all(stdin.as_bytes()).await);
        drop(input);
        child.wait_with_output().await.unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn an_exported_table_is_edited_and_imported() {
    let fixture = start().await;
    let one = fixture.school.members[0];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.csv");
    let file = file.to_str().unwrap();
    let exported = fixture.run_ledger(&["export", "--output", file], "").await;
    assert!(exported.status.success(), "{}", text(&exported.stderr));
    assert!(exported.stdout.is_empty());
    let plan = std::fs::read_to_string(file).unwrap();
    let lines = fixture.exported_lines(fixture.head().await).await;
    assert_eq!(plan.lines().collect::<Vec<_>>(), lines);
    let shown = fixture.run_ledger(&["export", "--format", "csv"], "").await;
    assert_eq!(text(&shown.stdout), plan);

    let edited = plan.replace(
        &format!("{one},,,,{CLAUDE},100,normal"),
        &format!("{one},,,,{CLAUDE},130,high"),
    );
    assert_ne!(edited, plan);
    std::fs::write(file, &edited).unwrap();
    let reason = ["import", "--reason", "exam week"];
    let head = fixture.head().await;
    let dry = fixture
        .run_ledger(&[&reason[..], &["--dry-run", file]].concat(), "")
        .await;
    assert!(dry.status.success(), "{}", text(&dry.stderr));
    assert_eq!(fixture.head().await, head);
    let done = fixture
        .run_ledger(&[&reason[..], &["-"]].concat(), &edited)
        .await;
    assert!(done.status.success(), "{}", text(&done.stderr));
    let [dry, done]: [Value; 2] =
        [dry, done].map(|output| serde_json::from_slice(&output.stdout).unwrap());
    assert_eq!(dry["changes"], done["changes"]);
    assert_eq!(done["summary"]["changed"], 1);
    let change = &done["changes"][0];
    let names = ["before", "after", "priority"];
    assert_eq!(fields(change, names), json!([100, 130, "high"]));

    // The actor in the log is the platform admin of `ledger token`.
    let events = fixture
        .run_ledger(&["export", "--what", "events"], "")
        .await;
    let events: Vec<Value> = text(&events.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = events.last().unwrap();
    assert_eq!(last["seq"], json!(events.len()));
    assert_eq!(last["type"], "units_allocated");
    let actor = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, b"platform_admin");
    assert_eq!(
        last["actor"],
        json!({"role": "platform_admin", "id": actor})
    );
    assert_eq!(last["texts"]["reason"]["text"], "exam week");
    let path = fixture.path("/events?limit=1000");
    let read = fixture.principal.get(&path).await.ok();
    assert_eq!(
        read["events"],
        json!(events),
        "the API lists the same events"
    );
    fixture.check_and_stop().await;
}

#[tokio::test]
async fn a_refused_command_explains_itself_on_stderr_and_fails() {
    let fixture = start().await;
    let one = fixture.school.members[0];
    let head = fixture.head().await;
    let import = ["import", "--reason", "r", "-"];
    let bad_cell = format!("member_id,service,units\n{one},{CLAUDE},many\n");
    for (arguments, stdin, code, message) in [
        (&import[..], table([(&one, 1_001)]), 1, "line 2, units: "),
        (&import, bad_cell, 1, "line 2, units: "),
        (&import, "service,units\n".to_owned(), 1, "external_id"),
        (&import, String::new(), 1, "empty"),
        (
            &["import", "--reason", " ", "-"],
            table([(&one, 1)]),
            2,
            "reason",
        ),
        (&["import", "-"], String::new(), 2, "--reason"),
        (
            &["import", "--reason", "r", "/nowhere/plan.csv"],
            String::new(),
            1,
            "plan.csv",
        ),
        (
            &["export", "--format", "ndjson"],
            String::new(),
            2,
            "ndjson",
        ),
        (&["export", "--what", "members"], String::new(), 2, "events"),
        (
            &["export", "--output", "/nowhere/plan.csv"],
            String::new(),
            1,
            "ledger: ",
        ),
    ] {
        let output = fixture.run_ledger(arguments, &stdin).await;
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(message), "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert_eq!(fixture.head().await, head);
    assert_eq!(fixture.exported_lines(head).await[0], HEADER);
    fixture.check_and_stop().await;
}

#[tokio::test]
async fn an_unknown_school_is_an_error_and_no_empty_table() {
    let mut fixture = start().await;
    let registered = std::mem::replace(&mut fixture.school.id, uuid::Uuid::now_v7());
    for arguments in [
        &["export"][..],
        &["export", "--what", "events"],
        &["import", "--reason", "r", "-"],
    ] {
        let output = fixture
            .run_ledger(arguments, &table([(&registered, 1)]))
            .await;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty());
        assert!(
            text(&output.stderr).contains("does not exist"),
            "{}",
            text(&output.stderr)
        );
    }
    fixture.school.id = registered;
    fixture.check_and_stop().await;
}
