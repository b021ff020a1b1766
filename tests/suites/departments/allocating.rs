//! Allocations of departments are parts of the pool, those of their members parts of theirs.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Fixture, refusal_values};
use crate::fixture::{CLAUDE, assert_refused, code, fields, rows};

#[tokio::test]
async fn a_refusal_has_the_amounts_of_the_exceeded_level() {
    let fixture = Fixture::start().await;
    let (languages, ada) = (fixture.languages, fixture.ada);
    // The pool has 700 left.
    let too_much = fixture.allocate_to_department(languages, 701).await;
    let expected = json!(["pool-exceeded", "pool", 1_000, 701, 700]);
    assert_eq!(refusal_values(&too_much.body), expected);
    let funded = fixture.allocate_to_department(languages, 300).await;
    let names = ["department_id", "member_id", "before", "allocated"];
    let expected = json!([languages, null, 0, 300]);
    assert_eq!(fields(&funded.body, names), expected);
    let moved = fixture.move_to(ada, Some(languages)).await;
    let names = ["allocated", "to_members", "unallocated", "available"];
    let of_languages = fixture.department_balance(languages, moved.seq()).await;
    assert_eq!(fields(&of_languages, names), json!([300, 100, 200, 300]));
    let pool = fixture.pool_balance(moved.seq()).await;
    let expected = json!([500, 500]); // Ada's 100 are part of the department's 300
    assert_eq!(fields(&pool, ["allocated", "unallocated"]), expected);

    let too_much = fixture.allocate_to_member(ada, 301).await;
    let expected = json!(["pool-exceeded", "department", 300, 201, 200]);
    assert_eq!(refusal_values(&too_much.body), expected);
    let allocated = fixture.allocate_to_member(ada, 250).await;
    assert_eq!(
        fields(&allocated.body, ["member_id", "allocated"]),
        json!([ada, 250])
    );
    let same = fixture.pool_balance(allocated.seq()).await;
    assert_eq!(
        fields(&same, ["allocated", "unallocated"]),
        json!([500, 500])
    );

    let below = fixture.allocate_to_department(languages, 249).await;
    assert_eq!(below.status, 422);
    let expected = json!(["total-below-allocated", "department", 250, 249, 250]);
    assert_eq!(refusal_values(&below.body), expected);
    let revoke = json!({"op": "revoke", "department_id": languages, "service": CLAUDE});
    let mut some = revoke.clone();
    some["units"] = json!(51);
    let below = fixture.batch(json!([some])).await;
    let expected = json!(["total-below-allocated", "department", 250, 51, 50]);
    assert_eq!(refusal_values(&below.body["errors"][0]), expected);
    let all = fixture.batch(json!([revoke])).await.ok();
    let expected = json!([0, languages, 300, 250]);
    let names = ["index", "department_id", "before", "after"];
    assert_eq!(fields(&all["changes"][0], names), expected);

    let unknown = fixture.allocate_to_department(Uuid::now_v7(), 1).await;
    assert_refused(&unknown, 404, "department-not-found");
    fixture.stop().await;
}

#[tokio::test]
async fn a_batch_of_departments_and_members_is_valid_in_any_order() {
    let fixture = Fixture::start().await;
    let (languages, sciences) = (fixture.languages, fixture.sciences);
    let _ = fixture.allocate_to_department(languages, 150).await.ok();
    let _ = fixture.move_to(fixture.ada, Some(languages)).await.ok();
    let set = |holder: &str, id: Uuid, units: i64| {
        let mut item = json!({"op": "set", "service": CLAUDE, "units": units});
        item[holder] = json!(id);
        item
    };
    let items = json!([
        set("member_id", fixture.ada, 350),
        set("department_id", languages, 400),
        set("member_id", fixture.bob, 50),
        set("department_id", sciences, 450),
    ]);
    let dry = json!({"reason": "r", "dry_run": true, "items": items});
    let dry = fixture.post("/allocations/batch", dry).await.ok();
    let done = fixture.batch(items).await;
    assert_eq!(done.body["changes"], dry["changes"], "{dry}");
    let order = rows(&done.body["changes"], ["index"]);
    let expected = [2, 1, 3, 0].map(|index| json!([index]));
    assert_eq!(
        order, expected,
        "revocations, then departments, then members"
    );
    let pool = fixture.pool_balance(done.seq()).await;
    assert_eq!(
        fields(&pool, ["allocated", "unallocated"]),
        json!([1_000, 0])
    );

    // Each refused row has the amounts of its own level.
    let items = json!([
        set("member_id", fixture.ada, 401),
        set("department_id", sciences, 451),
        set("department_id", Uuid::now_v7(), 1),
    ]);
    let refused = fixture.batch(items).await;
    let errors = refused.body["errors"].as_array().unwrap();
    let expected = [
        json!(["pool-exceeded", "department", 400, 51, 50]),
        json!(["pool-exceeded", "pool", 1_000, 1, 0]),
        json!(["department-not-found", null, null, null, null]),
    ];
    assert_eq!(
        errors.iter().map(refusal_values).collect::<Vec<_>>(),
        expected
    );
    fixture.stop().await;
}

