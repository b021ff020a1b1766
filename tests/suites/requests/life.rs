//! From asking to an answer: the ways that a request goes.

use ledger_tests::books;
use reqwest::Method;
use serde_json::json;

use super::{Request, World, ask, ids};

#[tokio::test]
async fn a_teacher_asks_a_principal_approves_and_all_of_it_is_on_record() {
    let world = World::start().await;
    let filed = world.files(&world.teacher, ask(20)).await;
    assert_eq!(filed.status, 201);
    let request = Request::of(&world, &filed);
    assert_eq!(filed.headers["location"].to_str().unwrap(), request.path);
    assert_eq!(filed.body["status"], "pending");
    assert_eq!(filed.body["urgency"], "normal");

    let mine = world
        .teacher
        .get(&world.school.path("/requests"))
        .await
        .ok();
    assert_eq!(ids(&mine), [&request.id]);
    let seen = request.read(&world.principal).await;
    assert_eq!(seen.headers["etag"], filed.headers["etag"]);
    let seen = seen.ok();
    assert_eq!(seen["justification"], "the exam weeks");
    assert_eq!(seen["units"], json!({"claude_messages": 20}));
    let left = seen["expires_in_seconds"].as_i64().unwrap();
    assert!((604_700..=604_800).contains(&left), "{left}");
    let created: chrono::DateTime<chrono::Utc> =
        serde_json::from_value(seen["created_at"].clone()).unwrap();
    let expires: chrono::DateTime<chrono::Utc> =
        serde_json::from_value(seen["expires_at"].clone()).unwrap();
    assert_eq!(expires - created, chrono::TimeDelta::days(7));

    let approved = request
        .post(
            &world.principal,
            "approve",
            json!({"reason": "well earned"}),
        )
        .await;
    assert_eq!(approved.status, 200);
    let line = json!([{"service": "claude_messages", "before": 10, "allocated": 30}]);
    assert_eq!(approved.body["allocations"], line);
    assert_eq!(approved.body["granted"], json!({"claude_messages": 20}));
    assert_eq!(world.allocated().await, 30);

    let after = request.read(&world.teacher).await.ok();
    assert_eq!(after["status"], "approved");
    assert_eq!(after["reason"], "well earned");
    assert_eq!(after["decided_by"]["role"], "principal");
    let history = world.school.path("/history?kind=units_allocated&limit=1");
    let grant = &world.principal.get(&history).await.ok()["entries"][0];
    assert_eq!(
        (&grant["cause"], &grant["request_id"]),
        (&json!("request"), &json!(request.id))
    );
    assert_eq!(grant["reason"], "well earned");
    let history = world.school.path("/history?kind=request_filed");
    let filing = &world.teacher.get(&history).await.ok()["entries"][0];
    assert_eq!(filing["reason"], "the exam weeks");

    // What is closed stays closed, whoever tries.
    for answer in [
        request
            .post(&world.principal, "reject", json!({"reason": "no"}))
            .await,
        request.post(&world.principal, "approve", json!({})).await,
        request.withdraw(&world.teacher).await,
    ] {
        assert_eq!(
            (answer.status.as_u16(), answer.problem()),
            (409, "request-closed".to_owned())
        );
        assert_eq!(answer.body["request_status"], "approved");
    }
    assert_eq!(world.allocated().await, 30);
    world.server.stop().await;
}

#[tokio::test]
async fn a_request_is_rejected_withdrawn_or_granted_in_part() {
    let world = World::start().await;
    let request = world.asks_for(20).await;
    let blank = request
        .post(&world.principal, "reject", json!({"reason": " "}))
        .await;
    assert_eq!(blank.problem(), "invalid-request");
    let bare = request.post(&world.principal, "reject", json!({})).await;
    assert_eq!(bare.problem(), "invalid-request");
    let rejected = request
        .post(
            &world.principal,
            "reject",
            json!({"reason": "not this month"}),
        )
        .await;
    assert_eq!(rejected.body["status"], "rejected");
    let seen = request.read_after(&world.teacher, &rejected).await.ok();
    assert_eq!(
        (&seen["status"], &seen["reason"]),
        (&json!("rejected"), &json!("not this month"))
    );

    let request = world.asks_for(20).await;
    let withdrawn = request.withdraw(&world.teacher).await.ok();
    assert_eq!(withdrawn["status"], "withdrawn");
    let request = world.asks_for(20).await;
    assert_eq!(
        request.withdraw(&world.principal).await.ok()["status"],
        "withdrawn"
    );

    let both = json!({"units": {"lesson_generation": 20, "content_generation": 5},
        "justification": "the exam weeks", "urgency": "high"});
    let both = world.files(&world.teacher, both).await;
    let request = Request::of(&world, &both);
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
            .post(&world.principal, "approve", json!({"units": units}))
            .await;
        assert_eq!(answer.problem(), problem, "{units}");
    }
    let part = json!({"units": {"claude_messages": 5}});
    let part = request.post(&world.principal, "approve", part).await.ok();
    assert_eq!(part["granted"], json!({"claude_messages": 5}));
    assert_eq!(world.allocated().await, 15);
    let seen = request.read(&world.teacher).await.ok();
    assert_eq!(
        seen["units"],
        json!({"claude_messages": 20, "content_generation": 5})
    );
    assert_eq!(seen["granted"], json!({"claude_messages": 5}));
    world.server.stop().await;
}

#[tokio::test]
async fn the_queue_is_read_in_pages_the_most_urgent_first() {
    let world = World::start().await;
    let mut filed = Vec::new();
    for (who, service, urgency) in [
        (0, "claude_messages", "low"),
        (1, "claude_messages", "high"),
        (0, "content_generation", "normal"),
        (1, "assessment_ai", "high"),
        (0, "assessment_ai", "low"),
    ] {
        let ask = json!({"units": {service: 1}, "justification": "j", "urgency": urgency,
            "member_id": world.school.members[who]});
        let answer = world.files(&world.principal, ask).await.ok();
        filed.push(answer["request_id"].as_str().unwrap().to_owned());
    }
    for (query, expected) in [("status=pending&", [1, 3, 2, 0, 4]), ("", [4, 3, 2, 1, 0])] {
        let mut path = world.school.path(&format!("/requests?{query}limit=2"));
        let mut seen = Vec::new();
        loop {
            let page = world.principal.get(&path).await;
            seen.extend(ids(&page.body).into_iter().map(str::to_owned));
            let Some(link) = page.headers.get("link") else {
                break;
            };
            let (target, _) = link.to_str().unwrap().split_once("; ").unwrap();
            path = target.trim_matches(['<', '>']).to_owned();
        }
        assert_eq!(seen, expected.map(|n: usize| filed[n].clone()), "{query}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn who_leaves_asks_for_nothing_any_more() {
    let world = World::start().await;
    let request = world.asks_for(20).await;
    let member = world.school.members[0];
    let path = world.school.path(&format!("/members/{member}"));
    let _ = world
        .principal
        .try_send(Method::DELETE, &path, None)
        .await
        .unwrap()
        .ok();
    let seen = request.read(&world.principal).await.ok();
    assert_eq!(seen["status"], "withdrawn");
    let approve = request.post(&world.principal, "approve", json!({})).await;
    assert_eq!(approve.body["request_status"], "withdrawn");
    let history = world.school.path("/history?kind=request_withdrawn");
    let entry = &world.principal.get(&history).await.ok()["entries"][0];
    assert_eq!(
        (&entry["cause"], &entry["request_id"]),
        (&json!("removal"), &json!(request.id))
    );
    books::check(&world.postgres, world.school.id).await;
    world.server.stop().await;
}
