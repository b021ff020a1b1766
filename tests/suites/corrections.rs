//! Refunds of usage: in full or in part, never more than the usage, by permitted roles.

use ledger_core::Role;
use ledger_tests::books;
use ledger_tests::postgres::Postgres;
use ledger_tests::server::{Answer, HttpSchool, Person, Server};
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

struct Fixture {
    postgres: Postgres,
    server: Server,
    school: HttpSchool,
    proxy: Person,
    principal: Person,
}

impl Fixture {
    async fn start() -> Self {
        let postgres = Postgres::start().await;
        let server = Server::start(&postgres).await;
        let school = HttpSchool::register(&server, 1_000, 1, 100).await;
        let proxy = server.as_role(Role::Proxy, Some(school.id));
        let principal = server.as_role(Role::Principal, Some(school.id));
        Self {
            postgres,
            server,
            school,
            proxy,
            principal,
        }
    }

    async fn debit(&self, id: &str, units: i64) {
        let body = self.school.debit(id, self.school.members[0], units);
        let _ = self
            .proxy
            .post(&self.school.path("/debits"), body)
            .await
            .ok();
    }

    async fn correct(&self, id: &str, body: Value) -> Answer {
        let path = self.school.path(&format!("/debits/{id}/correction"));
        self.principal.post(&path, body).await
    }

    /// (used, requests, units) of the member.
    async fn counted(&self, min_seq: i64) -> (i64, i64, i64) {
        let member = self.school.members[0];
        let path = format!("/members/{member}/balance?min_seq={min_seq}");
        let balance = self.principal.get(&self.school.path(&path)).await.ok();
        let services = balance["services"].as_array().unwrap();
        let claude = services.iter().find(|s| s["service"] == "claude_messages");
        let path =
            format!("/usage?granularity=month&from=2026-01-01&to=2099-12-31&min_seq={min_seq}");
        let usage = self.principal.get(&self.school.path(&path)).await.ok();
        let row = &usage["rows"][0];
        (
            claude.unwrap()["used"].as_i64().unwrap(),
            row["requests"].as_i64().unwrap(),
            row["units"].as_i64().unwrap(),
        )
    }

    async fn stop(self) {
        books::check(&self.postgres, self.school.id).await;
        self.server.stop().await;
    }
}

