//! Schools: registered once; changes are conditional on the version that was read.

use ledger_core::Role;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::start;
use crate::fixture::{CLAUDE, assert_refused, assert_refused_for, fields, send};

fn riverside() -> Value {
    json!({"name": "Riverside", "org_type": "preschool", "tier": "professional",
        "time_zone": "Africa/Johannesburg", "period_anchor_day": 31,
        "totals": {"lesson_generation": 500, "assessment_ai": "unlimited"}})
}

#[tokio::test]
async fn a_repeated_registration_registers_one_school() {
    let fixture = start().await;
    let body = riverside();
    let key = [("idempotency-key", "order 4711")];
    let register = || send(&fixture.platform, Method::POST, "/v1/schools", &key, &body);
    let (first, again) = (register().await, register().await);
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 200));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let school = first.body["school_id"].as_str().unwrap();
    assert_eq!(first.headers["location"], format!("/v1/schools/{school}"));
    assert_eq!(first.body["school_id"], again.body["school_id"]);
    assert_eq!(first.body["seq"], again.body["seq"]);
    assert_eq!(
        (&first.body["tier"], &first.body["management"]),
        (&json!("pro"), &json!("basic")),
        "the answer has the canonical name of the tier"
    );
    assert_eq!(
        first.body["totals"],
        json!({"claude_messages": 500, "content_generation": 50, "assessment_ai": "unlimited"}),
        "totals of the request, and those of the plan for the other services"
    );
    let mut other = body.clone();
    other["name"] = json!("Another");
    let other = send(&fixture.platform, Method::POST, "/v1/schools", &key, &other).await;
    assert_refused(&other, 422, "idempotency-key-reused");

    let school_id = Some(school.parse().unwrap());
    let principal = fixture.server.as_role(Role::Principal, school_id);
    let path = format!("/v1/schools/{school}?min_seq={}", first.seq());
    let read = principal.get(&path).await;
    assert_eq!(read.headers["etag"], "\"1\"");
    let read = read.ok();
    assert_eq!(read["name"], "Riverside");
    assert_eq!(read["period_anchor_day"], 31);
    assert_eq!(read["settings"]["self_service_requests"], false);
    for name in [
        "period",
        "totals",
        "settings",
        "time_zone",
        "org_type",
        "tier",
    ] {
        assert_eq!(read[name], first.body[name], "{name}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn an_invalid_school_and_an_existing_school_are_not_registered() {
    let fixture = start().await;
    let mut existing = riverside();
    existing["school_id"] = json!(fixture.school.id);
    let existing = fixture.platform.post("/v1/schools", existing).await;
    assert_refused(&existing, 409, "school-exists");
    let twice = json!({"claude_messages": 1, "lesson_generation": 2});
    for (name, wrong, (status, code)) in [
        ("time_zone", json!("Mars/Olympus"), (400, "invalid-request")),
        ("tier", json!("gold"), (400, "invalid-request")),
        ("org_type", json!("choir"), (400, "invalid-request")),
        ("name", json!("  "), (400, "invalid-request")),
        ("school_id", json!(Uuid::nil()), (400, "invalid-request")),
        ("period_anchor_day", json!(32), (400, "invalid-request")),
        ("totals", twice, (400, "invalid-request")),
        ("totals", json!({"video": 1}), (422, "unknown-service")),
        ("prompt", json!("x"), (400, "invalid-request")),
    ] {
        let mut body = riverside();
        body[name] = wrong;
        let answer = fixture.platform.post("/v1/schools", body).await;
        assert_refused_for(&name, &answer, status, code);
    }
    fixture.stop().await;
}

#[tokio::test]
async fn a_subscription_changes_only_on_the_version_that_was_read() {
    let fixture = start().await;
    let path = fixture.path("/subscription");
    let read = fixture.platform.get(&fixture.path("")).await;
    let etag = read.headers["etag"].to_str().unwrap();
    let put = async |if_match: &str, body: &Value| {
        let if_match = [("if-match", if_match)];
        send(&fixture.platform, Method::PUT, &path, &if_match, body).await
    };
    let more = json!({"totals": {"claude_messages": 2_000}});

    let dry = json!({"totals": {"claude_messages": 1_500}, "dry_run": true});
    let dry = put(etag, &dry).await.ok();
    assert_eq!(fields(&dry, ["dry_run", "event_id"]), json!([true, null]));
    assert_eq!(dry["totals"][CLAUDE], 1_500);
    assert_eq!(dry["totals_before"][CLAUDE], 1_000);

    let done = put(etag, &more).await;
    assert_eq!(done.body["totals_before"][CLAUDE], 1_000, "{}", done.body);
    let version = format!("\"{}\"", done.body["version"]);
    assert_eq!(done.headers["etag"], version);
    let stale = put(etag, &more).await;
    assert_refused(&stale, 412, "precondition-failed");
    assert_eq!(stale.body["version"], done.body["version"]);
    let unknown = put("\"abc\"", &more).await;
    assert_refused(&unknown, 412, "precondition-failed");

    // A change without effect is an answer without an event.
    let again = put(&version, &more).await;
    assert_eq!(again.headers["etag"], done.headers["etag"]);
    assert_eq!(again.body["event_id"], Value::Null);
    assert_eq!(again.body["totals"], done.body["totals"]);

    let below = json!({"totals": {"claude_messages": 150}});
    let below = put(&version, &below).await;
    assert_refused(&below, 422, "total-below-allocated");
    assert_eq!(below.body["limit"], 200);
    fixture.stop().await;
}

#[tokio::test]
async fn a_new_anchor_day_applies_from_the_next_billing_cycle() {
    let fixture = start().await;
    let before = fixture.platform.get(&fixture.path("")).await.ok();
    let path = fixture.path("/subscription");
    let anchor_day = |day: u8| json!({"period_anchor_day": day});
    let put = async |body: &Value| send(&fixture.platform, Method::PUT, &path, &[], body).await;

    let day = if before["period_anchor_day"] == 15 {
        16
    } else {
        15
    };
    let done = put(&anchor_day(day)).await.ok();
    let change = json!({
        "before": before["period_anchor_day"], "period_anchor_day": day,
        "from": before["period"]["end"],
    });
    assert_eq!(done["anchor_change"], change);
    let seq = done["seq"].as_i64().unwrap();
    let read = fixture.path(&format!("?min_seq={seq}"));
    let after = fixture.platform.get(&read).await.ok();
    assert_eq!(after["period_anchor_day"], day);
    assert_eq!(after["period"], before["period"]);
    assert_eq!(put(&anchor_day(day)).await.ok()["event_id"], Value::Null);
    let invalid = put(&anchor_day(32)).await;
    assert_refused(&invalid, 400, "invalid-request");
    fixture.stop().await;
}

#[tokio::test]
async fn settings_share_a_version_with_the_subscription_and_keep_fields_that_are_not_named() {
    let fixture = start().await;
    let path = fixture.path("/settings");
    let read = fixture.principal.get(&fixture.path("")).await;
    let etag = read.headers["etag"].to_str().unwrap();
    let if_match = [("if-match", etag)];
    let body = json!({"default_member_quota": {"lesson_generation": 5},
        "self_service_requests": false});
    let patch = || send(&fixture.principal, Method::PATCH, &path, &if_match, &body);
    let set = patch().await;
    assert_eq!(set.body["before"], read.body["settings"], "{}", set.body);
    assert_eq!(set.body["before"]["self_service_requests"], true);
    let version = set.headers["etag"].to_str().unwrap();
    assert_ne!(version, etag);
    let stale = patch().await;
    assert_refused(&stale, 412, "precondition-failed");
    let subscription = fixture.path("/subscription");
    let more = json!({"totals": {"claude_messages": 2_000}});
    let stale = send(
        &fixture.platform,
        Method::PUT,
        &subscription,
        &if_match,
        &more,
    )
    .await;
    assert_refused(&stale, 412, "precondition-failed");

    // Another caller reads the two changed settings; the others are as before.
    let path = format!("?min_seq={}", set.seq());
    let read_again = fixture.platform.get(&fixture.path(&path)).await;
    assert_eq!(read_again.headers["etag"], version);
    let mut expected = read.body["settings"].clone();
    expected["default_member_quota"][CLAUDE] = json!(5);
    expected["self_service_requests"] = json!(false);
    assert_eq!(read_again.body["settings"], expected);
    assert_eq!(set.body["settings"], expected);
    fixture.stop().await;
}
