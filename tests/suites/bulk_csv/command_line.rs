//! `ledger export` and `ledger import`, beside a server that runs.

use std::process::{Output, Stdio};

use ledger_tests::server::executable;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::{CLAUDE, HEADER, World, table};

/// Runs `ledger` on the world's database; `stdin` is what it is given to read.
async fn ledger(world: &World, arguments: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(executable())
        .args(arguments)
        .args(["--school", &world.school.id.to_string()])
        .env("DATABASE_URL", world.postgres.url())
        .env("LEDGER_LOG_FILTER", "error")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // Whoever does not want it closes its end.
    drop(input.write_all(stdin.as_bytes()).await);
    drop(input);
    child.wait_with_output().await.unwrap()
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn a_table_goes_out_is_edited_and_comes_in() {
    let world = World::start().await;
    let one = world.school.members[0];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.csv");
    let file = file.to_str().unwrap();
    let exported = ledger(&world, &["export", "--output", file], "").await;
    assert!(exported.status.success(), "{}", said(&exported.stderr));
    assert!(exported.stdout.is_empty());
    let plan = std::fs::read_to_string(file).unwrap();
    let lines = world.lines(world.head().await).await;
    assert_eq!(plan.lines().collect::<Vec<_>>(), lines);
    let shown = ledger(&world, &["export", "--format", "csv"], "").await;
    assert_eq!(said(&shown.stdout), plan);

    let edited = plan.replace(
        &format!("{one},,,,{CLAUDE},100,normal"),
        &format!("{one},,,,{CLAUDE},130,high"),
    );
    assert_ne!(edited, plan);
    std::fs::write(file, &edited).unwrap();
    let reason = ["import", "--reason", "exam week"];
    let head = world.head().await;
    let dry = ledger(&world, &[&reason[..], &["--dry-run", file]].concat(), "").await;
    assert!(dry.status.success(), "{}", said(&dry.stderr));
    assert_eq!(world.head().await, head);
    let done = ledger(&world, &[&reason[..], &["-"]].concat(), &edited).await;
    assert!(done.status.success(), "{}", said(&done.stderr));
    let [dry, done]: [Value; 2] =
        [dry, done].map(|output| serde_json::from_slice(&output.stdout).unwrap());
    assert_eq!(dry["changes"], done["changes"]);
    assert_eq!(done["summary"]["changed"], 1);
    let change = &done["changes"][0];
    assert_eq!(
        (&change["before"], &change["after"], &change["priority"]),
        (&json!(100), &json!(130), &json!("high"))
    );

    // The log says who it was: whoever `ledger token` makes a platform admin.
    let events = ledger(&world, &["export", "--what", "events"], "").await;
    let events: Vec<Value> = said(&events.stdout)
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
    let path = world.school.path("/events?limit=1000");
    let read = world.principal.get(&path).await.ok();
    assert_eq!(read["events"], json!(events), "as the API has them");
    world.stop().await;
}

#[tokio::test]
async fn what_is_refused_is_said_on_stderr_and_exits_with_1() {
    let world = World::start().await;
    let one = world.school.members[0];
    let head = world.head().await;
    let import = ["import", "--reason", "r", "-"];
    let bad_cell = format!("member_id,service,units\n{one},{CLAUDE},many\n");
    for (arguments, stdin, code, words) in [
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
        let output = ledger(&world, arguments, &stdin).await;
        let stderr = said(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(words), "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert_eq!(world.head().await, head);
    assert_eq!(world.lines(head).await[0], HEADER);
    world.stop().await;
}

#[tokio::test]
async fn a_school_that_is_not_there_is_no_empty_table() {
    let mut world = World::start().await;
    let there = std::mem::replace(&mut world.school.id, uuid::Uuid::now_v7());
    for arguments in [
        &["export"][..],
        &["export", "--what", "events"],
        &["import", "--reason", "r", "-"],
    ] {
        let output = ledger(&world, arguments, &table([(&there, 1)])).await;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty());
        assert!(
            said(&output.stderr).contains("does not exist"),
            "{}",
            said(&output.stderr)
        );
    }
    world.school.id = there;
    world.stop().await;
}
