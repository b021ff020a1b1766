//! The life of a request: filed, approved, rejected, withdrawn, listed.

use serde_json::json;

use super::{Request, ids, request_for, start};
use crate::fixture::{after, assert_refused, delete, fields, rows};

#[tokio::test]
async fn a_teachers_request_is_approved_and_recorded_in_the_history() {
    let fixture = start().await;
    let filed = fixture.file(&fixture.requester(), request_for(20)).await;
    assert_eq!(filed.status, 201);
    let request = Request::of(&fixture, &filed);
    assert_eq!(filed.headers["location"].to_str().unwrap(), request.path);
    assert_eq!(filed.body["status"], "pending");
    assert_eq!(filed.body["urgency"], "normal");

    let own = fixture
        .requester()
        .get(&fixture.path("/requests"))
        .await
        .ok();
    assert_eq!(ids(&own), [&request.id]);
    let seen = request.read_after(&fixture.principal, filed.seq()).await;
    assert_eq!(seen.headers["etag"], filed.headers["etag"]);
    let seen = seen.ok();
    assert_eq!(seen["justification"], "the exam weeks");
    assert_eq!(seen["units"], json!({"claude_messages": 20}));
    let remaining = seen["expires_in_seconds"].as_i64().unwrap();
    assert!((604_700..=604_800).contains(&remaining), "{remaining}");
    let created: chrono::DateTime<chrono::Utc> =
        serde_json::from_value(seen["created_at"].clone()).unwrap();
    let expires: chrono::DateTime<chrono::Utc> =
        serde_json::from_value(seen["expires_at"].clone()).unwrap();
    assert_eq!(expires - created, chrono::TimeDelta::days(7));

    let approved = request
        .post(
            &fixture.principal,
            "approve",
            json!({"reason": "well earned"}),
        )
        .await;
    assert_eq!(approved.status, 200);
    let line = json!([{"service": "claude_messages", "before": 10, "allocated": 30}]);
    assert_eq!(approved.body["allocations"], line);
    assert_eq!(approved.body["granted"], json!({"claude_messages": 20}));
    assert_eq!(fixture.allocated().await, 30);

    let after = request
        .read_after(&fixture.requester(), approved.seq())
        .await
        .ok();
    assert_eq!(after["status"], "approved");
    assert_eq!(after["reason"], "well earned");
    assert_eq!(after["decided_by"]["role"], "principal");
    let path = "/history?kind=units_allocated&limit=1";
    let history = fixture.read_after(path, approved.seq()).await;
    let grants = rows(&history["entries"], ["cause", "request_id", "reason"]);
    assert_eq!(grants, [json!(["request", request.id, "well earned"])]);
    let history = fixture.path("/history?kind=request_filed");
    let filing = &fixture.requester().get(&history).await.ok()["entries"][0];
    assert_eq!(filing["reason"], "the exam weeks");

    // A closed request stays closed for every caller.
    for answer in [
        request.reject(&fixture.principal, "no").await,
        request.approve(&fixture.principal).await,
        request.withdraw(&fixture.requester()).await,
    ] {
        assert_refused(&answer, 409, "request-closed");
        assert_eq!(answer.body["request_status"], "approved");
    }
    assert_eq!(fixture.allocated().await, 30);
    fixture.stop().await;
}

