//! Allocations: set one at a time and in batches, with dry runs.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{both_members, start};
use crate::fixture::{CLAUDE, assert_refused, assert_refused_for, fields, rows, send};

#[tokio::test]
async fn a_principal_sets_an_allocation_and_a_change_of_terms_keeps_its_amount() {
    let fixture = start().await;
    let member = fixture.school.members[0];
    // `lesson_generation` is another name of `claude_messages`.
    let path = fixture.path(&format!("/members/{member}/allocations/lesson_generation"));
    let body = json!({"units": 150, "reason": "exams", "priority": "high"});
    let set = fixture.principal.put(&path, body).await.ok();
    let names = ["service", "before", "allocated", "priority", "auto_renew"];
    let expected = json!([CLAUDE, 100, 150, "high", false]);
    assert_eq!(fields(&set, names), expected);
    let terms = json!({"auto_renew": true, "reason": "every term"});
    let set = fixture.principal.put(&path, terms.clone()).await;
    assert!(set.body["event_id"].is_string(), "{}", set.body);
    let same = fixture.principal.put(&path, terms).await.ok();
    assert_eq!(same["event_id"], Value::Null, "the terms are already so");
    for answer in [&set.body, &same] {
        let names = ["before", "allocated", "priority", "auto_renew"];
        assert_eq!(fields(answer, names), json!([150, 150, "high", true]));
    }
    let balance = fixture.member_balance(member, set.seq()).await;
    let names = ["allocated", "priority", "auto_renew"];
    assert_eq!(fields(&balance, names), json!([150, "high", true]));
    fixture.stop().await;
}

#[tokio::test]
async fn pool_member_cap_and_usage_limit_an_allocation() {
    let fixture = start().await;
    let member = fixture.school.members[0];
    let path = |service: &str| fixture.path(&format!("/members/{member}/allocations/{service}"));
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
        let answer = fixture.principal.put(&path(service), body.clone()).await;
        assert_refused_for(&body, &answer, status, code);
    }
    let _ = fixture.debit("1", member, 40).await.ok();
    let below = fixture.principal.put(&path(CLAUDE), units(json!(39))).await;
    assert_refused(&below, 422, "allocation-below-usage");
    assert_eq!(fields(&below.body, ["used", "limit"]), json!([40, 40]));

    let cap = json!({"max_individual_quota": {CLAUDE: 120}});
    let _ = fixture.change_settings(cap).await;
    let above = fixture
        .principal
        .put(&path(CLAUDE), units(json!(121)))
        .await;
    assert_refused(&above, 422, "member-cap-exceeded");
    assert_eq!(above.body["limit"], 120);
    let balance = fixture.member_balance(member, above.seq()).await;
    assert_eq!(balance["allocated"], 100, "refused changes have no effect");
    fixture.stop().await;
}

#[tokio::test]
async fn a_batch_does_what_its_dry_run_shows_and_takes_effect_once() {
    let fixture = start().await;
    let [one, two] = both_members(&fixture);
    let path = fixture.path("/allocations/batch");
    // In the order of the request, the first row would exceed the pool.
    let items = json!([
        {"op": "add", "member_id": two, "service": CLAUDE, "units": 850},
        {"op": "revoke", "member_id": one, "service": CLAUDE, "units": 50},
        {"op": "set", "member_id": one, "service": "assessment_ai", "units": 5, "priority": "low"},
    ]);
    let batch = |dry_run: bool| json!({"reason": "plan", "dry_run": dry_run, "items": items});

    let dry = fixture.principal.post(&path, batch(true)).await;
    assert_eq!(
        fields(&dry.body, ["dry_run", "event_id"]),
        json!([true, null])
    );
    assert_eq!(
        fixture.member_balance(two, dry.seq()).await["allocated"],
        100
    );
    let key = [("idempotency-key", "plan 1")];
    let post_batch =
        || async { send(&fixture.principal, Method::POST, &path, &key, &batch(false)).await };
    let done = post_batch().await;
    assert!(done.body["event_id"].is_string(), "{}", done.body);
    assert_eq!(
        done.body["changes"], dry.body["changes"],
        "the dry run shows the same changes"
    );
    let changes = rows(&done.body["changes"], ["index", "before", "after"]);
    let expected = [[1, 100, 50], [0, 100, 950], [2, 0, 5]].map(|row| json!(row));
    assert_eq!(changes, expected, "revocations come first");
    let again = post_batch().await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.body["changes"], done.body["changes"]);
    assert_eq!(
        fixture.member_balance(two, done.seq()).await["allocated"],
        950
    );

    let body = json!({"reason": "swap", "items": [{"op": "transfer", "member_id": two,
        "to_member_id": one, "service": CLAUDE, "units": 900}]});
    let moved = fixture.principal.post(&path, body).await;
    let change = &moved.body["changes"][0];
    let names = [
        "index",
        "before",
        "after",
        "to_member_id",
        "to_before",
        "to_after",
    ];
    assert_eq!(fields(change, names), json!([0, 950, 50, one, 50, 950]));
    assert_eq!(
        fixture.member_balance(one, moved.seq()).await["allocated"],
        950
    );
    fixture.check_and_stop().await;
}

#[tokio::test]
async fn a_batch_with_a_bad_row_reports_the_row_and_has_no_effect() {
    let fixture = start().await;
    let [one, two] = both_members(&fixture);
    let path = fixture.path("/allocations/batch");
    let body = json!({"reason": "too much", "items": [
        {"op": "revoke", "member_id": one, "service": CLAUDE},
        {"op": "set", "member_id": Uuid::now_v7(), "service": CLAUDE, "units": 1},
        {"op": "add", "member_id": two, "service": CLAUDE, "units": 951},
        {"op": "set", "member_id": two, "service": "video", "units": 1},
    ]});
    let refusal = fixture.principal.post(&path, body).await;
    assert_refused(&refusal, 422, "batch-refused");
    let errors = rows(&refusal.body["errors"], ["index", "status"]);
    let expected = [[1, 404], [2, 422], [3, 422]].map(|row| json!(row));
    assert_eq!(errors, expected);
    let balance = fixture.member_balance(one, refusal.seq()).await;
    assert_eq!(
        balance["allocated"], 100,
        "the valid row has no effect either"
    );

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
        json!({"reason": "r", "items": [row(json!({"member_id": "ada"}))]}),
        json!({"reason": "r", "items": [row(json!({"x": 1}))]}),
        json!({"items": [row(json!({}))]}),
    ] {
        let answer = fixture.principal.post(&path, wrong.clone()).await;
        assert_refused_for(&wrong, &answer, 400, "invalid-request");
    }
    fixture.check_and_stop().await;
}
