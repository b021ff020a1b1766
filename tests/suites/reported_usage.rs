//! Reported usage is always recorded, once, for the right member.

use ledger_core::Role;
use ledger_tests::books;
use ledger_tests::postgres::Postgres;
use ledger_tests::server::{HttpSchool, Person, Server, token};
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

const ONE: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";
const JSON: &str = "application/json";

struct Fixture {
    postgres: Postgres,
    server: Server,
    school: HttpSchool,
    principal: Person,
}

impl Fixture {
    async fn start() -> Self {
        let postgres = Postgres::start().await;
        let server = Server::start(&postgres).await;
        let school = HttpSchool::register(&server, 1_000, 2, 10).await;
        let principal = server.as_role(Role::Principal, Some(school.id));
        Self {
            postgres,
            server,
            school,
            principal,
        }
    }

    fn member(&self, n: usize) -> Uuid {
        self.school.members[n]
    }

    /// A CloudEvent that reports one call of a subject.
    fn event(id: &str, subject: impl ToString) -> Value {
        json!({
            "specversion": "1.0", "id": id, "source": "/gateway", "type": "claude_messages",
            "subject": subject.to_string(),
        })
    }

    async fn send(&self, content_type: &str, body: &Value) -> (StatusCode, i64, Value) {
        let proxy = token(Role::Proxy, Some(self.school.id), "gateway");
        self.send_as(
            &proxy,
            "/v1/events",
            &[("content-type", content_type)],
            body.to_string(),
        )
        .await
    }

