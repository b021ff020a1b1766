//! Import of allocation tables.

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

use super::{error, errors, row_error, start, table};
use crate::fixture::{CLAUDE, PlanSchool, assert_refused, fields, rows};

#[tokio::test]
async fn an_import_does_what_its_dry_run_shows_and_takes_effect_once() {
    let fixture = start().await;
    let [one, two] = [0, 1].map(|n| fixture.school.members[n]);
    let (ada, _) = fixture.enrol("Ada", &["ada@school.example"]).await;
    // In the order of the table, the first row would exceed the pool.
    let table = format!(
        "member_id,external_id,service,units,priority,auto_renew\r\n\
         {two},,{CLAUDE},900,,\r\n\
         {one},,lesson_generation,20,high,\r\n\
         ,ada@school.example,assessment_ai,5,low,true\r\n\
         ,ada@school.example,{CLAUDE},0,normal,false\r\n\
         {one},,content_generation,0,,TRUE\r\n"
    );
    let head = fixture.head().await;
    let dry = fixture.import("&dry_run=true", &[], &table).await;
    assert_eq!(dry.seq(), head);
    assert_eq!(
        fields(&dry.body, ["dry_run", "event_id"]),
        json!([true, null])
    );
    assert_eq!(fixture.head().await, head, "a dry run writes nothing");

    let key = [("idempotency-key", "term 3")];
    let done = fixture.import("", &key, &table).await;
    assert!(done.body["event_id"].is_string(), "{}", done.body);
    assert_eq!(
        done.body["changes"], dry.body["changes"],
        "the dry run shows the same changes"
    );
    let expected = json!({"rows": 5, "changed": 4, "unchanged": 1, "services": [
        {"service": "assessment_ai", "added": 5, "taken": 0},
        {"service": CLAUDE, "added": 800, "taken": 80},
    ]});
    assert_eq!(done.body["summary"], expected);
    let changes = &done.body["changes"];
    // Revocations come first; a change of terms keeps the amount.
    let expected = [
        [1, 3, 100, 20],
        [4, 6, 0, 0],
        [0, 2, 100, 900],
        [2, 4, 0, 5],
    ]
    .map(|row| json!(row));
    assert_eq!(
        rows(changes, ["index", "line", "before", "after"]),
        expected
    );
    assert_eq!(
        fields(&changes[3], ["member_id", "auto_renew"]),
        json!([ada, true])
    );

    let again = fixture.import("", &key, &table).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.body["changes"], done.body["changes"]);
    assert_eq!(again.body["summary"], done.body["summary"]);
    let other = fixture.import("", &key, &table.replace("900", "901")).await;
    assert_eq!(other.problem(), "idempotency-key-reused");

    let history = fixture.read_after("/history", done.seq()).await;
    let newest = fields(&history["entries"][0], ["reason", "cause"]);
    assert_eq!(newest, json!(["a new term", "batch"]));
    fixture.check_and_stop().await;
}

#[tokio::test]
async fn a_table_with_bad_rows_reports_each_row_and_has_no_effect() {
    let fixture = start().await;
    let [one, two] = [0, 1].map(|n| fixture.school.members[n]);
    let head = fixture.head().await;
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
    let refused = fixture.import("", &[], &table).await;
    assert_eq!(refused.status, 422);
    let expected = [
        error(4, "member_id", "member-not-found"),
        error(5, "external_id", "member-not-found"),
        error(6, "units", "pool-exceeded"),
        error(7, "service", "unknown-service"),
        row_error(8, "invalid-request"),
    ];
    assert_eq!(errors(&refused), expected);
    assert_eq!(refused.seq(), head);
    let dry = fixture.import("&dry_run=true", &[], &table).await;
    assert_eq!(errors(&dry), expected);

    // Unreadable cells are reported before any rule is applied.
    let cells = format!("{header}\nx,{one},,{CLAUDE},ten\nx,{two},,{CLAUDE},1\n");
    let refused = fixture.import("", &[], &cells).await;
    assert_eq!(errors(&refused), [error(2, "units", "invalid-request")]);
    assert_eq!(
        fixture.head().await,
        head,
        "the valid rows have no effect either"
    );
    fixture.check_and_stop().await;
}