#[tokio::test]
async fn units_are_transferred_between_holders_but_not_within_a_department() {
    let fixture = Fixture::start().await;
    let (languages, sciences) = (fixture.languages, fixture.sciences);
    let (ada, bob, eve) = (fixture.ada, fixture.bob, fixture.eve);
    for department in [languages, sciences] {
        let _ = fixture.allocate_to_department(department, 300).await.ok();
    }
    for (member, department) in [(ada, languages), (bob, languages)] {
        let _ = fixture.move_to(member, Some(department)).await.ok();
    }
    let transfer = async |from: (&str, Uuid), to: (&str, Uuid), units: i64| {
        let mut item = json!({"op": "transfer", "service": CLAUDE, "units": units});
        item[from.0] = json!(from.1);
        item[to.0] = json!(to.1);
        fixture.batch(json!([item])).await
    };
    let member = |id| ("member_id", id);
    let to_member = |id| ("to_member_id", id);
    let department = |id| ("department_id", id);
    let to_department = |id| ("to_department_id", id);
    let names = [
        "department_id",
        "member_id",
        "to_department_id",
        "to_member_id",
        "after",
        "to_after",
    ];
    let assert_transferred = async |from, to, expected: Value| {
        let answer = transfer(from, to, 10).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(fields(&answer.body["changes"][0], names), expected);
    };
    let expected = json!([languages, null, sciences, null, 290, 310]);
    assert_transferred(department(languages), to_department(sciences), expected).await;
    let expected = json!([null, ada, null, bob, 90, 110]);
    assert_transferred(member(ada), to_member(bob), expected).await;
    // From a department's member to a member without one, and back through the pool.
    let expected = json!([null, ada, null, eve, 80, 110]);
    assert_transferred(member(ada), to_member(eve), expected).await;
    let expected = json!([null, eve, languages, null, 100, 300]);
    assert_transferred(member(eve), to_department(languages), expected).await;
    let expected = json!([sciences, null, null, eve, 300, 110]);
    assert_transferred(department(sciences), to_member(eve), expected).await;

    let inside = transfer(department(languages), to_member(ada), 10).await;
    assert_eq!(
        code(&inside.body["errors"][0]),
        "transfer-within-department"
    );
    assert_eq!(inside.body["errors"][0]["status"], 422);
    let inside = transfer(member(ada), to_department(languages), 10).await;
    assert_eq!(
        code(&inside.body["errors"][0]),
        "transfer-within-department"
    );
    let itself = transfer(department(languages), to_department(languages), 10).await;
    assert_eq!(code(&itself.body["errors"][0]), "invalid-request");
    let too_much = transfer(department(languages), to_department(sciences), 111).await;
    let expected = json!(["total-below-allocated", "department", 190, 111, 110]);
    assert_eq!(refusal_values(&too_much.body["errors"][0]), expected);
    fixture.stop().await;
}

#[tokio::test]
async fn a_batch_row_names_one_holder_and_a_department_keeps_its_terms() {
    let fixture = Fixture::start().await;
    let both = json!([{"op": "set", "member_id": fixture.ada, "department_id": fixture.languages,
        "service": CLAUDE, "units": 1}]);
    let neither = json!([{"op": "set", "service": CLAUDE, "units": 1}]);
    for items in [both, neither] {
        let answer = fixture.batch(items).await;
        assert_refused(&answer, 400, "invalid-request");
        assert!(answer.body["at"].as_str().unwrap().starts_with("items[0]"));
    }
    let path = format!("/departments/{}/allocations/{CLAUDE}", fixture.languages);
    let body = json!({"units": 50, "priority": "high", "auto_renew": true, "reason": "r"});
    let _ = fixture.send(Method::PUT, &path, Some(body)).await.ok();
    let more = fixture.allocate_to_department(fixture.languages, 60).await;
    let names = ["allocated", "priority", "auto_renew"];
    assert_eq!(fields(&more.body, names), json!([60, "high", true]));
    let same = fixture
        .allocate_to_department(fixture.languages, 60)
        .await
        .ok();
    assert_eq!(fields(&same, ["event_id", "allocated"]), json!([null, 60]));
    let line = fixture
        .department_balance(fixture.languages, more.seq())
        .await;
    assert_eq!(fields(&line, names), json!([60, "high", true]));
    fixture.stop().await;
}