    async fn send_as(
        &self,
        token: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> (StatusCode, i64, Value) {
        let mut request = reqwest::Client::new()
            .post(format!("{}{path}", self.server.base))
            .bearer_auth(token)
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let seq = response.headers().get("ledger-seq");
        let seq = seq.map_or(0, |seq| seq.to_str().unwrap().parse().unwrap());
        (status, seq, response.json().await.unwrap_or(Value::Null))
    }

    /// Sends a report that must be recorded; returns its position in the log.
    async fn report(&self, event: &Value) -> i64 {
        let (status, seq, body) = self.send(ONE, event).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{event}: {body}");
        seq
    }

    async fn used(&self, member: Uuid, min_seq: i64) -> i64 {
        let path = format!("/members/{member}/balance?min_seq={min_seq}");
        let balance = self.principal.get(&self.school.path(&path)).await.ok();
        let services = balance["services"].as_array().unwrap();
        let claude = services.iter().find(|s| s["service"] == "claude_messages");
        claude.unwrap()["used"].as_i64().unwrap()
    }

    /// (day, requests, units) of a member.
    async fn rollup(&self, member: Uuid, min_seq: i64) -> Vec<(String, i64, i64)> {
        let path = format!(
            "/usage?granularity=day&from=2026-01-01&to=2099-12-31&member={member}&min_seq={min_seq}"
        );
        let usage = self.principal.get(&self.school.path(&path)).await.ok();
        let rows = usage["rows"].as_array().unwrap().iter();
        rows.map(|row| {
            let day = row["bucket"].as_str().unwrap().to_owned();
            (
                day,
                row["requests"].as_i64().unwrap(),
                row["units"].as_i64().unwrap(),
            )
        })
        .collect()
    }

    async fn unattributed(&self, query: &str) -> Value {
        let path = self.school.path(&format!("/unattributed{query}"));
        self.principal.get(&path).await.ok()
    }

    async fn assign(&self, usage: &Value, body: Value) -> ledger_tests::server::Answer {
        let path = format!(
            "/unattributed/{}/assign",
            usage["event_id"].as_str().unwrap()
        );
        self.principal.post(&self.school.path(&path), body).await
    }

    async fn stop(self) {
        books::check(&self.postgres, self.school.id).await;
        self.server.stop().await;
    }
}

fn with(mut event: Value, name: &str, value: Value) -> Value {
    event[name] = value;
    event
}

#[tokio::test]
async fn a_cloud_event_is_recorded_in_each_content_mode() {
    let fixture = Fixture::start().await;
    let ada = fixture.member(0);
    let event = |id: &str| Fixture::event(id, ada);
    let proxy = token(Role::Proxy, Some(fixture.school.id), "gateway");
    let mut last = 0;
    for (content_type, body) in [
        (ONE, event("1")),
        (BATCH, json!([event("2"), event("3")])),
        (JSON, event("4")),
        (JSON, json!([event("5"), event("6")])),
        (BATCH, json!([])),
    ] {
        let (status, seq, problem) = fixture.send(content_type, &body).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{body}: {problem}");
        last = seq.max(last);
    }
    let attributes = [
        ("content-type", JSON),
        ("ce-specversion", "1.0"),
        ("ce-id", "7"),
        ("ce-source", "/gateway"),
        ("ce-type", "com.example.completion"),
        ("ce-subject", &ada.to_string()),
        ("ce-traceparent", "00-ignored"),
    ];
    let data = json!({"service": "lesson_generation", "units": 2, "prompt": "ignored"});
    for path in ["/v1/events", "/api/v1/events"] {
        let (status, seq, _) = fixture
            .send_as(&proxy, path, &attributes, data.to_string())
            .await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        last = seq.max(last);
    }
    assert_eq!(fixture.used(ada, last).await, 8);
    fixture.stop().await;
}

#[tokio::test]
async fn only_the_first_event_of_a_source_and_id_counts() {
    let fixture = Fixture::start().await;
    let ada = fixture.member(0);
    let first = fixture.report(&Fixture::event("a", ada)).await;
    let other = with(
        with(
            Fixture::event("a", fixture.member(1)),
            "data",
            json!({"units": 9}),
        ),
        "time",
        json!("2026-01-01T00:00:00Z"),
    );
    assert_eq!(fixture.report(&other).await, first);
    let twice = json!([Fixture::event("b", ada), Fixture::event("b", ada)]);
    let (status, seq, _) = fixture.send(BATCH, &twice).await;
    assert_eq!((status, seq), (StatusCode::NO_CONTENT, first + 1));
    let elsewhere = with(Fixture::event("a", ada), "source", json!("/another"));
    assert_eq!(fixture.report(&elsewhere).await, first + 2);
    assert_eq!(fixture.used(ada, first + 2).await, 3);
    assert_eq!(fixture.used(fixture.member(1), first + 2).await, 0);
    fixture.stop().await;
}

#[tokio::test]
async fn usage_is_recorded_beyond_the_quota_and_for_suspended_or_removed_members() {
    let fixture = Fixture::start().await;
    let (ada, ben) = (fixture.member(0), fixture.member(1));
    let path = |rest: &str| fixture.school.path(&format!("/members/{ben}{rest}"));
    let body = json!({"reason": "on leave"});
    let _ = fixture.principal.post(&path("/suspend"), body).await.ok();
    let many = with(Fixture::event("a", ada), "data", json!({"units": 25}));
    fixture.report(&many).await;
    fixture.report(&Fixture::event("b", ben)).await;
    let gone = fixture
        .principal
        .try_send(reqwest::Method::DELETE, &path(""), None)
        .await
        .unwrap();
    assert!(gone.status.is_success());
    let seq = fixture.report(&Fixture::event("c", ben)).await;
    assert_eq!(fixture.used(ada, seq).await, 25);
    let events = fixture
        .principal
        .get(&fixture.school.path("/events?limit=1000"))
        .await
        .ok();
    let marks: Vec<_> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "usage_reported")
        .map(|event| {
            (
                event["data"]["id"].as_str().unwrap(),
                event["data"]["overage"] == true,
            )
        })
        .collect();
    assert_eq!(marks, [("a", true), ("b", false), ("c", true)]);
    fixture.stop().await;
}

#[tokio::test]
async fn late_usage_counts_on_the_day_it_occurred() {
    let fixture = Fixture::start().await;
    let ada = fixture.member(0);
    // Johannesburg is two hours ahead: in UTC this is the evening of the day before.
    let late = with(
        Fixture::event("a", ada),
        "time",
        json!("2026-03-14T22:30:00Z"),
    );
    let seq = fixture.report(&late).await;
    assert_eq!(
        fixture.rollup(ada, seq).await,
        [("2026-03-15".to_owned(), 1, 1)]
    );
    assert_eq!(
        fixture.used(ada, seq).await,
        0,
        "it counts in a closed period"
    );
    let ahead = with(
        Fixture::event("b", ada),
        "time",
        json!("2126-01-01T00:00:00Z"),
    );
    let seq = fixture.report(&ahead).await;
    assert_eq!(
        fixture.used(ada, seq).await,
        1,
        "what is reported happened by now"
    );
    fixture.stop().await;
}

