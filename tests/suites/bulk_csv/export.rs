//! Tables that are handed out.

use ledger_core::Role;
use reqwest::Method;
use serde_json::json;

use super::{CLAUDE, HEADER, World};

#[tokio::test]
async fn everybody_s_lines_come_out_with_what_is_gone_from_them() {
    let world = World::start().await;
    let [one, two] = [0, 1].map(|n| world.school.members[n]);
    let proxy = world.server.as_role(Role::Proxy, Some(world.school.id));
    let debit = world.school.debit("1", one, 7);
    let _ = proxy.post(&world.school.path("/debits"), debit).await.ok();
    let hold = world.school.debit("2", one, 5);
    let _ = proxy.post(&world.school.path("/holds"), hold).await.ok();
    // His mark is a formula, and so is what another system calls him.
    let (clown, _) = world.enrol("=1+1,\"x\"", &["+27821234", "z"]).await;
    let suspend = world.school.path(&format!("/members/{two}/suspend"));
    let _ = world
        .principal
        .post(&suspend, json!({"reason": "leave"}))
        .await
        .ok();
    let gone = world.enrol("Gone", &[]).await.0;
    let gone = world.school.path(&format!("/members/{gone}"));
    let removed = world.principal.try_send(Method::DELETE, &gone, None).await;

    let lines = world.lines(removed.unwrap().seq()).await;
    assert_eq!(lines[0], HEADER);
    let mut expected = Vec::new();
    let named = format!("{clown},,'+27821234,\"'=1+1,\"\"x\"\"\"");
    for (head, units, used, held) in [
        (format!("{one},,,"), 100, 7, 5),
        (format!("{two},,,"), 100, 0, 0),
        (named, 0, 0, 0),
    ] {
        expected.push(format!("{head},assessment_ai,0,normal,false,0,0"));
        expected.push(format!(
            "{head},{CLAUDE},{units},normal,false,{used},{held}"
        ));
        expected.push(format!("{head},content_generation,0,normal,false,0,0"));
    }
    assert_eq!(lines[1..], expected);

    let path = world.path("");
    let auditor = world.server.as_role(Role::Auditor, Some(world.school.id));
    let answer = auditor.send_with(Method::GET, &path, &[], None).await;
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(header("ledger-seq"), world.head().await.to_string());
    assert!(header("content-disposition").starts_with("attachment; filename=\"allocations-"));
    world.stop().await;
}

#[tokio::test]
async fn what_comes_out_goes_in_again_and_changes_nothing() {
    let world = World::start().await;
    let (_, seq) = world.enrol("'=x", &["@ada", "b"]).await;
    let before = world.lines(seq).await;
    let answer = world.import("", &[], &before.join("\r\n")).await;
    let told = answer.body.clone();
    assert_eq!(told["summary"]["rows"], 9, "{told}");
    assert_eq!(told["summary"]["unchanged"], 9);
    assert_eq!(
        (&told["changes"], &told["event_id"]),
        (&json!([]), &json!(null))
    );
    assert_eq!(answer.seq(), seq, "nothing is in the log");
    // Also when our own ids are not in it: then the others find everybody who has one.
    let lines = before
        .iter()
        .filter(|line| line.contains("@ada"))
        .map(|line| {
            let (_, rest) = line.split_once(',').unwrap();
            format!(",{rest}")
        });
    let table: Vec<_> = std::iter::once(HEADER.to_owned()).chain(lines).collect();
    let answer = world.import("", &[], &table.join("\n")).await.ok();
    assert_eq!(answer["summary"]["unchanged"], 3, "{answer}");
    world.stop().await;
}

#[tokio::test]
async fn where_nobody_holds_anything_there_is_the_header_alone() {
    let world = World::start().await;
    let admin = world.server.as_role(Role::PlatformAdmin, None);
    let body = json!({"name": "Small", "org_type": "k12", "tier": "free", "time_zone": "UTC"});
    let school = admin.post("/v1/schools", body).await.ok()["school_id"].clone();
    let members = format!("/v1/schools/{}/members", school.as_str().unwrap());
    let enrolled = admin.post(&members, json!({"role": "teacher"})).await;
    let path = format!(
        "/v1/schools/{}/allocations.csv?min_seq={}",
        school.as_str().unwrap(),
        enrolled.seq()
    );
    let answer = admin.send_with(Method::GET, &path, &[], None).await;
    assert_eq!(answer.text().await.unwrap(), format!("{HEADER}\r\n"));

    let nowhere = format!("/v1/schools/{}/allocations.csv", uuid::Uuid::now_v7());
    assert_eq!(admin.get(&nowhere).await.problem(), "school-not-found");
    let odd = world.path("?format=csv");
    assert_eq!(world.principal.get(&odd).await.problem(), "invalid-request");
    world.stop().await;
}