#[tokio::test]
async fn a_debit_is_refunded_in_parts_up_to_its_units() {
    let fixture = Fixture::start().await;
    fixture.debit("a", 5).await;
    let part = fixture
        .correct("a", json!({"units": 2, "reason": "half an answer"}))
        .await;
    assert_eq!(part.status, StatusCode::CREATED);
    let seq = part.seq();
    let body = part.ok();
    assert_eq!(body["units"], 2);
    assert_eq!(body["correction"]["refunded"], 2);
    assert_eq!(body["correction"]["balance"]["used"], 3);
    assert_eq!(fixture.counted(seq).await, (3, 1, 3));

    let refused = fixture
        .correct("a", json!({"units": 4, "reason": "all of it"}))
        .await;
    assert_eq!(refused.problem(), "correction-exceeds-usage");
    assert_eq!(
        (
            &refused.body["units"],
            &refused.body["refunded"],
            &refused.body["asked"]
        ),
        (&json!(5), &json!(2), &json!(4))
    );
    let rest = fixture.correct("a", json!({"reason": "all of it"})).await;
    let seq = rest.seq();
    assert_eq!(rest.ok()["units"], 3);
    assert_eq!(fixture.counted(seq).await, (0, 1, 0), "the call was made");
    let nothing = fixture.correct("a", json!({"reason": "once more"})).await;
    assert_eq!(nothing.status, StatusCode::OK);
    assert_eq!(nothing.body["event_id"], Value::Null);

    let history = fixture
        .principal
        .get(&fixture.school.path("/history?kind=usage_corrected"))
        .await
        .ok();
    let entries = history["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1]["reason"], "half an answer");
    assert_eq!(
        (
            &entries[1]["before"]["units"],
            &entries[1]["after"]["units"]
        ),
        (&json!(5), &json!(3))
    );
    fixture.stop().await;
}

#[tokio::test]
async fn settled_holds_and_reported_usage_are_refunded_by_id() {
    let fixture = Fixture::start().await;
    let hold = fixture.school.debit("a", fixture.school.members[0], 7);
    let _ = fixture
        .proxy
        .post(&fixture.school.path("/holds"), hold)
        .await
        .ok();
    let path = fixture.school.path("/holds/a/settle");
    let _ = fixture.proxy.post(&path, json!({"units": 6})).await.ok();
    fixture.debit("a", 5).await;
    let event = json!({
        "specversion": "1.0", "id": "a", "source": "/gateway", "type": "claude_messages",
        "subject": fixture.school.members[0], "data": {"units": 4},
    });
    assert_eq!(
        fixture.proxy.post("/v1/events", event).await.status,
        StatusCode::NO_CONTENT
    );
    for (body, units) in [
        (json!({"reason": "x"}), 5),
        (json!({"reason": "x", "kind": "hold"}), 6),
        (
            json!({"reason": "x", "kind": "event", "source": "/gateway"}),
            4,
        ),
    ] {
        assert_eq!(fixture.correct("a", body).await.ok()["units"], units);
    }
    let other = json!({"reason": "x", "kind": "event", "source": "/another"});
    assert_eq!(
        fixture.correct("a", other).await.problem(),
        "usage-not-found"
    );
    for id in ["b", &"b".repeat(200)] {
        let answer = fixture.correct(id, json!({"reason": "x"})).await;
        assert_eq!(answer.problem(), "usage-not-found");
    }
    for body in [
        json!({"reason": "x", "kind": "event"}),
        json!({"reason": "x", "source": "/gateway"}),
        json!({"reason": " "}),
        json!({"reason": "x", "units": 0}),
        json!({"units": 1}),
    ] {
        assert_eq!(
            fixture.correct("a", body).await.problem(),
            "invalid-request"
        );
    }
    fixture.stop().await;
}

#[tokio::test]
async fn a_repeated_correction_is_applied_once() {
    let fixture = Fixture::start().await;
    fixture.debit("a", 5).await;
    let path = fixture.school.path("/debits/a/correction");
    let key = [("idempotency-key", "once")];
    let body = json!({"units": 2, "reason": "half an answer"});
    let mut seqs = Vec::new();
    for expected in [StatusCode::CREATED, StatusCode::OK] {
        let method = reqwest::Method::POST;
        let sent = fixture
            .principal
            .send_with(method, &path, &key, Some(&body))
            .await;
        let answer = Answer::of(sent).await.unwrap();
        assert_eq!(answer.status, expected);
        seqs.push(answer.seq());
        assert_eq!(answer.ok()["correction"]["refunded"], 2);
    }
    assert_eq!(seqs[0], seqs[1]);
    fixture.stop().await;
}

#[tokio::test]
async fn concurrent_refunds_never_exceed_the_usage() {
    let fixture = Fixture::start().await;
    fixture.debit("a", 10).await;
    let attempts = (0..12).map(|_| fixture.correct("a", json!({"units": 1, "reason": "x"})));
    let answers = futures::future::join_all(attempts).await;
    let done = answers
        .iter()
        .filter(|a| a.status == StatusCode::CREATED)
        .count();
    assert_eq!(done, 10);
    let seq = answers.iter().map(Answer::seq).max().unwrap();
    assert_eq!(fixture.counted(seq).await, (0, 1, 0));
    fixture.stop().await;
}

#[tokio::test]
async fn only_principals_and_admins_refund() {
    let fixture = Fixture::start().await;
    fixture.debit("a", 5).await;
    let path = fixture.school.path("/debits/a/correction");
    let body = json!({"reason": "x", "units": 1});
    let school = Some(fixture.school.id);
    for (role, expected) in [
        (Role::Proxy, StatusCode::FORBIDDEN),
        (Role::Teacher, StatusCode::FORBIDDEN),
        (Role::Auditor, StatusCode::FORBIDDEN),
        (Role::Principal, StatusCode::CREATED),
        (Role::PrincipalAdmin, StatusCode::CREATED),
    ] {
        let person = fixture.server.as_role(role, school);
        assert_eq!(
            person.post(&path, body.clone()).await.status,
            expected,
            "{role}"
        );
    }
    let stranger = fixture
        .server
        .as_role(Role::Principal, Some(Uuid::now_v7()));
    assert_eq!(
        stranger.post(&path, body).await.status,
        StatusCode::NOT_FOUND
    );
    fixture.stop().await;
}

#[tokio::test]
async fn a_soft_policy_marks_usage_beyond_the_allocation() {
    let fixture = Fixture::start().await;
    let settings = fixture.school.path("/settings");
    let soft = json!({"overage": {"claude_messages": {"policy": "soft", "percent": 10}}});
    let changed = fixture.principal.patch(&settings, soft).await.ok();
    assert_eq!(
        changed["settings"]["overage"]["claude_messages"]["percent"],
        10
    );
    fixture.debit("a", 105).await;
    let body = fixture.school.debit("b", fixture.school.members[0], 6);
    let refused = fixture
        .proxy
        .post(&fixture.school.path("/debits"), body)
        .await;
    assert_eq!(refused.problem(), "quota-exceeded");
    assert_eq!(
        (&refused.body["limit"], &refused.body["available"]),
        (&json!(110), &json!(5))
    );
    let school = fixture.principal.get(&fixture.school.path("")).await.ok();
    assert_eq!(
        school["settings"]["overage"]["claude_messages"]["policy"],
        "soft"
    );
    for wrong in [
        json!({"overage": {"claude_messages": {"policy": "soft"}}}),
        json!({"overage": {"claude_messages": {"policy": "soft", "percent": 101}}}),
        json!({"overage": {"claude_messages": {"policy": "hard", "percent": 1}}}),
    ] {
        let answer = fixture.principal.patch(&settings, wrong).await;
        assert_eq!(answer.problem(), "invalid-request");
    }
    let unknown = json!({"overage": {"video": {"policy": "hard"}}});
    let answer = fixture.principal.patch(&settings, unknown).await;
    assert_eq!(answer.problem(), "unknown-service");
    fixture.stop().await;
}
