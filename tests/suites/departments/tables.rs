//! Allocation tables with rows of departments.

use serde_json::{Value, json};
use uuid::Uuid;

use super::Fixture;
use crate::bulk_csv::{error, errors};
use crate::fixture::{CLAUDE, fields, rows};

#[tokio::test]
async fn an_exported_table_lists_departments_first_and_is_imported_again() {
    let fixture = Fixture::start().await;
    let (languages, sciences, ada) = (fixture.languages, fixture.sciences, fixture.ada);
    let _ = fixture.allocate_to_department(languages, 300).await.ok();
    let moved = fixture.move_to(ada, Some(languages)).await;
    let spent = fixture.debit("1", ada, 7).await;
    assert!(spent.seq() > moved.seq());
    let table = fixture.export(spent.seq()).await;
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
    let same = fixture.import("", &[], &table).await.ok();
    let expected = json!([15, 0]);
    assert_eq!(fields(&same["summary"], ["rows", "changed"]), expected);

    // A member's row may precede the row of the department that funds it.
    let ada_row = format!("{ada},,,,{CLAUDE},100,normal,false,7,0");
    assert!(lines.contains(&ada_row.as_str()), "{table}");
    let edited = table
        .replace(&row, &row.replace(",300,normal,false", ",400,high,true"))
        .replace(&ada_row, &ada_row.replace(",100,", ",350,"));
    let mut lines: Vec<_> = edited.lines().collect();
    lines[1..].reverse();
    let done = fixture.import("", &[], &lines.join("\n")).await.ok();
    let names = ["department_id", "member_id", "before", "after", "priority"];
    let expected = [
        json!([languages, null, 300, 400, "high"]),
        json!([null, ada, 100, 350, "normal"]),
    ];
    assert_eq!(rows(&done["changes"], names), expected);
    fixture.stop().await;
}

#[tokio::test]
async fn a_table_without_department_columns_is_imported_and_errors_name_the_column() {
    let fixture = Fixture::start().await;
    let (languages, ada) = (fixture.languages, fixture.ada);
    let old = format!("member_id,service,units\n{ada},{CLAUDE},120\n");
    assert_eq!(
        fixture.import("", &[], &old).await.ok()["summary"]["changed"],
        1
    );
    let only = format!("department_id,service,units\n{languages},{CLAUDE},50\n");
    assert_eq!(
        fixture.import("", &[], &only).await.ok()["summary"]["changed"],
        1
    );

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
        let answer = fixture.import("", &[], &table).await;
        assert_eq!(errors(&answer), expected);
    }
    fixture.stop().await;
}

#[tokio::test]
async fn the_command_line_exports_and_imports_the_same_table() {
    let fixture = Fixture::start().await;
    let funded = fixture.allocate_to_department(fixture.languages, 300).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.csv");
    let file = file.to_str().unwrap();
    let ledger = async |arguments: &[&str]| {
        let output = fixture.run_ledger(arguments, "").await;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        output.stdout
    };
    let _ = ledger(&["export", "--output", file]).await;
    let plan = std::fs::read_to_string(file).unwrap();
    assert_eq!(plan, fixture.export(funded.seq()).await);
    let edited = plan.replace(&format!("{CLAUDE},300,"), &format!("{CLAUDE},310,"));
    std::fs::write(file, edited).unwrap();
    let done = ledger(&["import", "--reason", "more", file]).await;
    let done: Value = serde_json::from_slice(&done).unwrap();
    let names = ["department_id", "before", "after"];
    let expected = json!([fixture.languages, 300, 310]);
    assert_eq!(fields(&done["changes"][0], names), expected);
    fixture.stop().await;
}
