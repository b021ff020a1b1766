//! Schools: registered once, changed on the version that was read.

use ledger_core::Role;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{CLAUDE, World, as_refused, refused, send};

fn riverside() -> Value {
    json!({"name": "Riverside", "org_type": "preschool", "tier": "professional",
        "time_zone": "Africa/Johannesburg", "period_anchor_day": 31,
        "totals": {"lesson_generation": 500, "assessment_ai": "unlimited"}})
}

#[tokio::test]
async fn a_school_is_registered_once_however_often_it_is_asked_for() {
    let world = World::start().await;
    let body = riverside();
    let key = [("idempotency-key", "order 4711")];
    let register = || send(&world.platform, Method::POST, "/v1/schools", &key, &body);
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
        "by the tier's own name"
    );
    assert_eq!(
        first.body["totals"],
        json!({"claude_messages": 500, "content_generation": 50, "assessment_ai": "unlimited"}),
        "what was asked for, and for the rest what the plan has"
    );
    let mut other = body.clone();
    other["name"] = json!("Another");
    let other = send(&world.platform, Method::POST, "/v1/schools", &key, &other).await;
    assert_eq!(refused(&other), as_refused(422, "idempotency-key-reused"));

    let school_id = Some(school.parse().unwrap());
    let principal = world.server.as_role(Role::Principal, school_id);
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
    world.server.stop().await;
}

#[tokio::test]
async fn a_school_that_is_none_is_not_registered() {
    let world = World::start().await;
    let mut exists = riverside();
    exists["school_id"] = json!(world.school.id);
    let exists = world.platform.post("/v1/schools", exists).await;
    assert_eq!(refused(&exists), as_refused(409, "school-exists"));
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
        let answer = world.platform.post("/v1/schools", body).await;
        assert_eq!(refused(&answer), as_refused(status, code), "{name}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn what_a_school_buys_is_changed_on_the_version_that_was_read() {
    let world = World::start().await;
    let path = world.school.path("/subscription");
    let read = world.platform.get(&world.school.path("")).await;
    let etag = read.headers["etag"].to_str().unwrap();
    let put = async |if_match: &str, body: &Value| {
        let if_match = [("if-match", if_match)];
        send(&world.platform, Method::PUT, &path, &if_match, body).await
    };
    let more = json!({"totals": {"claude_messages": 2_000}});

    let dry = json!({"totals": {"claude_messages": 1_500}, "dry_run": true});
    let dry = put(etag, &dry).await.ok();
    assert_eq!(
        (&dry["dry_run"], &dry["event_id"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(dry["totals"][CLAUDE], 1_500);
    assert_eq!(dry["totals_before"][CLAUDE], 1_000);

    let done = put(etag, &more).await;
    assert_eq!(done.body["totals_before"][CLAUDE], 1_000, "{}", done.body);
    let version = format!("\"{}\"", done.body["version"]);
    assert_eq!(done.headers["etag"], version);
    let stale = put(etag, &more).await;
    assert_eq!(refused(&stale), as_refused(412, "precondition-failed"));
    assert_eq!(stale.body["version"], done.body["version"]);
    let made_up = put("\"abc\"", &more).await;
    assert_eq!(refused(&made_up), as_refused(412, "precondition-failed"));

    // What is so already changes nothing, and says so.
    let again = put(&version, &more).await;
    assert_eq!(again.headers["etag"], done.headers["etag"]);
    assert_eq!(again.body["event_id"], Value::Null);
    assert_eq!(again.body["totals"], done.body["totals"]);

    let below = json!({"totals": {"claude_messages": 150}});
    let below = put(&version, &below).await;
    assert_eq!(refused(&below), as_refused(422, "total-below-allocated"));
    assert_eq!(below.body["limit"], 200);
    world.server.stop().await;
}

#[tokio::test]
async fn billing_cycles_come_to_begin_on_another_day() {
    let world = World::start().await;
    let before = world.platform.get(&world.school.path("")).await.ok();
    let path = world.school.path("/subscription");
    let to = |day: u8| json!({"period_anchor_day": day});
    let put = async |body: &Value| send(&world.platform, Method::PUT, &path, &[], body).await;

    let day = if before["period_anchor_day"] == 15 {
        16
    } else {
        15
    };
    let done = put(&to(day)).await.ok();
    let change = json!({
        "before": before["period_anchor_day"], "period_anchor_day": day,
        "from": before["period"]["end"],
    });
    assert_eq!(done["anchor_change"], change);
    let seq = done["seq"].as_i64().unwrap();
    let read = world.school.path(&format!("?min_seq={seq}"));
    let after = world.platform.get(&read).await.ok();
    assert_eq!(after["period_anchor_day"], day);
    assert_eq!(after["period"], before["period"]);
    assert_eq!(put(&to(day)).await.ok()["event_id"], Value::Null);
    let none = put(&json!({"period_anchor_day": 32})).await;
    assert_eq!(refused(&none), as_refused(400, "invalid-request"));
    world.server.stop().await;
}

#[tokio::test]
async fn settings_and_subscription_have_one_version_and_what_is_not_named_stays() {
    let world = World::start().await;
    let path = world.school.path("/settings");
    let read = world.principal.get(&world.school.path("")).await;
    let etag = read.headers["etag"].to_str().unwrap();
    let if_match = [("if-match", etag)];
    let body = json!({"default_member_quota": {"lesson_generation": 5},
        "self_service_requests": false});
    let patch = || send(&world.principal, Method::PATCH, &path, &if_match, &body);
    let set = patch().await;
    assert_eq!(set.body["before"], read.body["settings"], "{}", set.body);
    assert_eq!(set.body["before"]["self_service_requests"], true);
    let version = set.headers["etag"].to_str().unwrap();
    assert_ne!(version, etag);
    let stale = patch().await;
    assert_eq!(refused(&stale), as_refused(412, "precondition-failed"));
    let subscription = world.school.path("/subscription");
    let more = json!({"totals": {"claude_messages": 2_000}});
    let stale = send(
        &world.platform,
        Method::PUT,
        &subscription,
        &if_match,
        &more,
    )
    .await;
    assert_eq!(refused(&stale), as_refused(412, "precondition-failed"));

    // Everybody reads what there is now: the two that were named, and the rest as it was.
    let path = format!("?min_seq={}", set.seq());
    let read_again = world.platform.get(&world.school.path(&path)).await;
    assert_eq!(read_again.headers["etag"], version);
    let mut expected = read.body["settings"].clone();
    expected["default_member_quota"][CLAUDE] = json!(5);
    expected["self_service_requests"] = json!(false);
    assert_eq!(read_again.body["settings"], expected);
    assert_eq!(set.body["settings"], expected);
    world.server.stop().await;
}
