//! Requests with and without each permission.

mod fixture;

use axum::http::StatusCode;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use chrono::Utc;
use ledger_auth::{ApiKey, ApiKeyStore, RateLimits, Tenancy};
use ledger_core::{ActorId, Role, Timestamp};
use ledger_store::DatabaseRole;
use ledger_test_postgres::Postgres;
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use fixture::{COLLEAGUE, Fixture, OTHER_SCHOOL, SCHOOL, TEACHER};

#[tokio::test]
async fn each_role_has_the_permissions_of_the_table_only() {
    let postgres = Postgres::start().await;
    let fixture = Fixture::new(postgres.pool(DatabaseRole::Authenticator), RateLimits::NONE);
    for route in &fixture.routes {
        for role in Role::credentials() {
            let token = fixture.token(role, Some(SCHOOL), &TEACHER.to_string());
            let name = format!("{} as {role}", route.permission);
            let get =
                async |school, member| fixture.get(&route.path(school, member), &[&token]).await;
            let has_all = route.roles.contains(&role);
            let has_own = !has_all && route.own_roles.contains(&role);

            let answer = get(SCHOOL, TEACHER).await;
            if has_all || has_own {
                assert_eq!(answer.status, StatusCode::OK, "{name}");
            } else {
                answer.assert_problem(StatusCode::FORBIDDEN, "forbidden", &name);
            }
            if has_own && route.has("{member}") {
                let answer = get(SCHOOL, COLLEAGUE).await;
                answer.assert_problem(StatusCode::NOT_FOUND, "member-not-found", &name);
            } else {
                let of_colleague = get(SCHOOL, COLLEAGUE).await;
                assert_eq!(of_colleague.status, answer.status, "{name}: a colleague");
            }
            if route.has("{school}") && role != Role::PlatformAdmin {
                let answer = get(OTHER_SCHOOL, TEACHER).await;
                answer.assert_problem(StatusCode::NOT_FOUND, "school-not-found", &name);
            }
        }
    }
}

#[tokio::test]
async fn a_request_without_a_valid_credential_is_challenged() {
    let fixture = Fixture::without_database(RateLimits::NONE).await;
    let valid = fixture.token(Role::Principal, Some(SCHOOL), "someone");
    let twice: &[&str] = &[&valid, &valid];
    let invalid = r#"Bearer error="invalid_token""#;
    for route in &fixture.routes {
        let path = route.path(SCHOOL, TEACHER);
        for (credentials, challenge) in [
            (&[][..], "Bearer"),
            (&["Basic dXNlcjpwYXNz"], "Bearer"),
            (twice, "Bearer"),
            (&["Bearer a.b.c"], invalid),
            (&["Bearer lk_a_b"], invalid),
        ] {
            let answer = fixture.get(&path, credentials).await;
            let context = format!("{path} {credentials:?}");
            answer.assert_problem(StatusCode::UNAUTHORIZED, "unauthenticated", &context);
            assert_eq!(answer.headers[WWW_AUTHENTICATE], challenge, "{context}");
        }
    }
}

#[tokio::test]
async fn another_school_is_not_found_with_or_without_the_permission() {
    let fixture = Fixture::without_database(RateLimits::NONE).await;
    let teacher = fixture.token(Role::Teacher, Some(SCHOOL), "someone");
    let admin = fixture.token(Role::PlatformAdmin, None, "someone");
    for (school, token) in [
        // A teacher lacks this permission in every school; the response does not reveal the school.
        (OTHER_SCHOOL.to_string(), &teacher),
        ("not-a-school".to_owned(), &teacher),
        ("not-a-school".to_owned(), &admin),
        (Uuid::nil().to_string(), &admin),
        ("%ff".to_owned(), &admin),
    ] {
        let answer = fixture.get(&format!("/{school}/Subscribe"), &[token]).await;
        answer.assert_problem(StatusCode::NOT_FOUND, "school-not-found", &school);
    }
}

#[tokio::test]
async fn a_proxy_for_all_schools_spends_and_reads_balances_in_each() {
    let fixture = Fixture::without_database(RateLimits::NONE).await;
    let proxy = fixture.token(Role::Proxy, None, "proxy");
    for school in [SCHOOL, OTHER_SCHOOL] {
        for (permission, expected) in [
            ("Spend", StatusCode::OK),
            ("ReadBalance", StatusCode::OK),
            ("ReadMemberBalance", StatusCode::OK),
            ("ReadSchool", StatusCode::FORBIDDEN),
            ("ReadLog", StatusCode::FORBIDDEN),
            ("Allocate", StatusCode::FORBIDDEN),
        ] {
            let answer = fixture
                .get(&format!("/{school}/{permission}"), &[&proxy])
                .await;
            assert_eq!(answer.status, expected, "{permission}");
        }
    }
}

