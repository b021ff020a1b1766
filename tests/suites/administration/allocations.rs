//! Allocations: set one by one, changed many at once, and tried first.

use ledger_core::Role;
use ledger_tests::books;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{CLAUDE, World, as_refused, refused, send};

#[tokio::test]
async fn an_allocation_is_set_and_its_terms_alone_leave_the_amount() {
    let world = World::start().await;
    let member = world.school.members[0];
    let path = format!("/members/{member}/allocations/lesson_generation");
    let path = world.school.path(&path);
    let body = json!({"units": 150, "reason": "exams", "priority": "high"});
    let set = world.principal.put(&path, body).await.ok();
    for (name, expected) in [
        ("service", json!(CLAUDE)),
        ("before", json!(100)),
        ("allocated", json!(150)),
        ("priority", json!("high")),
        ("auto_renew", json!(false)),
    ] {
        assert_eq!(set[name], expected, "{name}");
    }
    let terms = json!({"auto_renew": true, "reason": "every term"});
    let set = world.principal.put(&path, terms.clone()).await;
    assert!(set.body["event_id"].is_string(), "{}", set.body);
    let same = world.principal.put(&path, terms).await.ok();
    assert_eq!(same["event_id"], Value::Null, "it is so already");
    for answer in [&set.body, &same] {
        assert_eq!(
            (&answer["before"], &answer["allocated"]),
            (&json!(150), &json!(150))
        );
        assert_eq!(
            (&answer["priority"], &answer["auto_renew"]),
            (&json!("high"), &json!(true))
        );
    }
    let balance = world.balance(member, set.seq()).await;
    assert_eq!(
        (
            &balance["allocated"],
            &balance["priority"],
            &balance["auto_renew"]
        ),
        (&json!(150), &json!("high"), &json!(true))
    );
    world.server.stop().await;
}

#[tokio::test]
async fn an_allocation_goes_as_far_as_pool_cap_and_usage() {
    let world = World::start().await;
    let member = world.school.members[0];
    let path = |service: &str| {
        let rest = format!("/members/{member}/allocations/{service}");
        world.school.path(&rest)
    };
    let units = |units: Value| json!({"units": units, "reason": "r"});
    for (service, body, (status, code)) in [
        (CLAUDE, units(json!(901)), (422, "pool-exceeded")),
        (CLAUDE, units(json!("unlimited")), (422, "pool-exceeded")),
        ("assessment_ai", units(json!(26)), (422, "pool-exceeded")),
        ("video", units(json!(1)), (422, "unknown-service")),
        (CLAUDE, json!({"reason": "r"}), (400, "invalid-request")),
        (
            CLAUDE,
            json!({"units": 1, "reason": " "}),
            (400, "invalid-request"),
        ),
        (CLAUDE, json!({"units": 1}), (400, "invalid-request")),
    ] {
        let answer = world.principal.put(&path(service), body.clone()).await;
        assert_eq!(refused(&answer), as_refused(status, code), "{body}");
    }
    let proxy = world.server.as_role(Role::Proxy, Some(world.school.id));
    let debit = world.school.debit("1", member, 40);
    let _ = proxy.post(&world.school.path("/debits"), debit).await.ok();
    let below = world.principal.put(&path(CLAUDE), units(json!(39))).await;
    assert_eq!(refused(&below), as_refused(422, "allocation-below-usage"));
    assert_eq!(
        (&below.body["used"], &below.body["limit"]),
        (&json!(40), &json!(40))
    );

    let cap = json!({"max_individual_quota": {CLAUDE: 120}});
    let settings = world.school.path("/settings");
    let _ = world.principal.patch(&settings, cap).await.ok();
    let above = world.principal.put(&path(CLAUDE), units(json!(121))).await;
    assert_eq!(refused(&above), as_refused(422, "member-cap-exceeded"));
    assert_eq!(above.body["limit"], 120);
    let balance = world.balance(member, above.seq()).await;
    assert_eq!(balance["allocated"], 100, "nothing was done");
    world.server.stop().await;
}

