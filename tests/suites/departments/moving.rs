//! Members move with their units, and a department closes once it has no members.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Fixture, refusal_values};
use crate::fixture::{CLAUDE, assert_refused, fields};

#[tokio::test]
async fn a_member_moves_with_allocation_usage_and_holds() {
    let fixture = Fixture::start().await;
    let (ada, languages, sciences) = (fixture.ada, fixture.languages, fixture.sciences);
    let _ = fixture.debit("before", ada, 7).await.ok();
    let _ = fixture.hold("in flight", ada, 5).await.ok();
    let _ = fixture.allocate_to_department(languages, 99).await.ok();
    let refused = fixture.move_to(ada, Some(languages)).await;
    assert_eq!(refused.status, 422);
    let expected = json!(["pool-exceeded", "department", 99, 100, 99]);
    assert_eq!(refusal_values(&refused.body), expected);

    for department in [languages, sciences] {
        let _ = fixture.allocate_to_department(department, 120).await.ok();
    }
    let moved = fixture.move_to(ada, Some(languages)).await;
    let names = ["member_id", "department_id", "role", "replayed"];
    assert_eq!(
        fields(&moved.body, names),
        json!([ada, languages, null, false])
    );
    let names = ["to_members", "unallocated", "used", "held", "available"];
    let line = fixture.department_balance(languages, moved.seq()).await;
    assert_eq!(fields(&line, names), json!([100, 20, 7, 5, 108]));
    let same = fixture.move_to(ada, Some(languages)).await.ok();
    assert_eq!(same["event_id"], Value::Null);

    let moved = fixture.move_to(ada, Some(sciences)).await;
    let line = fixture.department_balance(languages, moved.seq()).await;
    assert_eq!(fields(&line, names), json!([0, 120, 0, 0, 120]));
    let path = fixture.path("/holds/in%20flight/settle");
    let settled = fixture.proxy.post(&path, json!({"units": 6})).await;
    assert_eq!(settled.status, 200, "{}", settled.body);
    let line = fixture.department_balance(sciences, settled.seq()).await;
    assert_eq!(fields(&line, names), json!([100, 20, 13, 0, 107]));

    let path = format!("/members/{ada}?min_seq={}", settled.seq());
    let member = fixture.get(&path).await.ok();
    assert_eq!(member["department_id"], json!(sciences));
    let out = fixture.move_to(ada, None).await;
    assert_eq!(fields(&out.body, ["department_id"]), json!([null]));
    let listed = format!("/members?min_seq={}", out.seq());
    let listed = fixture.get(&listed).await.ok();
    let members = listed["members"].as_array().unwrap();
    assert!(
        members.iter().all(|m| m["department_id"] == Value::Null),
        "{listed}"
    );
    fixture.stop().await;
}

#[tokio::test]
async fn a_member_change_has_one_field_and_an_existing_department() {
    let fixture = Fixture::start().await;
    let path = format!("/members/{}", fixture.ada);
    for body in [
        json!({"role": "auditor", "department_id": fixture.languages}),
        json!({}),
        json!({"department_id": "languages"}),
    ] {
        let answer = fixture.patch(&path, body).await;
        assert_refused(&answer, 400, "invalid-request");
    }
    let role = fixture.patch(&path, json!({"role": "auditor"})).await;
    assert_eq!(
        fields(&role.ok(), ["role", "department_id"]),
        json!(["auditor", null])
    );
    let unknown = fixture.move_to(fixture.ada, Some(Uuid::now_v7())).await;
    assert_refused(&unknown, 404, "department-not-found");
    let unknown_member = fixture
        .move_to(Uuid::now_v7(), Some(fixture.languages))
        .await;
    assert_refused(&unknown_member, 404, "member-not-found");
    fixture.stop().await;
}

#[tokio::test]
async fn a_new_member_is_granted_at_most_what_their_department_has_left() {
    let fixture = Fixture::start().await;
    let grant = json!({"default_member_quota": {CLAUDE: 30}});
    let _ = fixture.patch("/settings", grant).await.ok();
    let _ = fixture
        .allocate_to_department(fixture.languages, 40)
        .await
        .ok();
    let new_member = json!({"role": "teacher", "department_id": fixture.languages});
    let mut granted = Vec::new();
    let mut seq = 0;
    for _ in 0..3 {
        let enrolled = fixture.post("/members", new_member.clone()).await;
        assert_eq!(enrolled.status, 201, "{}", enrolled.body);
        seq = enrolled.seq();
        assert_eq!(enrolled.body["department_id"], json!(fixture.languages));
        let grants = enrolled.body["granted"].as_array().unwrap();
        granted.push(
            grants
                .iter()
                .map(|g| g["allocated"].as_i64().unwrap())
                .sum::<i64>(),
        );
    }
    assert_eq!(granted, [30, 10, 0]);
    let unknown = json!({"role": "teacher", "department_id": Uuid::now_v7()});
    let unknown = fixture.post("/members", unknown).await;
    assert_refused(&unknown, 404, "department-not-found");
    let read = format!("/departments/{}", fixture.languages);
    let read = fixture.read_after(&read, seq).await;
    assert_eq!(read["members"], 3);
    fixture.stop().await;
}

#[tokio::test]
async fn a_department_closes_without_members_and_stays_closed() {
    let fixture = Fixture::start().await;
    let (ada, languages) = (fixture.ada, fixture.languages);
    let path = format!("/departments/{languages}");
    let close = async || fixture.send(Method::DELETE, &path, None).await;
    let _ = fixture.allocate_to_department(languages, 300).await.ok();
    let _ = fixture.move_to(ada, Some(languages)).await.ok();
    let refused = close().await;
    assert_refused(&refused, 409, "department-not-empty");
    let expected = json!([languages, 1]);
    assert_eq!(
        fields(&refused.body, ["department_id", "members"]),
        expected
    );

    // Usage drawn on the department stays in its account.
    let _ = fixture.allocate_to_member(ada, 0).await.ok();
    fixture.enable_drawing().await;
    let drawn = fixture.debit("drawn", ada, 7).await;
    assert_eq!(drawn.status, 201, "{}", drawn.body);
    let _ = fixture.move_to(ada, None).await.ok();
    let closed = close().await;
    assert_eq!(closed.status, 200, "{}", closed.body);
    let returned = json!([{"service": CLAUDE, "before": 300, "allocated": 7}]);
    assert_eq!(closed.body["returned"], returned);
    let pool = fixture.pool_balance(closed.seq()).await;
    assert_eq!(fields(&pool, ["allocated", "used"]), json!([207, 7]));

    for answer in [
        close().await,
        fixture.allocate_to_department(languages, 1).await,
        fixture.move_to(ada, Some(languages)).await,
    ] {
        assert_refused(&answer, 404, "department-not-found");
    }
    let again = json!({"department_id": languages, "name": "Languages again"});
    let again = fixture.post("/departments", again).await;
    assert_refused(&again, 409, "department-exists");
    let read = fixture.read_after(&path, closed.seq()).await;
    assert_eq!(
        fields(&read, ["name", "closed"]),
        json!(["Languages", true])
    );
    for (query, count) in [("", 1), ("?with_closed=true", 2)] {
        let path = format!("/departments{query}");
        let listed = fixture.read_after(&path, closed.seq()).await;
        assert_eq!(
            listed["departments"].as_array().unwrap().len(),
            count,
            "{listed}"
        );
    }
    fixture.stop().await;
}