#[tokio::test]
async fn a_request_is_rejected_withdrawn_or_granted_in_part() {
    let fixture = start().await;
    let request = fixture.filed_request(20).await;
    let blank = request.reject(&fixture.principal, " ").await;
    assert_eq!(blank.problem(), "invalid-request");
    let bare = request.post(&fixture.principal, "reject", json!({})).await;
    assert_eq!(bare.problem(), "invalid-request");
    let rejected = request.reject(&fixture.principal, "not this month").await;
    assert_eq!(rejected.body["status"], "rejected");
    let seen = request
        .read_after(&fixture.requester(), rejected.seq())
        .await
        .ok();
    assert_eq!(
        fields(&seen, ["status", "reason"]),
        json!(["rejected", "not this month"])
    );

    let request = fixture.filed_request(20).await;
    let withdrawn = request.withdraw(&fixture.requester()).await.ok();
    assert_eq!(withdrawn["status"], "withdrawn");
    let request = fixture.filed_request(20).await;
    assert_eq!(
        request.withdraw(&fixture.principal).await.ok()["status"],
        "withdrawn"
    );

    let both = json!({"units": {"lesson_generation": 20, "content_generation": 5},
        "justification": "the exam weeks", "urgency": "high"});
    let both = fixture.file(&fixture.requester(), both).await;
    let request = Request::of(&fixture, &both);
    for (units, problem) in [
        (json!({"claude_messages": 21}), "grant-above-asked"),
        (json!({"assessment_ai": 1}), "grant-above-asked"),
        (json!({"claude_messages": 0}), "invalid-request"),
        (json!({}), "invalid-request"),
        (json!({"video": 1}), "unknown-service"),
        (
            json!({"claude_messages": 1, "lesson_generation": 1}),
            "invalid-request",
        ),
    ] {
        let answer = request
            .post(&fixture.principal, "approve", json!({"units": units}))
            .await;
        assert_eq!(answer.problem(), problem, "{units}");
    }
    let part = json!({"units": {"claude_messages": 5}});
    let part = request.post(&fixture.principal, "approve", part).await.ok();
    assert_eq!(part["granted"], json!({"claude_messages": 5}));
    assert_eq!(fixture.allocated().await, 15);
    let seen = request.read(&fixture.requester()).await.ok();
    assert_eq!(
        seen["units"],
        json!({"claude_messages": 20, "content_generation": 5})
    );
    assert_eq!(seen["granted"], json!({"claude_messages": 5}));
    fixture.stop().await;
}

#[tokio::test]
async fn pending_requests_are_listed_in_pages_by_urgency() {
    let fixture = start().await;
    let mut filed = Vec::new();
    let mut seq = 0;
    for (member, service, urgency) in [
        (0, "claude_messages", "low"),
        (1, "claude_messages", "high"),
        (0, "content_generation", "normal"),
        (1, "assessment_ai", "high"),
        (0, "assessment_ai", "low"),
    ] {
        let request = json!({"units": {service: 1}, "justification": "j", "urgency": urgency,
            "member_id": fixture.school.members[member]});
        let answer = fixture.file(&fixture.principal, request).await;
        seq = answer.seq();
        filed.push(answer.ok()["request_id"].as_str().unwrap().to_owned());
    }
    for (query, expected) in [("status=pending&", [1, 3, 2, 0, 4]), ("", [4, 3, 2, 1, 0])] {
        let path = fixture.path(&format!("/requests?{query}limit=2"));
        let mut path = after(&path, seq);
        let mut seen = Vec::new();
        loop {
            let page = fixture.principal.get(&path).await;
            seen.extend(ids(&page.body).into_iter().map(str::to_owned));
            let Some(link) = page.headers.get("link") else {
                break;
            };
            let (target, _) = link.to_str().unwrap().split_once("; ").unwrap();
            path = target.trim_matches(['<', '>']).to_owned();
        }
        assert_eq!(seen, expected.map(|n: usize| filed[n].clone()), "{query}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn the_removal_of_a_member_withdraws_their_requests() {
    let fixture = start().await;
    let request = fixture.filed_request(20).await;
    let member = fixture.school.members[0];
    let path = fixture.path(&format!("/members/{member}"));
    let removed = delete(&fixture.principal, &path).await;
    let seen = request
        .read_after(&fixture.principal, removed.seq())
        .await
        .ok();
    assert_eq!(seen["status"], "withdrawn");
    let approve = request.approve(&fixture.principal).await;
    assert_eq!(approve.body["request_status"], "withdrawn");
    let path = "/history?kind=request_withdrawn";
    let history = fixture.read_after(path, removed.seq()).await;
    let withdrawals = rows(&history["entries"], ["cause", "request_id"]);
    assert_eq!(withdrawals, [json!(["removal", request.id])]);
    fixture.check_and_stop().await;
}