#[tokio::test]
async fn usage_of_an_unknown_subject_is_kept_listed_and_assigned() {
    let fixture = Fixture::start().await;
    let (ada, ben) = (fixture.member(0), fixture.member(1));
    let stranger = with(
        with(
            Fixture::event("a", "ada@old.example"),
            "time",
            json!("2026-03-14T09:00:00Z"),
        ),
        "data",
        json!({"units": 4, "model": "opus", "input_tokens": 7}),
    );
    fixture.report(&stranger).await;
    let mut nobody = Fixture::event("b", "");
    nobody.as_object_mut().unwrap().remove("subject");
    fixture.report(&nobody).await;
    let video = with(Fixture::event("c", ada), "type", json!("video"));
    let seq = fixture.report(&video).await;

    let first = fixture
        .unattributed(&format!("?limit=2&min_seq={seq}"))
        .await;
    let usage = first["usage"].as_array().unwrap();
    assert_eq!(usage.len(), 2);
    assert_eq!(usage[0]["subject"], "ada@old.example");
    assert_eq!(usage[0]["reason"], "unknown_member");
    assert_eq!(
        (&usage[0]["units"], &usage[0]["model"]),
        (&json!(4), &json!("opus"))
    );
    assert_eq!(usage[1]["subject"], Value::Null);
    let next = first["next"].as_str().unwrap();
    let second = fixture
        .unattributed(&format!("?limit=2&cursor={next}"))
        .await;
    let of_video = &second["usage"][0];
    assert_eq!(second["next"], Value::Null);
    assert_eq!(
        (
            &of_video["reason"],
            &of_video["service"],
            &of_video["member_id"]
        ),
        (&json!("unknown_service"), &json!("video"), &json!(ada))
    );

    // To Ada, then to Ben.
    let body = |member: Uuid| json!({"member_id": member, "reason": "an old address"});
    let assigned = fixture.assign(&usage[0], body(ada)).await;
    let seq = assigned.seq();
    assert_eq!(assigned.ok()["assigned"]["units"], 4);
    assert_eq!(
        fixture.rollup(ada, seq).await,
        [("2026-03-14".to_owned(), 1, 4)]
    );
    let again = fixture.assign(&usage[0], body(ada)).await.ok();
    assert_eq!(
        (&again["event_id"], &again["assigned"]),
        (&Value::Null, &Value::Null)
    );
    let assigned = fixture.assign(&usage[0], body(ben)).await;
    let seq = assigned.seq();
    assert_eq!(assigned.ok()["assigned"]["from_member_id"], json!(ada));
    assert_eq!(fixture.rollup(ada, seq).await, []);
    assert_eq!(
        fixture.rollup(ben, seq).await,
        [("2026-03-14".to_owned(), 1, 4)]
    );

    let refused = fixture.assign(of_video, body(ada)).await;
    assert_eq!(refused.problem(), "unknown-service");
    let named =
        json!({"member_id": ada, "reason": "it was a lesson", "service": "claude_messages"});
    let seq = fixture.assign(of_video, named).await.seq();
    assert_eq!(fixture.used(ada, seq).await, 1);
    let left = fixture.unattributed(&format!("?min_seq={seq}")).await;
    assert_eq!(left["usage"].as_array().unwrap().len(), 1);

    let history = fixture
        .principal
        .get(
            &fixture
                .school
                .path(&format!("/history?member={ben}&kind=usage_attributed")),
        )
        .await
        .ok();
    let entry = &history["entries"][0];
    assert_eq!(entry["reason"], "an old address");
    assert_eq!(entry["before"]["member_id"], json!(ada));
    assert_eq!(entry["after"]["member_id"], json!(ben));
    let nobody_s = json!({"event_id": Uuid::now_v7()});
    assert_eq!(
        fixture.assign(&nobody_s, body(ada)).await.problem(),
        "usage-not-found"
    );
    fixture.stop().await;
}

#[tokio::test]
async fn an_external_id_names_its_member() {
    let fixture = Fixture::start().await;
    let cleo = Uuid::now_v7();
    // An external id may have the form of a member id.
    let ids = json!(["cleo@example.org", fixture.member(0)]);
    let body = json!({"member_id": cleo, "role": "teacher", "external_ids": ids});
    let _ = fixture
        .principal
        .post(&fixture.school.path("/members"), body)
        .await
        .ok();
    fixture
        .report(&Fixture::event("a", "cleo@example.org"))
        .await;
    let seq = fixture
        .report(&Fixture::event("b", fixture.member(0)))
        .await;
    assert_eq!(fixture.used(cleo, seq).await, 2);
    let log = fixture
        .principal
        .get(&fixture.school.path("/events?limit=1000"))
        .await
        .ok();
    assert!(
        !log.to_string().contains("example.org"),
        "the log names nobody"
    );
    fixture.server.stop().await;
}

