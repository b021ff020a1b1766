//! Who may do what, and what is refused.

use ledger_core::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Request, World, ask, ids};

#[tokio::test]
async fn nobody_decides_on_his_own_request() {
    let world = World::start().await;
    let me = Uuid::now_v7();
    let enrol = json!({"member_id": me, "role": "principal", "external_ids": ["auth|me"]});
    let _ = world
        .principal
        .post(&world.school.path("/members"), enrol)
        .await
        .ok();
    let (by_id, school) = (
        world
            .server
            .person(Role::Principal, Some(world.school.id), me),
        Some(world.school.id),
    );
    let token = ledger_tests::server::token(Role::PrincipalAdmin, school, "auth|me");
    let by_external_id = world.server.bearer(&token);
    let mine = world.files(&by_id, ask(5)).await;
    assert_eq!(
        mine.body["member_id"],
        json!(me),
        "for himself when he names nobody"
    );
    let request = Request::of(&world, &mine);
    for who in [&by_id, &by_external_id] {
        for (what, body) in [("approve", json!({})), ("reject", json!({"reason": "no"}))] {
            let answer = request.post(who, what, body).await;
            assert_eq!(
                (answer.status.as_u16(), answer.problem()),
                (403, "own-request".to_owned())
            );
        }
    }
    let _ = request
        .post(&world.principal, "approve", json!({}))
        .await
        .ok();

    // Who asked for somebody else decides on it.
    let mut on_behalf = ask(5);
    on_behalf["member_id"] = json!(world.school.members[0]);
    let request = Request::of(&world, &world.files(&by_external_id, on_behalf).await);
    let _ = request
        .post(&by_external_id, "approve", json!({}))
        .await
        .ok();
    world.server.stop().await;
}

#[tokio::test]
async fn everybody_does_and_sees_what_is_his() {
    let world = World::start().await;
    let request = world.asks_for(20).await;
    let [me, other] = [0, 1].map(|n| world.school.members[n]);
    let school = Some(world.school.id);
    let colleague = world.server.person(Role::Teacher, school, other);
    let path = world.school.path("/requests");
    assert_eq!(
        request.read(&colleague).await.problem(),
        "request-not-found"
    );
    assert_eq!(
        request.withdraw(&colleague).await.problem(),
        "request-not-found"
    );
    let tag = [("if-match", "\"1\"")];
    let guess = request
        .post_with(&colleague, "withdraw", &tag, &json!({}))
        .await;
    assert_eq!(guess.problem(), "request-not-found", "not even its version");
    assert_eq!(colleague.get(&path).await.ok()["requests"], json!([]));
    let of_me = colleague.get(&format!("{path}?member_id={me}")).await;
    assert_eq!(of_me.problem(), "member-not-found");
    let mut for_another = ask(5);
    for_another["member_id"] = json!(me);
    assert_eq!(
        world.files(&colleague, for_another).await.problem(),
        "member-not-found"
    );
    for (what, body) in [("approve", json!({})), ("reject", json!({"reason": "no"}))] {
        let answer = request.post(&world.teacher, what, body).await;
        assert_eq!(answer.problem(), "forbidden");
    }
    let auditor = world.server.as_role(Role::Auditor, school);
    assert_eq!(ids(&auditor.get(&path).await.ok()), [&request.id]);
    assert_eq!(
        request.read(&auditor).await.ok()["justification"],
        "the exam weeks"
    );
    let proxy = world.server.as_role(Role::Proxy, school);
    for who in [&auditor, &proxy] {
        assert_eq!(world.files(who, ask(5)).await.problem(), "forbidden");
        assert_eq!(request.withdraw(who).await.problem(), "forbidden");
        let approve = request.post(who, "approve", json!({})).await;
        assert_eq!(approve.problem(), "forbidden");
    }
    assert_eq!(proxy.get(&path).await.problem(), "forbidden");
    assert_eq!(request.read(&proxy).await.problem(), "forbidden");
    let nothing = world.school.path(&format!("/requests/{}", Uuid::now_v7()));
    assert_eq!(
        world.principal.get(&nothing).await.problem(),
        "request-not-found"
    );
    let approve = world
        .principal
        .post(&format!("{nothing}/approve"), json!({}))
        .await;
    assert_eq!(approve.problem(), "request-not-found");
    let platform = world.server.as_role(Role::PlatformAdmin, None);
    let _ = request.post(&platform, "approve", json!({})).await.ok();
    world.server.stop().await;
}

