//! Invalid requests get their documented problem and change nothing.

use chrono::Utc;
use ledger_core::Role;
use ledger_tests::postgres::{Postgres, number};
use ledger_tests::server::{HttpSchool, Person, SECRET, Server, token};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

struct Fixture {
    postgres: Postgres,
    server: Server,
    school: HttpSchool,
    proxy: Person,
}

impl Fixture {
    async fn start() -> Self {
        let postgres = Postgres::start().await;
        let server = Server::start(&postgres).await;
        let school = HttpSchool::register(&server, 1_000, 2, 100).await;
        let proxy = server.as_role(Role::Proxy, Some(school.id));
        Self {
            postgres,
            server,
            school,
            proxy,
        }
    }

    async fn events(&self) -> i64 {
        number(
            &self.postgres.superuser().await,
            "SELECT count(*) FROM event",
        )
        .await
    }
}

/// Sends bytes that need not be JSON.
async fn raw(
    fixture: &Fixture,
    path: &str,
    content_type: &str,
    body: Vec<u8>,
) -> (StatusCode, Value) {
    let response = reqwest::Client::new()
        .post(format!("{}{path}", fixture.server.base))
        .bearer_auth(token(Role::Proxy, Some(fixture.school.id), "proxy"))
        .header("content-type", content_type)
        .body(body)
        .send()
        .await
        .unwrap();
    let status = response.status();
    (status, response.json().await.unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_malformed_debit_is_an_invalid_request() {
    let fixture = Fixture::start().await;
    let before = fixture.events().await;
    let debits = fixture.school.path("/debits");
    let member = fixture.school.members[0];
    let good = fixture.school.debit("x", member, 1);
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let without = |name: &str| {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(name);
        body
    };
    let cases = [
        with("units", json!(-1)),
        with("units", json!(1.5)),
        with("units", json!("1")),
        with("units", json!("unlimited")),
        with("units", json!(9_223_372_036_854_775_808_u64)),
        with("units", json!(1e300)),
        with("id", json!("")),
        with("id", json!("i".repeat(129))),
        with("id", json!("a\u{0}b")),
        with("id", json!(7)),
        with("member_id", json!("nobody")),
        with("subject", json!("both")),
        with("outcome", json!("splendid")),
        with("input_tokens", json!(-5)),
        with("input_tokens", json!(i64::MAX)),
        with("model", json!("")),
        with("model", json!("m".repeat(200))),
        with("occurred_at", json!("yesterday")),
        with(
            "occurred_at",
            json!((Utc::now() + chrono::TimeDelta::minutes(6)).to_rfc3339()),
        ),
        with("prompt", json!("unknown field")),
        without("id"),
        without("service"),
        without("member_id"),
        json!([good]),
        json!(null),
        json!("text"),
    ];
    for case in cases {
        let answer = fixture.proxy.post(&debits, case.clone()).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{case}: {}",
            answer.body
        );
        assert_eq!(answer.problem(), "invalid-request", "{case}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
    for (content_type, body, status) in [
        ("application/json", b"{".to_vec(), StatusCode::BAD_REQUEST),
        (
            "application/json",
            b"\xff\xfe".to_vec(),
            StatusCode::BAD_REQUEST,
        ),
        ("application/json", Vec::new(), StatusCode::BAD_REQUEST),
        (
            "application/json",
            vec![b'['; 100_000],
            StatusCode::BAD_REQUEST,
        ),
        (
            "text/plain",
            b"{}".to_vec(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            "application/json",
            vec![b' '; 5 << 20],
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
    ] {
        let (answered, problem) = raw(&fixture, &debits, content_type, body).await;
        assert_eq!(answered, status, "{problem}");
    }
    assert_eq!(fixture.events().await, before);
    fixture.server.stop().await;
}

#[tokio::test]
async fn the_problem_of_a_malformed_change_names_the_cause() {
    let fixture = Fixture::start().await;
    let before = fixture.events().await;
    let admin = fixture.server.as_role(Role::PlatformAdmin, None);
    let [one, other] = <[Uuid; 2]>::try_from(fixture.school.members.clone()).unwrap();
    let school = |name: &str, value: Value| {
        let mut body = json!({"name": "Another", "org_type": "k12", "tier": "enterprise",
            "time_zone": "UTC"});
        body[name] = value;
        body
    };
    let transfer = |name: &str, value: Value| {
        let mut item = json!({"op": "transfer", "member_id": one, "to_member_id": other,
            "service": "claude_messages", "units": 1});
        item[name] = value;
        json!({"reason": "helps out", "items": [item]})
    };
    let nil = json!(Uuid::nil());
    let twice = json!({"claude_messages": 1_000, "lesson_generation": 2_000});
    let (schools, members) = ("/v1/schools".to_owned(), fixture.school.path("/members"));
    let (batch, settings) = (
        fixture.school.path("/allocations/batch"),
        fixture.school.path("/settings"),
    );
    let subscription = fixture.school.path("/subscription");
    for (method, path, body, cause) in [
        (
            Method::POST,
            &schools,
            school("school_id", nil.clone()),
            "nil UUID",
        ),
        (
            Method::POST,
            &schools,
            school("totals", twice.clone()),
            "claude_messages",
        ),
        (
            Method::POST,
            &members,
            json!({"role": "teacher", "member_id": nil}),
            "nil UUID",
        ),
        (
            Method::PUT,
            &subscription,
            json!({"totals": twice}),
            "claude_messages",
        ),
        (
            Method::PATCH,
            &settings,
            json!({"max_individual_quota": twice}),
            "claude_messages",
        ),
        (
            Method::PATCH,
            &settings,
            json!({"default_member_quota": twice}),
            "claude_messages",
        ),
        (
            Method::POST,
            &batch,
            transfer("priority", json!("high")),
            "`priority`",
        ),
        (
            Method::POST,
            &batch,
            transfer("auto_renew", json!(true)),
            "`auto_renew`",
        ),
    ] {
        let answer = admin.try_send(method, path, Some(&body)).await.unwrap();
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {body}");
        assert_eq!(answer.problem(), "invalid-request", "{path} {body}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains(cause), "{path} {body}: {detail}");
    }
    assert_eq!(fixture.events().await, before);
    fixture.server.stop().await;
}

#[tokio::test]
async fn the_school_member_and_service_of_a_debit_must_exist() {
    let fixture = Fixture::start().await;
    let before = fixture.events().await;
    let debits = fixture.school.path("/debits");
    let [member, _] = <[Uuid; 2]>::try_from(fixture.school.members.clone()).unwrap();
    let mut unknown_service = fixture.school.debit("x", member, 1);
    unknown_service["service"] = json!("video");
    let mut unknown_subject = fixture.school.debit("x", member, 1);
    unknown_subject.as_object_mut().unwrap().remove("member_id");
    unknown_subject["subject"] = json!("nobody@example.org");
    for (body, status, code) in [
        (unknown_service, 422, "unknown-service"),
        (
            fixture.school.debit("x", Uuid::now_v7(), 1),
            404,
            "member-not-found",
        ),
        (unknown_subject, 404, "member-not-found"),
        (
            fixture.school.debit("x", member, 101),
            429,
            "quota-exceeded",
        ),
        (
            fixture.school.debit("x", member, i64::MAX),
            429,
            "quota-exceeded",
        ),
    ] {
        let answer = fixture.proxy.post(&debits, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().as_str()),
            (status, code)
        );
    }
    let nowhere = format!("/v1/schools/{}/debits", Uuid::now_v7());
    let anywhere = fixture.server.as_role(Role::Proxy, None);
    let answer = anywhere
        .post(&nowhere, fixture.school.debit("x", member, 1))
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem().as_str()),
        (404, "school-not-found")
    );
    assert_eq!(fixture.events().await, before);
    fixture.server.stop().await;
}

#[tokio::test]
async fn a_quota_refusal_has_limit_usage_and_reset() {
    let fixture = Fixture::start().await;
    let member = fixture.school.members[0];
    let debits = fixture.school.path("/debits");
    let _ = fixture
        .proxy
        .post(&debits, fixture.school.debit("1", member, 60))
        .await
        .ok();
    let hold = fixture.school.debit("h", member, 30);
    let _ = fixture
        .proxy
        .post(&fixture.school.path("/holds"), hold)
        .await
        .ok();
    let answer = fixture
        .proxy
        .post(&debits, fixture.school.debit("2", member, 11))
        .await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    let numbers = ["limit", "used", "held", "asked", "available"].map(|name| &answer.body[name]);
    assert_eq!(
        numbers,
        [&json!(100), &json!(60), &json!(30), &json!(11), &json!(10)]
    );
    assert_eq!(answer.body["rule"], "quota-exceeded");
    assert_eq!(answer.body["level"], "member");
    assert!(answer.body["resets_at"].is_string());
    let seconds: i64 = answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=31 * 86_400).contains(&seconds));
    assert!(
        answer.headers.contains_key("ratelimit") && answer.headers.contains_key("ratelimit-policy")
    );
    fixture.server.stop().await;
}

#[tokio::test]
async fn a_credential_is_accepted_only_for_its_school_and_role() {
    let fixture = Fixture::start().await;
    let before = fixture.events().await;
    let member = fixture.school.members[0];
    let debits = fixture.school.path("/debits");
    let debit = fixture.school.debit("x", member, 1);
    let school = Some(fixture.school.id);
    let good = token(Role::Proxy, school, "proxy");
    let (head, rest) = good.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    // {"alg":"none","typ":"JWT"} in base64url.
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let forged = [
        String::new(),
        "garbage".to_owned(),
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
        format!("{head}.{claims}."),
        format!(
            "{head}.{claims}.{}",
            signature.chars().rev().collect::<String>()
        ),
        format!("lk_{}_{}", "0".repeat(48), "A".repeat(43)),
        SECRET.to_owned(),
    ];
    for token in forged {
        let answer = fixture
            .server
            .bearer(&token)
            .post(&debits, debit.clone())
            .await;
        assert_eq!(answer.problem(), "unauthenticated", "{token}");
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    // The proxy of another school, and roles that may not debit.
    let stranger = fixture.server.as_role(Role::Proxy, Some(Uuid::now_v7()));
    let answer = stranger.post(&debits, debit.clone()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem().as_str()),
        (404, "school-not-found")
    );
    for role in [
        Role::Principal,
        Role::Teacher,
        Role::Auditor,
        Role::PrincipalAdmin,
    ] {
        let answer = fixture
            .server
            .as_role(role, school)
            .post(&debits, debit.clone())
            .await;
        assert_eq!(answer.problem(), "forbidden", "{role}");
    }
    // A proxy may not allocate or read the log.
    let allocation = fixture
        .school
        .path(&format!("/members/{member}/allocations/claude_messages"));
    let body = json!({"units": 1, "reason": "no"});
    assert_eq!(
        fixture.proxy.put(&allocation, body).await.problem(),
        "forbidden"
    );
    assert_eq!(
        fixture
            .proxy
            .get(&fixture.school.path("/events"))
            .await
            .problem(),
        "forbidden"
    );
    assert_eq!(fixture.events().await, before);
    fixture.server.stop().await;
}

#[tokio::test]
async fn an_unknown_path_method_or_id_is_a_problem() {
    let fixture = Fixture::start().await;
    for (method, path, status, code) in [
        (Method::GET, "/nothing".to_owned(), 404, "not-found"),
        (
            Method::DELETE,
            fixture.school.path("/debits"),
            405,
            "method-not-allowed",
        ),
        (
            Method::GET,
            "/v1/schools/none/balance".to_owned(),
            404,
            "school-not-found",
        ),
        (
            Method::POST,
            fixture.school.path("/holds/none/release"),
            404,
            "hold-not-found",
        ),
    ] {
        let body = (method == Method::POST).then(|| json!({}));
        let answer = fixture
            .proxy
            .try_send(method, &path, body.as_ref())
            .await
            .unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.problem().as_str()),
            (status, code),
            "{path}"
        );
    }
    fixture.server.stop().await;
}
