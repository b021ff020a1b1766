//! What departments hold comes out of the pool, what members hold out of their departments'.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{CLAUDE, World, as_refused, numbers, refused, told};

#[tokio::test]
async fn a_refusal_says_the_numbers_of_the_level_that_does_not_reach() {
    let world = World::start().await;
    let (languages, ada) = (world.languages, world.ada);
    // The pool has 700 left.
    let too_much = world.fund(languages, 701).await;
    let expected = json!(["pool-exceeded", "pool", 1_000, 701, 700]);
    assert_eq!(numbers(&too_much.body), expected);
    let funded = world.fund(languages, 300).await;
    let names = ["department_id", "member_id", "before", "allocated"];
    let expected = json!([languages, null, 0, 300]);
    assert_eq!(told(&funded.body, names), expected);
    let moved = world.move_to(ada, Some(languages)).await;
    let names = ["allocated", "to_members", "unallocated", "available"];
    let of_languages = world.of_department(languages, moved.seq()).await;
    assert_eq!(told(&of_languages, names), json!([300, 100, 200, 300]));
    let pool = world.balance("", moved.seq()).await;
    let expected = json!([500, 500]); // Ada's 100 are among the department's 300
    assert_eq!(told(&pool, ["allocated", "unallocated"]), expected);

    let too_much = world.give(ada, 301).await;
    let expected = json!(["pool-exceeded", "department", 300, 201, 200]);
    assert_eq!(numbers(&too_much.body), expected);
    let given = world.give(ada, 250).await;
    assert_eq!(
        told(&given.body, ["member_id", "allocated"]),
        json!([ada, 250])
    );
    let same = world.balance("", given.seq()).await;
    assert_eq!(told(&same, ["allocated", "unallocated"]), json!([500, 500]));

    let below = world.fund(languages, 249).await;
    assert_eq!(below.status, 422);
    let expected = json!(["total-below-allocated", "department", 250, 249, 250]);
    assert_eq!(numbers(&below.body), expected);
    let revoke = json!({"op": "revoke", "department_id": languages, "service": CLAUDE});
    let mut some = revoke.clone();
    some["units"] = json!(51);
    let below = world.batch(json!([some])).await;
    let expected = json!(["total-below-allocated", "department", 250, 51, 50]);
    assert_eq!(numbers(&below.body["errors"][0]), expected);
    let all = world.batch(json!([revoke])).await.ok();
    let expected = json!([0, languages, 300, 250]);
    let names = ["index", "department_id", "before", "after"];
    assert_eq!(told(&all["changes"][0], names), expected);

    let nowhere = world.fund(Uuid::now_v7(), 1).await;
    assert_eq!(refused(&nowhere), as_refused(404, "department-not-found"));
    world.stop().await;
}

#[tokio::test]
async fn a_batch_of_both_levels_is_done_in_any_order() {
    let world = World::start().await;
    let (languages, sciences) = (world.languages, world.sciences);
    let _ = world.fund(languages, 150).await.ok();
    let _ = world.move_to(world.ada, Some(languages)).await.ok();
    let set = |whose: &str, id: Uuid, units: i64| {
        let mut item = json!({"op": "set", "service": CLAUDE, "units": units});
        item[whose] = json!(id);
        item
    };
    let items = json!([
        set("member_id", world.ada, 350),
        set("department_id", languages, 400),
        set("member_id", world.bob, 50),
        set("department_id", sciences, 450),
    ]);
    let dry = json!({"reason": "r", "dry_run": true, "items": items});
    let dry = world.post("/allocations/batch", dry).await.ok();
    let done = world.batch(items).await;
    assert_eq!(done.body["changes"], dry["changes"], "{dry}");
    let order: Vec<_> = done.body["changes"].as_array().unwrap().iter().collect();
    let order: Vec<_> = order.iter().map(|change| change["index"].clone()).collect();
    assert_eq!(order, [2, 1, 3, 0], "who gives, departments, members");
    let pool = world.balance("", done.seq()).await;
    assert_eq!(told(&pool, ["allocated", "unallocated"]), json!([1_000, 0]));

    // Both levels at fault, each with its own numbers.
    let items = json!([
        set("member_id", world.ada, 401),
        set("department_id", sciences, 451),
        set("department_id", Uuid::now_v7(), 1),
    ]);
    let refused = world.batch(items).await;
    let errors = refused.body["errors"].as_array().unwrap();
    let expected = [
        json!(["pool-exceeded", "department", 400, 51, 50]),
        json!(["pool-exceeded", "pool", 1_000, 1, 0]),
        json!(["department-not-found", null, null, null, null]),
    ];
    assert_eq!(errors.iter().map(numbers).collect::<Vec<_>>(), expected);
    world.stop().await;
}

