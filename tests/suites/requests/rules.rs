//! Permissions and refusals of requests.

use ledger_core::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Request, ids, request_for, start};
use crate::fixture::{PlanSchool, after, assert_refused};

#[tokio::test]
async fn a_principal_cannot_decide_on_their_own_request() {
    let fixture = start().await;
    let principal_id = Uuid::now_v7();
    let enrol =
        json!({"member_id": principal_id, "role": "principal", "external_ids": ["auth|own"]});
    let _ = fixture
        .principal
        .post(&fixture.path("/members"), enrol)
        .await
        .ok();
    let school = Some(fixture.school.id);
    let by_id = fixture.server.person(Role::Principal, school, principal_id);
    let token = ledger_tests::server::token(Role::PrincipalAdmin, school, "auth|own");
    let by_external_id = fixture.server.bearer(&token);
    let own = fixture.file(&by_id, request_for(5)).await;
    let filed_for = &own.body["member_id"];
    assert_eq!(
        *filed_for,
        json!(principal_id),
        "the caller is the default member"
    );
    let request = Request::of(&fixture, &own);
    for caller in [&by_id, &by_external_id] {
        for (action, body) in [("approve", json!({})), ("reject", json!({"reason": "no"}))] {
            let answer = request.post(caller, action, body).await;
            assert_refused(&answer, 403, "own-request");
        }
    }
    let _ = request.approve(&fixture.principal).await.ok();

    // A principal decides on a request that they filed for another member.
    let mut on_behalf = request_for(5);
    on_behalf["member_id"] = json!(fixture.school.members[0]);
    let request = Request::of(&fixture, &fixture.file(&by_external_id, on_behalf).await);
    let _ = request.approve(&by_external_id).await.ok();
    fixture.stop().await;
}

#[tokio::test]
async fn callers_read_and_change_only_the_requests_that_they_may() {
    let fixture = start().await;
    let request = fixture.filed_request(20).await;
    let [requester, other] = [0, 1].map(|n| fixture.school.members[n]);
    let school = Some(fixture.school.id);
    let colleague = fixture.server.person(Role::Teacher, school, other);
    let path = fixture.path("/requests");
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
    assert_eq!(
        guess.problem(),
        "request-not-found",
        "the refusal does not reveal the version"
    );
    assert_eq!(colleague.get(&path).await.ok()["requests"], json!([]));
    let of_requester = colleague
        .get(&format!("{path}?member_id={requester}"))
        .await;
    assert_eq!(of_requester.problem(), "member-not-found");
    let mut for_another = request_for(5);
    for_another["member_id"] = json!(requester);
    assert_eq!(
        fixture.file(&colleague, for_another).await.problem(),
        "member-not-found"
    );
    for (action, body) in [("approve", json!({})), ("reject", json!({"reason": "no"}))] {
        let answer = request.post(&fixture.requester(), action, body).await;
        assert_eq!(answer.problem(), "forbidden");
    }
    let auditor = fixture.server.as_role(Role::Auditor, school);
    assert_eq!(ids(&auditor.get(&path).await.ok()), [&request.id]);
    assert_eq!(
        request.read(&auditor).await.ok()["justification"],
        "the exam weeks"
    );
    let proxy = fixture.server.as_role(Role::Proxy, school);
    for caller in [&auditor, &proxy] {
        assert_eq!(
            fixture.file(caller, request_for(5)).await.problem(),
            "forbidden"
        );
        assert_eq!(request.withdraw(caller).await.problem(), "forbidden");
        let approve = request.approve(caller).await;
        assert_eq!(approve.problem(), "forbidden");
    }
    assert_eq!(proxy.get(&path).await.problem(), "forbidden");
    assert_eq!(request.read(&proxy).await.problem(), "forbidden");
    let unknown = fixture.path(&format!("/requests/{}", Uuid::now_v7()));
    assert_eq!(
        fixture.principal.get(&unknown).await.problem(),
        "request-not-found"
    );
    let approve = fixture
        .principal
        .post(&format!("{unknown}/approve"), json!({}))
        .await;
    assert_eq!(approve.problem(), "request-not-found");
    let platform = fixture.server.as_role(Role::PlatformAdmin, None);
    let _ = request.approve(&platform).await.ok();
    fixture.stop().await;
}

