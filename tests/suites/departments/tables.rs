//! A department's row can be told from a member's, goes out and comes in again.

use std::process::Stdio;

use ledger_tests::server::executable;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;
use uuid::Uuid;

use super::{CLAUDE, World, told};

impl World {
    async fn export(&self, seq: i64) -> String {
        let path = self.school.path(&format!("/allocations.csv?min_seq={seq}"));
        let answer = self.principal.send_with(Method::GET, &path, &[], None);
        answer.await.text().await.unwrap()
    }

    async fn import(&self, table: &str) -> ledger_tests::server::Answer {
        let path = self.school.path("/allocations.csv?reason=a%20new%20term");
        let headers = [("content-type", "text/csv")];
        let sent = self
            .principal
            .send_text(Method::POST, &path, &headers, table);
        sent.await
    }
}

#[tokio::test]
async fn a_table_has_departments_first_and_takes_them_in_again() {
    let world = World::start().await;
    let (languages, sciences, ada) = (world.languages, world.sciences, world.ada);
    let _ = world.fund(languages, 300).await.ok();
    let moved = world.move_to(ada, Some(languages)).await;
    let spent = world.debit("1", ada, 7).await;
    assert!(spent.seq() > moved.seq());
    let table = world.export(spent.seq()).await;
    let lines: Vec<_> = table.lines().collect();
    // Two departments, three members, three services.
    assert_eq!(lines.len(), 1 + 5 * 3, "{table}");
    for (n, id, name) in [(0, languages, "Languages"), (1, sciences, "Sciences")] {
        let begins = format!(",{id},,{name},");
        assert!(
            lines[1 + n * 3..][..3]
                .iter()
                .all(|line| line.starts_with(&begins)),
            "{table}"
        );
    }
    let row = format!(",{languages},,Languages,{CLAUDE},300,normal,false,7,0");
    assert!(lines.contains(&row.as_str()), "{table}");
    let same = world.import(&table).await.ok();
    let expected = json!([15, 0]);
    assert_eq!(told(&same["summary"], ["rows", "changed"]), expected);

    // A member's row may stand before the department's that makes room for it.
    let ada_row = format!("{ada},,,,{CLAUDE},100,normal,false,7,0");
    assert!(lines.contains(&ada_row.as_str()), "{table}");
    let edited = table
        .replace(&row, &row.replace(",300,normal,false", ",400,high,true"))
        .replace(&ada_row, &ada_row.replace(",100,", ",350,"));
    let mut lines: Vec<_> = edited.lines().collect();
    lines[1..].reverse();
    let done = world.import(&lines.join("\n")).await.ok();
    let changes = done["changes"].as_array().unwrap();
    let names = ["department_id", "member_id", "before", "after", "priority"];
    let changes: Vec<_> = changes.iter().map(|change| told(change, names)).collect();
    let expected = [
        json!([languages, null, 300, 400, "high"]),
        json!([null, ada, 100, 350, "normal"]),
    ];
    assert_eq!(changes, expected);
    world.stop().await;
}

#[tokio::test]
async fn tables_of_before_departments_are_read_and_faults_are_named() {
    let world = World::start().await;
    let (languages, ada) = (world.languages, world.ada);
    let old = format!("member_id,service,units\n{ada},{CLAUDE},120\n");
    assert_eq!(world.import(&old).await.ok()["summary"]["changed"], 1);
    let only = format!("department_id,service,units\n{languages},{CLAUDE},50\n");
    assert_eq!(world.import(&only).await.ok()["summary"]["changed"], 1);

    let cells = format!(
        "member_id,department_id,external_id,service,units\n\
         {ada},{languages},,{CLAUDE},1\n\
         ,{languages},ada@x,{CLAUDE},1\n\
         ,languages,,{CLAUDE},1\n\
         ,,,{CLAUDE},1\n"
    );
    let rules = format!(
        "member_id,department_id,service,units\n\
         ,{},{CLAUDE},1\n\
         ,{languages},{CLAUDE},1001\n\
         ,{languages},video,1\n",
        Uuid::now_v7()
    );
    let error = |line: i64, column: &str, code: &str| json!([line, column, code]);
    for (table, expected) in [
        (
            cells,
            vec![
                error(2, "department_id", "invalid-request"),
                error(3, "department_id", "invalid-request"),
                error(4, "department_id", "invalid-request"),
                error(5, "member_id", "invalid-request"),
            ],
        ),
        (
            rules,
            vec![
                error(2, "department_id", "department-not-found"),
                error(3, "units", "pool-exceeded"),
                error(4, "service", "unknown-service"),
            ],
        ),
    ] {
        let answer = world.import(&table).await;
        assert_eq!(answer.problem(), "batch-refused", "{}", answer.body);
        let errors = answer.body["errors"].as_array().unwrap();
        let errors: Vec<_> = errors
            .iter()
            .map(|e| {
                let code = e["type"].as_str().unwrap().rsplit('/').next();
                json!([e["line"], e["column"], code])
            })
            .collect();
        assert_eq!(errors, expected);
    }
    world.stop().await;
}

#[tokio::test]
async fn the_command_line_hands_out_and_takes_in_the_same_table() {
    let world = World::start().await;
    let funded = world.fund(world.languages, 300).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.csv");
    let file = file.to_str().unwrap();
    let ledger = async |arguments: &[&str]| {
        let output = Command::new(executable())
            .args(arguments)
            .args(["--school", &world.school.id.to_string()])
            .env("DATABASE_URL", world.postgres.url())
            .env("LEDGER_LOG_FILTER", "error")
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        output.stdout
    };
    let _ = ledger(&["export", "--output", file]).await;
    let plan = std::fs::read_to_string(file).unwrap();
    assert_eq!(plan, world.export(funded.seq()).await);
    let edited = plan.replace(&format!("{CLAUDE},300,"), &format!("{CLAUDE},310,"));
    std::fs::write(file, edited).unwrap();
    let done = ledger(&["import", "--reason", "more", file]).await;
    let done: Value = serde_json::from_slice(&done).unwrap();
    let names = ["department_id", "before", "after"];
    let expected = json!([world.languages, 300, 310]);
    assert_eq!(told(&done["changes"][0], names), expected);
    world.stop().await;
}
