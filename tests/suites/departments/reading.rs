//! Reads of departments: permissions, the past, usage and history.

use ledger_tests::books;

use serde_json::{Value, json};
use uuid::Uuid;

use super::Fixture;
use crate::fixture::{CLAUDE, after, claude, fields, rows};

/// Ada and Bob are in Languages, Eve is in Sciences, and each has usage.
async fn with_usage() -> Fixture {
    let fixture = Fixture::start().await;
    let (languages, sciences) = (fixture.languages, fixture.sciences);
    for department in [languages, sciences] {
        let _ = fixture.allocate_to_department(department, 300).await.ok();
    }
    for (member, department) in [
        (fixture.ada, languages),
        (fixture.bob, languages),
        (fixture.eve, sciences),
    ] {
        let _ = fixture.move_to(member, Some(department)).await.ok();
    }
    fixture.enable_drawing().await;
    let _ = fixture.allocate_to_member(fixture.bob, 0).await.ok();
    for (n, member) in [fixture.ada, fixture.bob, fixture.eve, fixture.bob]
        .iter()
        .enumerate()
    {
        let answer = fixture.debit(&format!("d{n}"), *member, 10).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    fixture
}

#[tokio::test]
async fn a_teacher_reads_their_own_department_and_no_other() {
    let fixture = with_usage().await;
    let head = books::check(&fixture.postgres, fixture.school.id).await;
    let ada = fixture.teacher(fixture.ada);
    let of =
        |department: Uuid, rest: &str| fixture.path(&format!("/departments/{department}{rest}"));
    let min = format!("?min_seq={head}");
    let own = ada.get(&of(fixture.languages, &min)).await.ok();
    assert_eq!(fields(&own, ["name", "members"]), json!(["Languages", 2]));
    let path = of(fixture.languages, &format!("/balance{min}"));
    let own = ada.get(&path).await.ok();
    // The sums include the colleagues, as for a principal.
    assert_eq!(own, fixture.principal.get(&path).await.ok());
    assert_eq!(
        fields(&claude(&own), ["to_members", "used"]),
        json!([100, 30])
    );
    for rest in ["", "/balance", &format!("/balance?as_of_seq={head}")] {
        let other = ada.get(&of(fixture.sciences, rest)).await;
        assert_eq!(other.problem(), "department-not-found", "{rest}");
        let unknown = ada.get(&of(Uuid::now_v7(), rest)).await;
        assert_eq!(unknown.problem(), "department-not-found", "{rest}");
    }
    let stranger = fixture.teacher(Uuid::now_v7());
    let unknown = stranger.get(&of(fixture.languages, "")).await;
    assert_eq!(unknown.problem(), "department-not-found");
    // A teacher's own balance has what the department has left.
    let bob = fixture.teacher(fixture.bob);
    let own = fixture.path(&format!("/members/{}/balance{min}", fixture.bob));
    let own = claude(&bob.get(&own).await.ok());
    let names = ["level", "allocated", "used", "available"];
    assert_eq!(fields(&own, names), json!(["department", 200, 20, 180]));

    // After a move, the teacher reads the new department, and of the past the former one.
    let moved = fixture.move_to(fixture.ada, Some(fixture.sciences)).await;
    let min = format!("/balance?min_seq={}", moved.seq());
    assert_eq!(ada.get(&of(fixture.sciences, &min)).await.status, 200);
    let gone = ada.get(&of(fixture.languages, &min)).await;
    assert_eq!(gone.problem(), "department-not-found");
    let then = format!("/balance?as_of_seq={head}");
    assert_eq!(ada.get(&of(fixture.languages, &then)).await.status, 200);
    let then = ada.get(&of(fixture.sciences, &then)).await;
    assert_eq!(then.problem(), "department-not-found");
    fixture.stop().await;
}

#[tokio::test]
async fn past_balances_of_every_level_equal_a_replay() {
    let fixture = with_usage().await;
    let _ = fixture
        .move_to(fixture.ada, Some(fixture.sciences))
        .await
        .ok();
    let head = books::check(&fixture.postgres, fixture.school.id).await;
    let opened = books::replay_to(&fixture.postgres, fixture.school.id, Some(head)).await;
    assert_eq!(opened["departments"].as_array().unwrap().len(), 2);
    for seq in (head - 14..=head).step_by(3) {
        let replayed = books::replay_to(&fixture.postgres, fixture.school.id, Some(seq)).await;
        let query = format!("as_of_seq={seq}");
        fixture.assert_equals_replay(&replayed, &query).await;
    }
    let path = format!("/departments/{}/balance", fixture.languages);
    let read = async |query: &str| {
        let path = format!("{path}?{query}");
        fixture.get(&path).await
    };
    let now = read(&format!("min_seq={head}")).await.ok();
    let names = ["department_id", "closed", "seq"];
    assert_eq!(fields(&now, names), json!([fixture.languages, false, head]));
    let start = now["period"]["start"].as_str().unwrap();
    let today = read(&format!(
        "period={}",
        &now["period"]["end"].as_str().unwrap()[..10]
    ))
    .await;
    // The UTC day of the end of a period is its last day in the school's time zone, or the next.
    assert!(today.status == 200 || today.problem() == "period-not-found");
    assert_eq!(
        read(&format!("as_of={start}")).await.problem(),
        "school-not-found"
    );
    assert_eq!(read("as_of_seq=1").await.problem(), "department-not-found");
    for (query, problem) in [
        ("period=2020-01-01", "period-not-found"),
        ("as_of_seq=1&period=2026-01-01", "invalid-request"),
        ("as_of=2999-01-01T00:00:00Z", "invalid-request"),
        ("with=everything", "invalid-request"),
    ] {
        assert_eq!(read(query).await.problem(), problem, "{query}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn usage_is_grouped_by_the_department_at_the_time_of_the_call() {
    let fixture = with_usage().await;
    let _ = fixture
        .move_to(fixture.ada, Some(fixture.sciences))
        .await
        .ok();
    let _ = fixture.debit("later", fixture.ada, 3).await.ok();
    let refused = fixture.debit("too much", fixture.ada, 1_000).await;
    assert_eq!(refused.problem(), "quota-exceeded");
    let _ = fixture.move_to(fixture.eve, None).await.ok();
    let _ = fixture.debit("alone", fixture.eve, 2).await.ok();
    let head = books::check(&fixture.postgres, fixture.school.id).await;
    let read = async |groups: &str| {
        let path = format!("/usage?group_by={groups}&min_seq={head}");
        let usage = fixture.get(&path).await.ok();
        let mut rows: Vec<Value> = usage["rows"].as_array().unwrap().clone();
        rows.sort_by_key(|row| row["units"].as_i64());
        rows
    };
    let names = [
        "department_id",
        "member_id",
        "units",
        "requests",
        "active_members",
    ];
    let rows: Vec<_> = read("department")
        .await
        .iter()
        .map(|row| fields(row, names))
        .collect();
    let expected = [
        json!([null, null, 2, 1, 1]),
        json!([fixture.sciences, null, 13, 2, 2]),
        json!([fixture.languages, null, 30, 3, 2]),
    ];
    assert_eq!(rows, expected);
    let both = read("member,department").await;
    let ada: Vec<_> = both
        .iter()
        .filter(|row| row["member_id"] == json!(fixture.ada))
        .map(|row| fields(row, ["department_id", "units"]))
        .collect();
    assert_eq!(
        ada,
        [json!([fixture.sciences, 3]), json!([fixture.languages, 10])]
    );
    let all = read("").await;
    assert_eq!(
        fields(&all[0], ["department_id", "units"]),
        json!([null, 45])
    );
    fixture.stop().await;
}

#[tokio::test]
async fn the_history_names_the_department_of_a_change() {
    let fixture = with_usage().await;
    let transfer = json!([{"op": "transfer", "department_id": fixture.languages,
        "to_department_id": fixture.sciences, "service": CLAUDE, "units": 5}]);
    let done = fixture.batch(transfer).await;
    let path = format!("/history?limit=1000&min_seq={}", done.seq());
    let history = fixture.get(&path).await.ok();
    let entries = history["entries"].as_array().unwrap();
    let of = |kind: &str| -> Vec<Value> {
        let of_kind = entries.iter().filter(|entry| entry["type"] == kind);
        of_kind
            .map(|entry| fields(entry, ["member_id", "department_id"]))
            .collect()
    };
    let (languages, sciences) = (json!(fixture.languages), json!(fixture.sciences));
    let mut both = of("units_transferred");
    both.sort_by_key(ToString::to_string);
    assert_eq!(both, [json!([null, languages]), json!([null, sciences])]);
    let opened = of("department_opened");
    assert_eq!(opened, [json!([null, sciences]), json!([null, languages])]);
    assert_eq!(of("member_moved")[0], json!([fixture.eve, sciences]));
    // Bob's units came from the department.
    assert_eq!(of("units_revoked")[0], json!([fixture.bob, languages]));
    assert!(of("units_allocated").contains(&json!([null, languages])));
    // A teacher reads only their own entries.
    let own = after(&fixture.path("/history"), done.seq());
    let own = fixture.teacher(fixture.eve).get(&own).await.ok();
    let members = rows(&own["entries"], ["member_id"]);
    assert!(
        members.iter().all(|entry| *entry == json!([fixture.eve])),
        "{own}"
    );
    fixture.stop().await;
}