#[tokio::test]
async fn a_batch_can_be_tried_first_and_is_done_once() {
    let world = World::start().await;
    let [one, two] = <[Uuid; 2]>::try_from(world.school.members.clone()).unwrap();
    let path = world.school.path("/allocations/batch");
    // In this order the pool would not do for the first row.
    let items = json!([
        {"op": "add", "member_id": two, "service": CLAUDE, "units": 850},
        {"op": "revoke", "member_id": one, "service": CLAUDE, "units": 50},
        {"op": "set", "member_id": one, "service": "assessment_ai", "units": 5, "priority": "low"},
    ]);
    let batch = |dry_run: bool| json!({"reason": "plan", "dry_run": dry_run, "items": items});

    let dry = world.principal.post(&path, batch(true)).await;
    assert_eq!(
        (&dry.body["dry_run"], &dry.body["event_id"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(world.balance(two, dry.seq()).await["allocated"], 100);
    let key = [("idempotency-key", "plan 1")];
    let post = || async { send(&world.principal, Method::POST, &path, &key, &batch(false)).await };
    let done = post().await;
    assert!(done.body["event_id"].is_string(), "{}", done.body);
    assert_eq!(
        done.body["changes"], dry.body["changes"],
        "the preview is what was done"
    );
    let changes = done.body["changes"].as_array().unwrap();
    let told: Vec<_> = changes
        .iter()
        .map(|c| [&c["index"], &c["before"], &c["after"]].map(|n| n.as_i64().unwrap()))
        .collect();
    let expected = [[1, 100, 50], [0, 100, 950], [2, 0, 5]];
    assert_eq!(told, expected, "what gives back goes first");
    let again = post().await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.body["changes"], done.body["changes"]);
    assert_eq!(world.balance(two, done.seq()).await["allocated"], 950);

    let body = json!({"reason": "swap", "items": [{"op": "transfer", "member_id": two,
        "to_member_id": one, "service": CLAUDE, "units": 900}]});
    let moved = world.principal.post(&path, body).await;
    let change = &moved.body["changes"][0];
    for (name, expected) in [
        ("index", json!(0)),
        ("before", json!(950)),
        ("after", json!(50)),
        ("to_member_id", json!(one)),
        ("to_before", json!(50)),
        ("to_after", json!(950)),
    ] {
        assert_eq!(change[name], expected, "{name}");
    }
    assert_eq!(world.balance(one, moved.seq()).await["allocated"], 950);
    books::check(&world.postgres, world.school.id).await;
    world.server.stop().await;
}

#[tokio::test]
async fn a_batch_with_a_bad_row_names_it_and_does_nothing() {
    let world = World::start().await;
    let [one, two] = <[Uuid; 2]>::try_from(world.school.members.clone()).unwrap();
    let path = world.school.path("/allocations/batch");
    let body = json!({"reason": "too much", "items": [
        {"op": "revoke", "member_id": one, "service": CLAUDE},
        {"op": "set", "member_id": Uuid::now_v7(), "service": CLAUDE, "units": 1},
        {"op": "add", "member_id": two, "service": CLAUDE, "units": 951},
        {"op": "set", "member_id": two, "service": "video", "units": 1},
    ]});
    let refusal = world.principal.post(&path, body).await;
    assert_eq!(refused(&refusal), as_refused(422, "batch-refused"));
    let errors = refusal.body["errors"].as_array().unwrap();
    let told: Vec<_> = errors
        .iter()
        .map(|e| [&e["index"], &e["status"]].map(|n| n.as_i64().unwrap()))
        .collect();
    assert_eq!(told, [[1, 404], [2, 422], [3, 422]]);
    let balance = world.balance(one, refusal.seq()).await;
    assert_eq!(balance["allocated"], 100, "the good row is not done either");

    let row = |more: Value| {
        let mut row = json!({"op": "set", "member_id": one, "service": CLAUDE, "units": 1});
        for (name, value) in more.as_object().unwrap() {
            row[name] = value.clone();
        }
        row
    };
    for wrong in [
        json!({"reason": "r", "items": []}),
        json!({"reason": "r", "items": [row(json!({"op": "add", "units": "unlimited"}))]}),
        json!({"reason": "r", "items": [row(json!({"op": "lend"}))]}),
        json!({"reason": "r", "items": [row(json!({"member_id": "him"}))]}),
        json!({"reason": "r", "items": [row(json!({"x": 1}))]}),
        json!({"items": [row(json!({}))]}),
    ] {
        let answer = world.principal.post(&path, wrong.clone()).await;
        let expected = as_refused(400, "invalid-request");
        assert_eq!(refused(&answer), expected, "{wrong}");
    }
    books::check(&world.postgres, world.school.id).await;
    world.server.stop().await;
}