#[tokio::test]
async fn people_are_rate_limited_and_proxies_are_not() {
    let limits = RateLimits {
        people_per_second: 1,
        people_burst: 1,
        ..RateLimits::NONE
    };
    let fixture = Fixture::without_database(limits).await;
    let auditor = fixture.token(Role::Auditor, Some(SCHOOL), "someone");
    let path = format!("/{SCHOOL}/ReadLog");
    let mut answers = Vec::new();
    for _ in 0..20 {
        answers.push(fixture.get(&path, &[&auditor]).await);
    }
    assert_eq!(answers[0].status, StatusCode::OK);
    let limited = answers
        .iter()
        .find(|answer| answer.status != StatusCode::OK)
        .expect("twenty requests take less than nineteen seconds");
    limited.assert_problem(StatusCode::TOO_MANY_REQUESTS, "rate-limited", &path);
    assert_eq!(limited.headers[RETRY_AFTER], "1");
    let proxy = fixture.token(Role::Proxy, Some(SCHOOL), "someone");
    for _ in 0..20 {
        let answer = fixture.get(&format!("/{SCHOOL}/Spend"), &[&proxy]).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn without_the_database_only_callers_who_need_it_get_503() {
    let fixture = Fixture::without_database(RateLimits::NONE).await;
    let teacher = fixture.token(Role::Teacher, Some(SCHOOL), "someone");
    let key = ApiKey::generate(Tenancy::AllSchools, &mut rand::rng()).reveal();
    let key = format!("Bearer {}", key.expose_secret());
    for (permission, credential) in [("ReadActivity", &teacher), ("Spend", &key)] {
        let answer = fixture
            .get(&format!("/{SCHOOL}/{permission}"), &[credential])
            .await;
        assert_eq!(
            answer.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{permission}"
        );
        assert_eq!(answer.headers[RETRY_AFTER], "1");
    }
    let principal = fixture.token(Role::Principal, Some(SCHOOL), "someone");
    let answer = fixture
        .get(&format!("/{SCHOOL}/ReadActivity"), &[&principal])
        .await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_teacher_is_the_member_with_the_subject_as_external_id_or_id() {
    let postgres = Postgres::start().await;
    let fixture = Fixture::new(postgres.pool(DatabaseRole::Authenticator), RateLimits::NONE);
    let at_supabase = Uuid::from_u128(0x5b);
    for (school, external_id, member) in [
        (SCHOOL, at_supabase.to_string(), TEACHER),
        (OTHER_SCHOOL, "teacher@school.example".to_owned(), COLLEAGUE),
    ] {
        sqlx::query("INSERT INTO member_external_id VALUES ($1, $2, $3)")
            .bind(school.0)
            .bind(external_id)
            .bind(member)
            .execute(&postgres.pool(DatabaseRole::Writer))
            .await
            .unwrap();
    }
    let path = |member: Uuid| format!("/{SCHOOL}/{member}/viewer");
    let get = async |subject: &str, member: Uuid| {
        let token = fixture.token(Role::Teacher, Some(SCHOOL), subject);
        fixture.get(&path(member), &[&token]).await
    };
    let by_external_id = get(&at_supabase.to_string(), TEACHER).await;
    assert_eq!(by_external_id.body, format!("own {TEACHER}"));
    let by_id = get(&COLLEAGUE.to_string(), COLLEAGUE).await;
    assert_eq!(by_id.body, format!("own {COLLEAGUE}"));
    // An external id takes precedence over an equal id; those of another school do not count.
    for (subject, member) in [
        (at_supabase.to_string(), at_supabase),
        ("teacher@school.example".to_owned(), COLLEAGUE),
        ("unknown".to_owned(), TEACHER),
    ] {
        let answer = get(&subject, member).await;
        answer.assert_problem(StatusCode::NOT_FOUND, "member-not-found", &subject);
    }
    let auditor = fixture.token(Role::Auditor, Some(SCHOOL), "someone");
    let answer = fixture.get(&path(TEACHER), &[&auditor]).await;
    assert_eq!(answer.body, "auditor");
}

#[tokio::test]
async fn an_api_key_is_equivalent_to_a_token_of_a_proxy() {
    let postgres = Postgres::start().await;
    let fixture = Fixture::new(postgres.pool(DatabaseRole::Authenticator), RateLimits::NONE);
    let key = ApiKey::generate(Tenancy::School(SCHOOL), &mut rand::rng());
    ApiKeyStore::new(postgres.pool(DatabaseRole::Authenticator))
        .create(&key, "proxy", ActorId(TEACHER), Timestamp::new(Utc::now()))
        .await
        .unwrap();
    let key = format!("Bearer {}", key.reveal().expose_secret());
    for (path, expected) in [
        (format!("/{SCHOOL}/Spend"), StatusCode::OK),
        (format!("/{OTHER_SCHOOL}/Spend"), StatusCode::NOT_FOUND),
        (format!("/{SCHOOL}/Allocate"), StatusCode::FORBIDDEN),
        ("/RegisterSchool".to_owned(), StatusCode::FORBIDDEN),
    ] {
        let answer = fixture.get(&path, &[&key]).await;
        assert_eq!(answer.status, expected, "{path}");
    }
}
