//! Do members get what they ask for when somebody else says so, once, and not otherwise?

use ledger_core::Role;
use ledger_tests::books;
use ledger_tests::postgres::Postgres;
use ledger_tests::server::{Answer, HttpSchool, Person, Server};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

/// A school of 100 Claude messages; each of its two teachers holds 10.
struct World {
    postgres: Postgres,
    server: Server,
    school: HttpSchool,
    teacher: Person,
    principal: Person,
}

impl World {
    async fn start() -> Self {
        let postgres = Postgres::start().await;
        let server = Server::start(&postgres).await;
        let school = HttpSchool::register(&server, 100, 2, 10).await;
        let teacher = server.person(Role::Teacher, Some(school.id), school.members[0]);
        let principal = server.as_role(Role::Principal, Some(school.id));
        Self {
            postgres,
            server,
            school,
            teacher,
            principal,
        }
    }

    /// The teacher asks for Claude messages.
    async fn asks_for(&self, units: i64) -> Request {
        let answer = self.files(&self.teacher, ask(units)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let request = Request::of(self, &answer);
        // Everybody can read it from here on.
        let _ = request.read_after(&self.teacher, &answer).await.ok();
        request
    }

    async fn files(&self, who: &Person, body: Value) -> Answer {
        who.post(&self.school.path("/requests"), body).await
    }

    /// What the teacher holds.
    async fn allocated(&self) -> Value {
        let member = self.school.members[0];
        let path = self.school.path(&format!("/members/{member}/balance"));
        let path = format!(
            "{path}?min_seq={}",
            books::check(&self.postgres, self.school.id).await
        );
        let balance = self.principal.get(&path).await.ok();
        let mut services = balance["services"].as_array().unwrap().iter();
        let claude = services.find(|line| line["service"] == "claude_messages");
        claude.unwrap()["allocated"].clone()
    }
}

fn ask(units: i64) -> Value {
    json!({"units": {"claude_messages": units}, "justification": "the exam weeks"})
}

/// A request that was filed.
struct Request {
    id: String,
    path: String,
    etag: String,
}

impl Request {
    fn of(world: &World, filed: &Answer) -> Self {
        let id = filed.body["request_id"].as_str().unwrap().to_owned();
        Self {
            path: world.school.path(&format!("/requests/{id}")),
            id,
            etag: filed.headers["etag"].to_str().unwrap().to_owned(),
        }
    }

    async fn post(&self, who: &Person, what: &str, body: Value) -> Answer {
        who.post(&format!("{}/{what}", self.path), body).await
    }

    async fn post_with(
        &self,
        who: &Person,
        what: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let path = format!("{}/{what}", self.path);
        let response = who
            .send_with(Method::POST, &path, headers, Some(body))
            .await;
        Answer::of(response).await.unwrap()
    }

    async fn withdraw(&self, who: &Person) -> Answer {
        let path = format!("{}/withdraw", self.path);
        who.try_send(Method::POST, &path, None).await.unwrap()
    }

    async fn read(&self, who: &Person) -> Answer {
        who.get(&self.path).await
    }

    /// Read by somebody else than who wrote.
    async fn read_after(&self, who: &Person, written: &Answer) -> Answer {
        who.get(&format!("{}?min_seq={}", self.path, written.seq()))
            .await
    }
}

fn ids(list: &Value) -> Vec<&str> {
    let requests = list["requests"].as_array().unwrap().iter();
    requests
        .map(|r| r["request_id"].as_str().unwrap())
        .collect()
}

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
async fn a_decision_is_made_on_the_version_that_was_read() {
    let world = World::start().await;
    let request = world.asks_for(20).await;
    let no = json!({"reason": "no"});
    let stale = [("if-match", "\"1\"")];
    let answer = request
        .post_with(&world.principal, "reject", &stale, &no)
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem()),
        (412, "precondition-failed".to_owned())
    );
    assert_eq!(format!("\"{}\"", answer.body["version"]), request.etag);
    let read = [("if-match", request.etag.as_str())];
    let rejected = request
        .post_with(&world.principal, "reject", &read, &no)
        .await;
    assert_eq!(rejected.status, 200, "{}", rejected.body);
    assert_ne!(rejected.headers["etag"].to_str().unwrap(), request.etag);
    assert_eq!(
        request.read_after(&world.teacher, &rejected).await.headers["etag"],
        rejected.headers["etag"]
    );
    let late = request
        .post_with(&world.principal, "approve", &read, &json!({}))
        .await;
    assert_eq!(late.problem(), "precondition-failed");
    let any = [("if-match", "*")];
    let late = request
        .post_with(&world.principal, "approve", &any, &json!({}))
        .await;
    assert_eq!(late.problem(), "request-closed");
    world.server.stop().await;
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_answered_again_and_done_once() {
    let world = World::start().await;
    let path = world.school.path("/requests");
    let key = [("idempotency-key", "ask-1")];
    let file = async |who: &Person, body: &Value| {
        let response = who.send_with(Method::POST, &path, &key, Some(body)).await;
        Answer::of(response).await.unwrap()
    };
    let first = file(&world.teacher, &ask(20)).await;
    let again = file(&world.teacher, &ask(20)).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 200));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    for name in ["request_id", "seq", "event_id", "version", "expires_at"] {
        assert_eq!(first.body[name], again.body[name], "{name}");
    }
    let other = file(&world.teacher, &ask(21)).await;
    assert_eq!(other.problem(), "idempotency-key-reused");
    // The same words of somebody else are another request.
    let school = Some(world.school.id);
    let colleague = world
        .server
        .person(Role::Teacher, school, world.school.members[1]);
    assert_eq!(
        file(&colleague, &ask(20)).await.problem(),
        "idempotency-key-reused"
    );

    let request = Request::of(&world, &first);
    let key = [("idempotency-key", "approve-1")];
    let body = json!({"reason": "well earned"});
    let first = request
        .post_with(&world.principal, "approve", &key, &body)
        .await;
    let again = request
        .post_with(&world.principal, "approve", &key, &body)
        .await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (200, 200));
    assert!(!first.headers.contains_key("idempotent-replayed"));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(first.body["allocations"], again.body["allocations"]);
    assert_eq!(first.headers["etag"], again.headers["etag"]);
    let otherwise = request
        .post_with(&world.principal, "reject", &key, &body)
        .await;
    assert_eq!(otherwise.problem(), "idempotency-key-reused");
    assert_eq!(world.allocated().await, 30);
    world.server.stop().await;
}

#[tokio::test]
async fn two_principals_at_two_servers_grant_once() {
    let world = World::start().await;
    let there = Server::start(&world.postgres).await;
    let other = there.as_role(Role::Principal, Some(world.school.id));
    for round in 1..=8_i64 {
        let request = world.asks_for(1).await;
        let (here, elsewhere) = tokio::join!(
            request.post(&world.principal, "approve", json!({})),
            request.post(&other, "approve", json!({})),
        );
        let mut statuses = [here.status.as_u16(), elsewhere.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{} {}", here.body, elsewhere.body);
        let late = if here.status == 409 { here } else { elsewhere };
        assert_eq!(late.problem(), "request-closed");
        assert_eq!(late.body["request_status"], "approved");
        assert_eq!(world.allocated().await, 10 + round);
    }
    world.server.stop().await;
    there.stop().await;
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