#[tokio::test]
async fn a_request_without_a_readable_table_is_refused() {
    const CSV: &[(&str, &str)] = &[("content-type", "text/csv; charset=utf-8")];
    const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
    let fixture = start().await;
    let good = table([(&fixture.school.members[0], 1)]);
    let post = |query: &'static str, headers: &'static [(&str, &str)], body: String| {
        let path = fixture.table_path(query);
        let principal = &fixture.principal;
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
    let imported = post("?reason=gr%C3%BC%C3%9Fe%2C%20%E6%9C%9F", CSV, good).await;
    assert_eq!(imported.0, 200);
    let history = fixture.read_after("/history", fixture.head().await).await;
    assert_eq!(history["entries"][0]["reason"], "grüße, 期");
    fixture.check_and_stop().await;
}

#[tokio::test]
async fn an_import_without_advanced_management_names_the_tier_that_includes_it() {
    let fixture = start().await;
    for (org_type, tier, has, sufficient) in [
        ("k12", "pro", "none", json!("enterprise")),
        ("preschool", "enterprise", "basic", Value::Null),
    ] {
        let school = PlanSchool::register(&fixture.platform, org_type, tier).await;
        let path = format!("{}/allocations.csv?reason=r", school.path);
        let table = table([(&Uuid::now_v7(), 1)]);
        let csv = [("content-type", "text/csv")];
        let refused = fixture
            .platform
            .send_text(Method::POST, &path, &csv, &table)
            .await;
        assert_refused(&refused, 403, "plan-required");
        let expected = json!([has, "advanced", sufficient]);
        assert_eq!(fields(&refused.body, ["has", "needs", "tier"]), expected);
    }
    fixture.check_and_stop().await;
}

#[tokio::test]
async fn external_ids_are_resolved_in_the_transaction_of_the_import() {
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
    let import_table = || import.envelope(&fresh(), actor, now()).unwrap();
    let member_id = MemberId(Uuid::now_v7());
    let remove = SchoolCommand::RemoveMember { member_id };
    // Within one commit, no member has the id, then one has it, then none again.
    let commands = vec![
        import_table(),
        enrol(member_id, Role::Teacher, &["newcomer"]),
        import_table(),
        envelope(fresh(), Action::School(remove)),
        import_table(),
    ];
    let answers = writer.submit_all(school.id, commands).await.unwrap();
    let outcomes: Vec<_> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(outcomes, [false, true, true, true, false], "{answers:?}");
    let imported = answers[2].as_ref().unwrap();
    assert_eq!(imported.view.row_members, [Some(member_id)]);
    drop(writer);
    tasks.finish().await;
}

#[tokio::test]
async fn ten_thousand_rows_are_imported_as_one_change() {
    const ROWS: usize = 10_000;
    let fixture = start().await;
    let database = fixture.postgres.database();
    let (direct_writer, tasks) = writer(&database, WriterSettings::default());
    let school = School::register(&direct_writer, 1_000_000, 0, 0).await;
    let members: Arc<[_]> = (0..ROWS).map(|_| MemberId(Uuid::now_v7())).collect();
    let enrolments = members.iter().enumerate().map(|(n, member)| {
        let external_id = format!("person-{n}");
        enrol(*member, Role::Teacher, &[&external_id])
    });
    let enrolled = direct_writer
        .submit_all(school.id, enrolments.collect())
        .await;
    assert!(enrolled.unwrap().iter().all(Result::is_ok));
    drop(direct_writer);
    tasks.finish().await;

    // Half of the rows have member ids, half have external ids.
    let mut table = "member_id,external_id,service,units\r\n".to_owned();
    for (n, member) in members.iter().enumerate() {
        let holder = if n % 2 == 0 {
            format!("{},", member.0)
        } else {
            format!(",person-{n}")
        };
        table += &format!("{holder},{CLAUDE},{}\r\n", 50 + n % 3);
    }
    let principal = fixture.server.as_role(Role::Principal, Some(school.id.0));
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
    let pool = fixture.postgres.superuser().await;
    let events = "SELECT count(*) FROM event WHERE kind = 'units_allocated'";
    let before = number(&pool, events).await;
    let dry = send("&dry_run=true", table.clone()).await.ok();
    assert_eq!(
        number(&pool, events).await,
        before,
        "a dry run writes nothing"
    );
    // One bad row, in the last line, refuses the whole table.
    let with_bad_row = table.replace("\r\n,person-9999,", "\r\n,person-10000,");
    let refused = send("", with_bad_row).await;
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
    fixture.check_and_stop().await;
}
