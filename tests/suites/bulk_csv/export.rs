//! Export of allocation tables.

use ledger_core::Role;
use reqwest::Method;
use serde_json::json;

use super::{HEADER, start};
use crate::fixture::{CLAUDE, PlanSchool, after, delete};

#[tokio::test]
async fn an_export_lists_every_member_with_used_and_held_units() {
    let fixture = start().await;
    let [one, two] = [0, 1].map(|n| fixture.school.members[n]);
    let _ = fixture.debit("1", one, 7).await.ok();
    let _ = fixture.hold("2", one, 5).await.ok();
    // The name and the external id would be formulas in a spreadsheet.
    let (formula, _) = fixture.enrol("=1+1,\"x\"", &["+27821234", "z"]).await;
    let suspend = fixture.path(&format!("/members/{two}/suspend"));
    let _ = fixture
        .principal
        .post(&suspend, json!({"reason": "leave"}))
        .await
        .ok();
    let (removed, _) = fixture.enrol("Removed", &[]).await;
    let removed = fixture.path(&format!("/members/{removed}"));
    let removed = delete(&fixture.principal, &removed).await;

    let lines = fixture.exported_lines(removed.seq()).await;
    assert_eq!(lines[0], HEADER);
    let mut expected = Vec::new();
    let escaped = format!("{formula},,'+27821234,\"'=1+1,\"\"x\"\"\"");
    for (holder, units, used, held) in [
        (format!("{one},,,"), 100, 7, 5),
        (format!("{two},,,"), 100, 0, 0),
        (escaped, 0, 0, 0),
    ] {
        expected.push(format!("{holder},assessment_ai,0,normal,false,0,0"));
        expected.push(format!(
            "{holder},{CLAUDE},{units},normal,false,{used},{held}"
        ));
        expected.push(format!("{holder},content_generation,0,normal,false,0,0"));
    }
    assert_eq!(lines[1..], expected);

    let path = fixture.table_path("");
    let auditor = fixture.caller(Role::Auditor);
    let path = after(&path, fixture.head().await);
    let answer = auditor.send_with(Method::GET, &path, &[], None).await;
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(header("ledger-seq"), fixture.head().await.to_string());
    assert!(header("content-disposition").starts_with("attachment; filename=\"allocations-"));
    fixture.check_and_stop().await;
}

#[tokio::test]
async fn an_exported_table_is_imported_without_a_change() {
    let fixture = start().await;
    let (_, seq) = fixture.enrol("'=x", &["@ada", "b"]).await;
    let before = fixture.exported_lines(seq).await;
    let answer = fixture.import("", &[], &before.join("\r\n")).await;
    let report = &answer.body;
    assert_eq!(report["summary"]["rows"], 9, "{report}");
    assert_eq!(report["summary"]["unchanged"], 9);
    assert_eq!(report["changes"], json!([]));
    assert!(report["event_id"].is_null());
    assert_eq!(answer.seq(), seq, "the log is unchanged");
    // Without member ids, external ids identify the members who have them.
    let lines = before
        .iter()
        .filter(|line| line.contains("@ada"))
        .map(|line| {
            let (_, rest) = line.split_once(',').unwrap();
            format!(",{rest}")
        });
    let table: Vec<_> = std::iter::once(HEADER.to_owned()).chain(lines).collect();
    let answer = fixture.import("", &[], &table.join("\n")).await.ok();
    assert_eq!(answer["summary"]["unchanged"], 3, "{answer}");
    fixture.check_and_stop().await;
}

#[tokio::test]
async fn an_export_without_allocations_has_only_the_header() {
    let fixture = start().await;
    let small = PlanSchool::register(&fixture.platform, "k12", "free").await;
    let path = after(&format!("{}/allocations.csv", small.path), small.seq);
    let answer = fixture
        .platform
        .send_with(Method::GET, &path, &[], None)
        .await;
    assert_eq!(answer.text().await.unwrap(), format!("{HEADER}\r\n"));

    let unknown = format!("/v1/schools/{}/allocations.csv", uuid::Uuid::now_v7());
    assert_eq!(
        fixture.platform.get(&unknown).await.problem(),
        "school-not-found"
    );
    let wrong_query = fixture.table_path("?format=csv");
    assert_eq!(
        fixture.principal.get(&wrong_query).await.problem(),
        "invalid-request"
    );
    fixture.check_and_stop().await;
}