#[tokio::test]
async fn a_malformed_event_is_refused_with_its_whole_batch() {
    let fixture = Fixture::start().await;
    let ada = fixture.member(0);
    let seq = fixture.report(&Fixture::event("a", ada)).await;
    let bad = with(Fixture::event("c", ada), "specversion", json!("0.3"));
    let batch = json!([Fixture::event("b", ada), bad]);
    let (status, _, problem) = fixture.send(BATCH, &batch).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        problem["type"]
            .as_str()
            .unwrap()
            .ends_with("/invalid-event")
    );
    assert_eq!(
        (&problem["index"], &problem["at"]),
        (&json!(1), &json!("specversion"))
    );
    let (status, ..) = fixture.send("text/plain", &Fixture::event("b", ada)).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(fixture.report(&Fixture::event("b", ada)).await, seq + 1);
    fixture.stop().await;
}

#[tokio::test]
async fn only_a_proxy_reports_and_its_credential_determines_the_school() {
    let fixture = Fixture::start().await;
    let event = Fixture::event("a", fixture.member(0)).to_string();
    let everywhere = token(Role::Proxy, None, "gateway");
    let own = token(Role::Proxy, Some(fixture.school.id), "gateway");
    let school = fixture.school.id.to_string();
    let (nowhere, form) = (Uuid::now_v7().to_string(), ("content-type", ONE));
    for (token, named, expected) in [
        (&everywhere, None, StatusCode::BAD_REQUEST),
        (&everywhere, Some(&nowhere), StatusCode::NOT_FOUND),
        (&everywhere, Some(&school), StatusCode::NO_CONTENT),
        (&own, Some(&nowhere), StatusCode::NOT_FOUND),
        (&own, Some(&school), StatusCode::NO_CONTENT),
    ] {
        let mut headers = vec![form];
        headers.extend(named.map(|school| ("ledger-school", school.as_str())));
        let (status, ..) = fixture
            .send_as(token, "/v1/events", &headers, event.clone())
            .await;
        assert_eq!(status, expected, "{named:?}");
    }
    for role in [
        Role::Principal,
        Role::PrincipalAdmin,
        Role::Auditor,
        Role::Teacher,
    ] {
        let token = token(role, Some(fixture.school.id), &Uuid::now_v7().to_string());
        let (status, ..) = fixture
            .send_as(&token, "/v1/events", &[form], event.clone())
            .await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{role}");
    }
    let teacher = fixture
        .server
        .as_role(Role::Teacher, Some(fixture.school.id));
    let list = fixture.school.path("/unattributed");
    assert_eq!(teacher.get(&list).await.status, StatusCode::FORBIDDEN);
    let auditor = fixture
        .server
        .as_role(Role::Auditor, Some(fixture.school.id));
    assert_eq!(auditor.get(&list).await.status, StatusCode::OK);
    let path = fixture
        .school
        .path(&format!("/unattributed/{}/assign", Uuid::now_v7()));
    let body = json!({"member_id": fixture.member(0), "reason": "x"});
    assert_eq!(
        auditor.post(&path, body).await.status,
        StatusCode::FORBIDDEN
    );
    fixture.stop().await;
}

#[tokio::test]
async fn meters_apply_to_reports() {
    let postgres = Postgres::start().await;
    let plan = include_str!("../../ledger-core/src/plan.toml")
        .replacen(
            r#"{ per = "request" }"#,
            r#"{ per = "request", weights = [{ model = "*opus*", units = 5 }] }"#,
            1,
        )
        .replacen(
            r#"{ per = "request" }"#,
            r#"{ per = "thousand_tokens", units = 2 }"#,
            1,
        );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.toml");
    std::fs::write(&file, plan).unwrap();
    let settings = [("LEDGER_CATALOGUE", file.to_str().unwrap())];
    let server = Server::start_with(&postgres, &settings).await;
    let school = HttpSchool::register(&server, 1_000, 1, 100).await;
    let principal = server.as_role(Role::Principal, Some(school.id));
    let fixture = Fixture {
        postgres,
        server,
        school,
        principal,
    };
    let ada = fixture.member(0);
    let call = |id: &str, data: Value| with(Fixture::event(id, ada), "data", data);
    fixture
        .report(&call("a", json!({"model": "claude-opus-4"})))
        .await;
    let tokens =
        json!({"service": "content_generation", "input_tokens": 1500, "output_tokens": 501});
    let seq = fixture.report(&call("b", tokens)).await;
    assert_eq!(fixture.used(ada, seq).await, 5);
    let units: i64 = fixture
        .rollup(ada, seq)
        .await
        .iter()
        .map(|(.., units)| units)
        .sum();
    assert_eq!(units, 5 + 6);
    fixture.server.stop().await;
}
