//! Tables that are taken in.

use std::sync::Arc;

use ledger_api::allocation_csv::{Import, Table};
use ledger_core::school::SchoolCommand;
use ledger_core::{Action, Actor, ActorId, MemberId, Role};
use ledger_store::writer::WriterSettings;
use ledger_tests::postgres::{Postgres, number};
use ledger_tests::school::{School, enrol, envelope, fresh, now, writer};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{CLAUDE, World, error, errors, table};

#[tokio::test]
async fn a_table_is_tried_first_and_done_once() {
    let world = World::start().await;
    let [one, two] = [0, 1].map(|n| world.school.members[n]);
    let (ada, _) = world.enrol("Ada", &["ada@school.example"]).await;
    // In this order the pool would not do for the first row.
    let table = format!(
        "member_id,external_id,service,units,priority,auto_renew\r\n\
         {two},,{CLAUDE},900,,\r\n\
         {one},,lesson_generation,20,high,\r\n\
         ,ada@school.example,assessment_ai,5,low,true\r\n\
         ,ada@school.example,{CLAUDE},0,normal,false\r\n\
         {one},,content_generation,0,,TRUE\r\n"
    );
    let head = world.head().await;
    let dry = world.import("&dry_run=true", &[], &table).await;
    assert_eq!(dry.seq(), head);
    let told = &dry.body;
    assert_eq!(
        (&told["dry_run"], &told["event_id"]),
        (&json!(true), &Value::Null),
        "{told}"
    );
    assert_eq!(world.head().await, head, "a dry run leaves no trace");

    let key = [("idempotency-key", "term 3")];
    let done = world.import("", &key, &table).await;
    assert!(done.body["event_id"].is_string(), "{}", done.body);
    assert_eq!(
        done.body["changes"], told["changes"],
        "the preview is what was done"
    );
    let expected = json!({"rows": 5, "changed": 4, "unchanged": 1, "services": [
        {"service": "assessment_ai", "added": 5, "taken": 0},
        {"service": CLAUDE, "added": 800, "taken": 80},
    ]});
    assert_eq!(done.body["summary"], expected);
    let changes = done.body["changes"].as_array().unwrap();
    let told: Vec<_> = changes
        .iter()
        .map(|c| [&c["index"], &c["line"], &c["before"], &c["after"]].map(|n| n.as_i64().unwrap()))
        .collect();
    // What gives back goes first; new terms alone leave the amount.
    let expected = [
        [1, 3, 100, 20],
        [4, 6, 0, 0],
        [0, 2, 100, 900],
        [2, 4, 0, 5],
    ];
    assert_eq!(told, expected);
    let member = |n: usize| changes[n]["member_id"].as_str().unwrap().parse::<Uuid>();
    assert_eq!(member(3).unwrap(), ada);
    assert_eq!(changes[3]["auto_renew"], true);

    let again = world.import("", &key, &table).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.body["changes"], done.body["changes"]);
    assert_eq!(again.body["summary"], done.body["summary"]);
    let other = world.import("", &key, &table.replace("900", "901")).await;
    assert_eq!(other.problem(), "idempotency-key-reused");

    let history = world
        .school
        .path(&format!("/history?min_seq={}", done.seq()));
    let history = world.principal.get(&history).await.ok();
    let newest = &history["entries"][0];
    assert_eq!(
        (&newest["reason"], &newest["cause"]),
        (&json!("a new term"), &json!("batch")),
        "{newest}"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_table_with_bad_rows_names_each_and_does_nothing() {
    let world = World::start().await;
    let [one, two] = [0, 1].map(|n| world.school.members[n]);
    let head = world.head().await;
    let header = "display_name,member_id,external_id,service,units";
    let table = format!(
        "{header}\n\
         \"two\nlines\",{one},,{CLAUDE},10\n\
         x,{},,{CLAUDE},1\n\
         x,,nobody@school.example,{CLAUDE},1\n\
         x,{two},,{CLAUDE},991\n\
         x,{two},,video,1\n\
         x,{one},,lesson_generation,11\n",
        Uuid::now_v7()
    );
    let refused = world.import("", &[], &table).await;
    assert_eq!(refused.status, 422);
    let expected = [
        error(4, "member_id", "member-not-found"),
        error(5, "external_id", "member-not-found"),
        error(6, "units", "pool-exceeded"),
        error(7, "service", "unknown-service"),
        error(8, "", "invalid-request"),
    ];
    assert_eq!(errors(&refused), expected);
    assert_eq!(refused.seq(), head);
    let dry = world.import("&dry_run=true", &[], &table).await;
    assert_eq!(errors(&dry), expected);

    // Cells that cannot be read are told before anything is decided.
    let cells = format!("{header}\nx,{one},,{CLAUDE},ten\nx,{two},,{CLAUDE},1\n");
    let refused = world.import("", &[], &cells).await;
    assert_eq!(errors(&refused), [error(2, "units", "invalid-request")]);
    assert_eq!(
        world.head().await,
        head,
        "the good rows are not done either"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_request_that_brings_no_table_is_refused() {
    const CSV: &[(&str, &str)] = &[("content-type", "text/csv; charset=utf-8")];
    const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
    let world = World::start().await;
    let good = table([(&world.school.members[0], 1)]);
    let post = |query: &'static str, headers: &'static [(&str, &str)], body: String| {
        let path = world.path(query);
        let principal = &world.principal;
        async move {
            let answer = principal
                .send_text(Method::POST, &path, headers, &body)
                .await;
            (answer.status.as_u16(), answer.problem())
        }
    };
    let too_large = format!("member_id,service,units\n{}", "x".repeat(4 << 20));
    let too_many = good.clone() + &"x,s,1\n".repeat(10_000);
    for (query, headers, body, (status, code)) in [
        (
            "?reason=r",
            JSON,
            good.clone(),
            (415, "unsupported-media-type"),
        ),
        ("?reason=r", CSV, too_large, (413, "body-too-large")),
        ("?reason=r", CSV, too_many, (422, "unreadable-table")),
        ("?reason=r", CSV, String::new(), (422, "unreadable-table")),
        (
            "?reason=r",
            CSV,
            good.replace("units", "unit"),
            (422, "unreadable-table"),
        ),
        ("", CSV, good.clone(), (400, "invalid-request")),
        ("?reason=%20", CSV, good.clone(), (400, "invalid-request")),
        (
            "?reason=r&dry_run=1",
            CSV,
            good.clone(),
            (400, "invalid-request"),
        ),
        (
            "?reason=r&really=true",
            CSV,
            good.clone(),
            (400, "invalid-request"),
        ),
    ] {
        assert_eq!(
            post(query, headers, body).await,
            (status, code.to_owned()),
            "{query} {code}"
        );
    }
    let told = post("?reason=gr%C3%BC%C3%9Fe%2C%20%E6%9C%9F", CSV, good).await;
    assert_eq!(told.0, 200);
    let history = world
        .school
        .path(&format!("/history?min_seq={}", world.head().await));
    let history = world.principal.get(&history).await.ok();
    assert_eq!(history["entries"][0]["reason"], "grüße, 期");
    world.stop().await;
}

#[tokio::test]
async fn a_plan_without_advanced_management_names_what_it_lacks() {
    let world = World::start().await;
    let admin = world.server.as_role(Role::PlatformAdmin, None);
    for (org_type, tier, has, would_do) in [
        ("k12", "pro", "none", json!("enterprise")),
        ("preschool", "enterprise", "basic", Value::Null),
    ] {
        let body = json!({"name": "S", "org_type": org_type, "tier": tier, "time_zone": "UTC"});
        let school = admin.post("/v1/schools", body).await.ok()["school_id"].clone();
        let path = format!(
            "/v1/schools/{}/allocations.csv?reason=r",
            school.as_str().unwrap()
        );
        let table = table([(&Uuid::now_v7(), 1)]);
        let csv = [("content-type", "text/csv")];
        let refused = admin.send_text(Method::POST, &path, &csv, &table).await;
        assert_eq!(
            (refused.status.as_u16(), refused.problem().as_str()),
            (403, "plan-required")
        );
        for (name, expected) in [
            ("has", json!(has)),
            ("needs", json!("advanced")),
            ("tier", would_do),
        ] {
            assert_eq!(refused.body[name], expected, "{org_type}: {name}");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn whose_an_external_id_is_is_decided_together_with_the_rows() {
    let postgres = Postgres::start().await;
    let (writer, tasks) = writer(&postgres.database(), WriterSettings::default());
    let school = School::register(&writer, 100, 0, 0).await;
    let table = format!("external_id,service,units\nnewcomer,{CLAUDE},5\n");
    let import = Import {
        table: Table::read(table.as_bytes()).unwrap(),
        reason: "a new term".to_owned(),
        dry_run: false,
    };
    let actor = Actor {
        role: Role::Principal,
        id: ActorId(Uuid::now_v7()),
    };
    let ask = || import.request(fresh(), actor, now()).unwrap();
    let member_id = MemberId(Uuid::now_v7());
    let remove = SchoolCommand::RemoveMember { member_id };
    // In one commit nobody has the id, then somebody, then nobody again.
    let commands = vec![
        ask(),
        enrol(member_id, Role::Teacher, &["newcomer"]),
        ask(),
        envelope(fresh(), Action::School(remove)),
        ask(),
    ];
    let answers = writer.submit_all(school.id, commands).await.unwrap();
    let done: Vec<_> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(done, [false, true, true, true, false], "{answers:?}");
    let given = answers[2].as_ref().unwrap();
    assert_eq!(given.view.row_members, [Some(member_id)]);
    drop(writer);
    tasks.finish().await;
}

#[tokio::test]
async fn ten_thousand_rows_are_one_change() {
    const ROWS: usize = 10_000;
    let world = World::start().await;
    let database = world.postgres.database();
    let (by_hand, tasks) = writer(&database, WriterSettings::default());
    let school = School::register(&by_hand, 1_000_000, 0, 0).await;
    let members: Arc<[_]> = (0..ROWS).map(|_| MemberId(Uuid::now_v7())).collect();
    let enrolments = members.iter().enumerate().map(|(n, member)| {
        let external_id = format!("person-{n}");
        enrol(*member, Role::Teacher, &[&external_id])
    });
    let enrolled = by_hand.submit_all(school.id, enrolments.collect()).await;
    assert!(enrolled.unwrap().iter().all(Result::is_ok));
    drop(by_hand);
    tasks.finish().await;

    // Half of them by their own ids, half by another system's.
    let mut table = "member_id,external_id,service,units\r\n".to_owned();
    for (n, member) in members.iter().enumerate() {
        let holder = if n % 2 == 0 {
            format!("{},", member.0)
        } else {
            format!(",person-{n}")
        };
        table += &format!("{holder},{CLAUDE},{}\r\n", 50 + n % 3);
    }
    let principal = world.server.as_role(Role::Principal, Some(school.id.0));
    let path = format!("/v1/schools/{}/allocations.csv", school.id);
    let send = |query: &'static str, table: String| {
        let (principal, path) = (principal.clone(), format!("{path}?reason=r{query}"));
        let headers = [
            ("content-type", "text/csv"),
            ("idempotency-key", "all of them"),
        ];
        async move {
            principal
                .send_text(Method::POST, &path, &headers, &table)
                .await
        }
    };
    let pool = world.postgres.superuser().await;
    let events = "SELECT count(*) FROM event WHERE kind = 'units_allocated'";
    let before = number(&pool, events).await;
    let dry = send("&dry_run=true", table.clone()).await.ok();
    assert_eq!(
        number(&pool, events).await,
        before,
        "a dry run leaves no trace"
    );
    // One bad row in the last line, and nothing is done.
    let spoilt = table.replace("\r\n,person-9999,", "\r\n,person-10000,");
    let refused = send("", spoilt).await;
    let expected = [error(10_001, "external_id", "member-not-found")];
    assert_eq!(errors(&refused), expected);
    assert_eq!(number(&pool, events).await, before);

    let done = send("", table.clone()).await.ok();
    assert_eq!(done["changes"], dry["changes"]);
    assert_eq!(done["summary"]["changed"], ROWS);
    assert_eq!(
        number(&pool, events).await - before,
        i64::try_from(ROWS).unwrap()
    );
    let again = send("", table).await.ok();
    assert_eq!(
        (&again["replayed"], &again["changes"]),
        (&json!(true), &done["changes"])
    );

    let table = format!("{path}?min_seq={}", done["seq"]);
    let answer = principal.send_with(Method::GET, &table, &[], None).await;
    let text = answer.text().await.unwrap();
    assert_eq!(text.lines().count(), 1 + 3 * ROWS);
    assert_eq!(text.matches(&format!(",{CLAUDE},52,")).count(), ROWS / 3);
    world.stop().await;
}