#[tokio::test]
async fn an_approval_is_limited_by_the_pool_and_the_member_cap() {
    let fixture = start().await;
    let request = fixture.filed_request(20).await;
    let other = fixture.school.members[1];
    let path = fixture.path(&format!("/members/{other}/allocations/claude_messages"));
    let set = |units: i64| json!({"units": units, "reason": "r"});
    let _ = fixture.principal.put(&path, set(80)).await.ok();
    let refused = request.approve(&fixture.principal).await;
    assert_eq!(refused.problem(), "pool-exceeded");
    let amounts = ["asked", "available", "limit"].map(|name| refused.body[name].clone());
    assert_eq!(amounts, [20, 10, 100].map(Value::from));
    assert_eq!(
        request.read(&fixture.requester()).await.ok()["status"],
        "pending"
    );

    let _ = fixture.principal.put(&path, set(10)).await.ok();
    let cap = json!({"max_individual_quota": {"claude_messages": 29}});
    let _ = fixture.change_settings(cap).await;
    let refused = request.approve(&fixture.principal).await;
    assert_eq!(refused.problem(), "member-cap-exceeded");
    let part = json!({"units": {"claude_messages": 19}});
    let _ = request.post(&fixture.principal, "approve", part).await.ok();
    assert_eq!(fixture.allocated().await, 29);
    fixture.stop().await;
}

#[tokio::test]
async fn an_invalid_request_and_one_outside_of_plan_or_settings_is_refused() {
    let fixture = start().await;
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
        let answer = fixture.file(&fixture.requester(), body.clone()).await;
        assert_eq!(answer.problem(), problem, "{body}");
    }

    let request = fixture.filed_request(20).await;
    let again = json!({"units": {"content_generation": 1, "lesson_generation": 1},
        "justification": "more"});
    let again = fixture.file(&fixture.requester(), again).await;
    assert_refused(&again, 409, "request-pending");
    assert_eq!(again.body["request_id"], json!(request.id));
    assert_eq!(again.body["service"], "claude_messages");
    let other = json!({"units": {"content_generation": 1}, "justification": "more"});
    let _ = fixture.file(&fixture.requester(), other).await.ok();

    let settings = fixture.path("/settings");
    let off = json!({"self_service_requests": false});
    let _ = fixture.principal.patch(&settings, off).await.ok();
    let request = json!({"units": {"assessment_ai": 1}, "justification": "more"});
    let refused = fixture.file(&fixture.requester(), request.clone()).await;
    assert_refused(&refused, 403, "self-service-off");
    let mut on_behalf = request;
    on_behalf["member_id"] = json!(fixture.school.members[0]);
    let filed = fixture.file(&fixture.principal, on_behalf).await;
    let pending = after(&fixture.path("/requests?status=pending"), filed.seq());
    assert_eq!(ids(&fixture.principal.get(&pending).await.ok()).len(), 3);
    let by_member = format!("{pending}&member_id={}", fixture.school.members[1]);
    assert_eq!(
        fixture.principal.get(&by_member).await.ok()["requests"],
        json!([])
    );
    let wrong = fixture
        .principal
        .get(&fixture.path("/requests?status=granted"))
        .await;
    assert_eq!(wrong.problem(), "invalid-request");

    // A plan without allocations refuses requests and names the tier that includes them.
    let free = PlanSchool::register(&fixture.platform, "k12", "free").await;
    let mut request = request_for(1);
    request["member_id"] = json!(free.member);
    let path = format!("{}/requests", free.path);
    let refused = fixture.platform.post(&path, request).await;
    assert_eq!(refused.problem(), "plan-required");
    assert_eq!(refused.body["tier"], "enterprise");
    fixture.stop().await;
}