#[tokio::test]
async fn pool_and_cap_are_checked_when_a_request_is_approved() {
    let world = World::start().await;
    let request = world.asks_for(20).await;
    let other = world.school.members[1];
    let path = world
        .school
        .path(&format!("/members/{other}/allocations/claude_messages"));
    let set = |units: i64| json!({"units": units, "reason": "r"});
    let _ = world.principal.put(&path, set(80)).await.ok();
    let refused = request.post(&world.principal, "approve", json!({})).await;
    assert_eq!(refused.problem(), "pool-exceeded");
    let numbers = ["asked", "available", "limit"].map(|name| refused.body[name].clone());
    assert_eq!(numbers, [20, 10, 100].map(Value::from));
    assert_eq!(request.read(&world.teacher).await.ok()["status"], "pending");

    let _ = world.principal.put(&path, set(10)).await.ok();
    let cap = json!({"max_individual_quota": {"claude_messages": 29}});
    let _ = world
        .principal
        .patch(&world.school.path("/settings"), cap)
        .await
        .ok();
    let refused = request.post(&world.principal, "approve", json!({})).await;
    assert_eq!(refused.problem(), "member-cap-exceeded");
    let part = json!({"units": {"claude_messages": 19}});
    let _ = request.post(&world.principal, "approve", part).await.ok();
    assert_eq!(world.allocated().await, 29);
    world.server.stop().await;
}

#[tokio::test]
async fn a_request_is_of_the_form_of_the_plan_and_of_the_settings() {
    let world = World::start().await;
    for (body, problem) in [
        (
            json!({"units": {}, "justification": "j"}),
            "invalid-request",
        ),
        (json!({"justification": "j"}), "invalid-request"),
        (
            json!({"units": {"claude_messages": 0}, "justification": "j"}),
            "invalid-request",
        ),
        (
            json!({"units": {"claude_messages": "unlimited"}, "justification": "j"}),
            "invalid-request",
        ),
        (
            json!({"units": {"claude_messages": 1}, "justification": " "}),
            "invalid-request",
        ),
        (json!({"units": {"claude_messages": 1}}), "invalid-request"),
        (
            json!({"units": {"claude_messages": 1}, "justification": "j", "urgency": "now"}),
            "invalid-request",
        ),
        (
            json!({"units": {"claude_messages": 1, "lesson_generation": 1}, "justification": "j"}),
            "invalid-request",
        ),
        (
            json!({"units": {"video": 1}, "justification": "j"}),
            "unknown-service",
        ),
    ] {
        let answer = world.files(&world.teacher, body.clone()).await;
        assert_eq!(answer.problem(), problem, "{body}");
    }

    let request = world.asks_for(20).await;
    let again = json!({"units": {"content_generation": 1, "lesson_generation": 1},
        "justification": "more"});
    let again = world.files(&world.teacher, again).await;
    assert_eq!(
        (again.status.as_u16(), again.problem()),
        (409, "request-pending".to_owned())
    );
    assert_eq!(again.body["request_id"], json!(request.id));
    assert_eq!(again.body["service"], "claude_messages");
    let other = json!({"units": {"content_generation": 1}, "justification": "more"});
    let _ = world.files(&world.teacher, other).await.ok();

    let settings = world.school.path("/settings");
    let off = json!({"self_service_requests": false});
    let _ = world.principal.patch(&settings, off).await.ok();
    let asks = json!({"units": {"assessment_ai": 1}, "justification": "more"});
    let refused = world.files(&world.teacher, asks.clone()).await;
    assert_eq!(
        (refused.status.as_u16(), refused.problem()),
        (403, "self-service-off".to_owned())
    );
    let mut on_behalf = asks;
    on_behalf["member_id"] = json!(world.school.members[0]);
    let _ = world.files(&world.principal, on_behalf).await.ok();
    let pending = world.school.path("/requests?status=pending");
    assert_eq!(ids(&world.principal.get(&pending).await.ok()).len(), 3);
    let by_member = format!("{pending}&member_id={}", world.school.members[1]);
    assert_eq!(
        world.principal.get(&by_member).await.ok()["requests"],
        json!([])
    );
    let wrong = world
        .principal
        .get(&world.school.path("/requests?status=granted"))
        .await;
    assert_eq!(wrong.problem(), "invalid-request");

    // A plan without allocations has no requests, and says which one has them.
    let admin = world.server.as_role(Role::PlatformAdmin, None);
    let school = json!({"name": "Free School", "org_type": "k12", "tier": "free",
        "time_zone": "Africa/Johannesburg"});
    let free = admin.post("/v1/schools", school).await.ok()["school_id"].clone();
    let path = format!("/v1/schools/{}/requests", free.as_str().unwrap());
    let mut asks = ask(1);
    asks["member_id"] = json!(world.school.members[0]);
    let refused = admin.post(&path, asks).await;
    assert_eq!(refused.problem(), "plan-required");
    assert_eq!(refused.body["tier"], "enterprise");
    world.server.stop().await;
}