#[tokio::test]
async fn units_are_transferred_between_holders_but_not_inside_a_department() {
    let world = World::start().await;
    let (languages, sciences) = (world.languages, world.sciences);
    let (ada, bob, eve) = (world.ada, world.bob, world.eve);
    for department in [languages, sciences] {
        let _ = world.fund(department, 300).await.ok();
    }
    for (member, department) in [(ada, languages), (bob, languages)] {
        let _ = world.move_to(member, Some(department)).await.ok();
    }
    let transfer = async |from: (&str, Uuid), to: (&str, Uuid), units: i64| {
        let mut item = json!({"op": "transfer", "service": CLAUDE, "units": units});
        item[from.0] = json!(from.1);
        item[to.0] = json!(to.1);
        world.batch(json!([item])).await
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
    let done = async |from, to, expected: Value| {
        let answer = transfer(from, to, 10).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(told(&answer.body["changes"][0], names), expected);
    };
    let expected = json!([languages, null, sciences, null, 290, 310]);
    done(department(languages), to_department(sciences), expected).await;
    done(
        member(ada),
        to_member(bob),
        json!([null, ada, null, bob, 90, 110]),
    )
    .await;
    // From one department's members to somebody who is in none, and back out of the pool.
    done(
        member(ada),
        to_member(eve),
        json!([null, ada, null, eve, 80, 110]),
    )
    .await;
    done(
        member(eve),
        to_department(languages),
        json!([null, eve, languages, null, 100, 300]),
    )
    .await;
    done(
        department(sciences),
        to_member(eve),
        json!([sciences, null, null, eve, 300, 110]),
    )
    .await;

    let code = |answer: &ledger_tests::server::Answer| {
        let error = answer.body["errors"][0]["type"].as_str().unwrap();
        error.rsplit('/').next().unwrap().to_owned()
    };
    let inside = transfer(department(languages), to_member(ada), 10).await;
    assert_eq!(code(&inside), "transfer-within-department");
    assert_eq!(inside.body["errors"][0]["status"], 422);
    let inside = transfer(member(ada), to_department(languages), 10).await;
    assert_eq!(code(&inside), "transfer-within-department");
    let itself = transfer(department(languages), to_department(languages), 10).await;
    assert_eq!(code(&itself), "invalid-request");
    let too_much = transfer(department(languages), to_department(sciences), 111).await;
    let expected = json!(["total-below-allocated", "department", 190, 111, 110]);
    assert_eq!(numbers(&too_much.body["errors"][0]), expected);
    world.stop().await;
}

#[tokio::test]
async fn a_holder_is_a_member_or_a_department_and_keeps_his_terms() {
    let world = World::start().await;
    let both = json!([{"op": "set", "member_id": world.ada, "department_id": world.languages,
        "service": CLAUDE, "units": 1}]);
    let neither = json!([{"op": "set", "service": CLAUDE, "units": 1}]);
    for items in [both, neither] {
        let answer = world.batch(items).await;
        assert_eq!(refused(&answer), as_refused(400, "invalid-request"));
        assert!(answer.body["at"].as_str().unwrap().starts_with("items[0]"));
    }
    let path = format!("/departments/{}/allocations/{CLAUDE}", world.languages);
    let body = json!({"units": 50, "priority": "high", "auto_renew": true, "reason": "r"});
    let _ = world.send(Method::PUT, &path, Some(body)).await.ok();
    let more = world.fund(world.languages, 60).await;
    let names = ["allocated", "priority", "auto_renew"];
    assert_eq!(told(&more.body, names), json!([60, "high", true]));
    let same = world.fund(world.languages, 60).await.ok();
    assert_eq!(told(&same, ["event_id", "allocated"]), json!([null, 60]));
    let line = world.of_department(world.languages, more.seq()).await;
    assert_eq!(told(&line, names), json!([60, "high", true]));
    world.stop().await;
}
