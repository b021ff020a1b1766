//! Every permission, as HTTP: who is let in, and what the others are told.

use axum::Router;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::get;
use chrono::Utc;
use ledger_core::{ActorId, MemberId, Role, SchoolId, Timestamp};
use ledger_store::DatabaseRole;
use ledger_test_postgres::Postgres;
use secrecy::ExposeSecret as _;
use sqlx::PgPool;
use tower::ServiceExt as _;
use uuid::Uuid;

use ledger_auth::permission::{self, PERMISSIONS};
use ledger_auth::settings::{JwtSettings, RateLimits};
use ledger_auth::{
    ApiKey, ApiKeyStore, Authenticator, JwtVerifier, MemberDirectory, RateLimiter, Tenancy,
    TokenGrant, TokenIssuer,
};

use super::{Allowed, AllowedMember, AllowedOnPlatform, AllowedViewer};

/// The secret of the tests' HS256 tokens.
const SECRET: &str = "only the tests know this secret, and all who read them";

/// Two schools.
const SCHOOL: SchoolId = SchoolId(Uuid::from_u128(0xa));
const OTHER_SCHOOL: SchoolId = SchoolId(Uuid::from_u128(0xb));

/// The teacher's own id, which his token's subject is, and somebody else's.
const TEACHER: Uuid = Uuid::from_u128(0x7e);
const COLLEAGUE: Uuid = Uuid::from_u128(0xc0);

macro_rules! doors {
    ($($extractor:ident $path:literal: $($permission:ident)+;)+) => {
        fn router(authenticator: Authenticator) -> Router {
            Router::new()
                $($(.route(
                    concat!($path, "/", stringify!($permission)),
                    get(|_: $extractor<permission::$permission>| async { "come in" }),
                ))+)+
                .route("/{school}/{member}/whose", get(whose))
                .with_state(authenticator)
        }

        /// Where each permission's door is, in a school and of a member.
        const DOORS: &[(&str, &str)] = &[$($((stringify!($permission), $path),)+)+];
    };
}

doors! {
    Allowed "/{school}": Allocate Administer Erase Subscribe Spend Correct ReadSchool ReadBalance ReadLog
        ManageApiKeys;
    AllowedViewer "/{school}": ReadDepartment ReadDepartmentBalance ReadActivity AskForUnits;
    AllowedMember "/{school}/{member}": ReadMember ReadMemberBalance;
    AllowedOnPlatform "": RegisterSchool ManagePlatformApiKeys;
}

/// Says through whose eyes the read looks.
async fn whose(allowed: AllowedMember<permission::ReadMember>) -> String {
    match allowed.viewer.member {
        Some(MemberId(own)) => format!("own {own}"),
        None => allowed.viewer.role.to_string(),
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

struct House {
    app: Router,
    issuer: TokenIssuer,
}

impl House {
    fn new(pool: PgPool, limits: RateLimits) -> Self {
        let settings = JwtSettings {
            hs256_secret: Some(SECRET.into()),
            ..JwtSettings::default()
        };
        let authenticator = Authenticator::new(
            JwtVerifier::new(&settings).unwrap(),
            ApiKeyStore::new(pool.clone()),
            MemberDirectory::new(pool),
            RateLimiter::new(limits),
        );
        Self {
            app: router(authenticator),
            issuer: TokenIssuer::new(&settings).unwrap(),
        }
    }

    /// Where nothing needs a database, there is none.
    async fn without_database(limits: RateLimits) -> Self {
        let closed = PgPool::connect_lazy("postgres://nobody@127.0.0.1:1/nothing").unwrap();
        closed.close().await;
        Self::new(closed, limits)
    }

    fn token(&self, role: Role, school: Option<SchoolId>, subject: &str) -> String {
        let grant = TokenGrant {
            role,
            school,
            subject,
            ttl_seconds: 60,
        };
        let token = self
            .issuer
            .issue(grant, Timestamp::new(Utc::now()))
            .unwrap();
        format!("Bearer {}", token.expose_secret())
    }

    async fn ask(&self, path: &str, credentials: &[&str]) -> Answer {
        let mut request = Request::get(path);
        for credential in credentials {
            request = request.header(AUTHORIZATION, *credential);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 10_000).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }
}

/// The door of a permission, in `school`, of `member`.
fn door(permission: &str, school: SchoolId, member: Uuid) -> String {
    let (_, path) = DOORS
        .iter()
        .find(|(name, _)| *name == permission)
        .unwrap_or_else(|| panic!("{permission} has no door: add it above"));
    let path = path
        .replace("{school}", &school.to_string())
        .replace("{member}", &member.to_string());
    format!("{path}/{permission}")
}

#[tokio::test]
async fn each_role_may_do_what_the_table_says_and_nothing_else() {
    let postgres = Postgres::start().await;
    let house = House::new(postgres.pool(DatabaseRole::Authenticator), RateLimits::NONE);
    for row in PERMISSIONS {
        for role in Role::CREDENTIAL {
            let token = house.token(role, Some(SCHOOL), &TEACHER.to_string());
            let at_door = |school, member| door(row.name, school, member);
            let name = format!("{} as {role}", row.name);

            let (any, own) = (row.roles.contains(&role), row.own.contains(&role));
            let wanted = if any || own {
                StatusCode::OK
            } else {
                StatusCode::FORBIDDEN
            };
            let answer = house.ask(&at_door(SCHOOL, TEACHER), &[&token]).await;
            assert_eq!(answer.status, wanted, "{name}");

            let is_of_member = at_door(SCHOOL, TEACHER) != at_door(SCHOOL, COLLEAGUE);
            let wanted = if own && is_of_member {
                StatusCode::NOT_FOUND
            } else {
                wanted
            };
            let answer = house.ask(&at_door(SCHOOL, COLLEAGUE), &[&token]).await;
            assert_eq!(answer.status, wanted, "{name}: a colleague");
            if wanted == StatusCode::NOT_FOUND {
                assert!(answer.body.contains("member-not-found"), "{}", answer.body);
            }

            let is_of_school = at_door(SCHOOL, TEACHER) != at_door(OTHER_SCHOOL, TEACHER);
            if is_of_school && role != Role::PlatformAdmin {
                let answer = house.ask(&at_door(OTHER_SCHOOL, TEACHER), &[&token]).await;
                assert_eq!(
                    answer.status,
                    StatusCode::NOT_FOUND,
                    "{name}: another school"
                );
                assert!(answer.body.contains("school-not-found"), "{}", answer.body);
            }
        }
    }
}

#[tokio::test]
async fn who_proves_nothing_is_told_how_to() {
    let house = House::without_database(RateLimits::default()).await;
    let good = house.token(Role::Principal, Some(SCHOOL), "someone");
    let twice: &[&str] = &[&good, &good];
    for row in PERMISSIONS {
        let path = door(row.name, SCHOOL, TEACHER);
        for (credentials, challenge) in [
            (&[][..], "Bearer"),
            (&["Basic dXNlcjpwYXNz"], "Bearer"),
            (twice, "Bearer"),
            (&["Bearer a.b.c"], r#"Bearer error="invalid_token""#),
            (&["Bearer lk_a_b"], r#"Bearer error="invalid_token""#),
        ] {
            let answer = house.ask(&path, credentials).await;
            assert_eq!(
                answer.status,
                StatusCode::UNAUTHORIZED,
                "{path} {credentials:?}"
            );
            assert_eq!(
                answer.headers[WWW_AUTHENTICATE], challenge,
                "{path} {credentials:?}"
            );
            assert!(answer.body.contains("/unauthenticated"), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_school_that_is_not_his_is_not_there_whatever_his_role_may() {
    let house = House::without_database(RateLimits::default()).await;
    let teacher = house.token(Role::Teacher, Some(SCHOOL), "someone");
    let admin = house.token(Role::PlatformAdmin, None, "someone");
    for (school, token) in [
        (OTHER_SCHOOL.to_string(), &teacher),
        ("not-a-school".to_owned(), &teacher),
        ("not-a-school".to_owned(), &admin),
        (Uuid::nil().to_string(), &admin),
        ("%ff".to_owned(), &admin),
    ] {
        // A teacher may not do this anywhere: that another school is there is not said either.
        let answer = house.ask(&format!("/{school}/Subscribe"), &[token]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{school}");
        assert!(answer.body.contains("/school-not-found"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_proxy_for_all_schools_spends_in_each_and_reads_balances_only() {
    let house = House::without_database(RateLimits::default()).await;
    let proxy = house.token(Role::Proxy, None, "proxy");
    for school in [SCHOOL, OTHER_SCHOOL] {
        for (permission, wanted) in [
            ("Spend", StatusCode::OK),
            ("ReadBalance", StatusCode::OK),
            ("ReadMemberBalance", StatusCode::OK),
            ("ReadSchool", StatusCode::FORBIDDEN),
            ("ReadLog", StatusCode::FORBIDDEN),
            ("Allocate", StatusCode::FORBIDDEN),
        ] {
            let answer = house
                .ask(&door(permission, school, TEACHER), &[&proxy])
                .await;
            assert_eq!(answer.status, wanted, "{permission}");
        }
    }
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_back() {
    let limits = RateLimits {
        people_per_second: 1,
        people_burst: 1,
        ..RateLimits::NONE
    };
    let house = House::without_database(limits).await;
    let auditor = house.token(Role::Auditor, Some(SCHOOL), "someone");
    let path = door("ReadLog", SCHOOL, TEACHER);
    let mut answers = Vec::new();
    for _ in 0..20 {
        answers.push(house.ask(&path, &[&auditor]).await);
    }
    assert_eq!(answers[0].status, StatusCode::OK);
    let limited = answers
        .iter()
        .find(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS)
        .expect("twenty requests take less than nineteen seconds");
    assert_eq!(limited.headers[RETRY_AFTER], "1");
    assert!(limited.body.contains("/rate-limited"), "{}", limited.body);
    let proxy = house.token(Role::Proxy, Some(SCHOOL), "someone");
    for _ in 0..20 {
        let answer = house.ask(&door("Spend", SCHOOL, TEACHER), &[&proxy]).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn without_the_database_who_needs_it_is_asked_to_come_back() {
    let house = House::without_database(RateLimits::default()).await;
    let (teacher, key) = (
        house.token(Role::Teacher, Some(SCHOOL), "someone"),
        ApiKey::generate(Tenancy::AllSchools, &mut rand::rng()).reveal(),
    );
    let key = format!("Bearer {}", key.expose_secret());
    for (permission, credential) in [("ReadActivity", &teacher), ("Spend", &key)] {
        let answer = house
            .ask(&door(permission, SCHOOL, TEACHER), &[credential])
            .await;
        assert_eq!(
            answer.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{permission}"
        );
        assert_eq!(answer.headers[RETRY_AFTER], "1");
    }
    // Nobody else notices.
    let principal = house.token(Role::Principal, Some(SCHOOL), "someone");
    let answer = house
        .ask(&door("ReadActivity", SCHOOL, TEACHER), &[&principal])
        .await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_teacher_is_the_member_whose_external_id_or_own_id_his_subject_is() {
    let postgres = Postgres::start().await;
    let house = House::new(
        postgres.pool(DatabaseRole::Authenticator),
        RateLimits::default(),
    );
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
    let whose = |member: Uuid| format!("/{SCHOOL}/{member}/whose");
    let ask = async |subject: &str, member: Uuid| {
        let token = house.token(Role::Teacher, Some(SCHOOL), subject);
        house.ask(&whose(member), &[&token]).await
    };
    let by_external_id = ask(&at_supabase.to_string(), TEACHER).await;
    assert_eq!(by_external_id.body, format!("own {TEACHER}"));
    let by_own_id = ask(&COLLEAGUE.to_string(), COLLEAGUE).await;
    assert_eq!(by_own_id.body, format!("own {COLLEAGUE}"));
    // An external id wins over the own id that it looks like; another school's counts for nothing.
    for (subject, member) in [
        (at_supabase.to_string(), at_supabase),
        ("teacher@school.example".to_owned(), COLLEAGUE),
        ("nobody".to_owned(), TEACHER),
    ] {
        let answer = ask(&subject, member).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{subject}");
        assert!(answer.body.contains("/member-not-found"), "{}", answer.body);
    }
    let auditor = house.token(Role::Auditor, Some(SCHOOL), "someone");
    assert_eq!(
        house.ask(&whose(TEACHER), &[&auditor]).await.body,
        "auditor"
    );
}

#[tokio::test]
async fn an_api_key_is_as_good_as_a_proxys_token() {
    let postgres = Postgres::start().await;
    let house = House::new(
        postgres.pool(DatabaseRole::Authenticator),
        RateLimits::default(),
    );
    let key = ApiKey::generate(Tenancy::School(SCHOOL), &mut rand::rng());
    ApiKeyStore::new(postgres.pool(DatabaseRole::Authenticator))
        .create(&key, "proxy", ActorId(TEACHER), Timestamp::new(Utc::now()))
        .await
        .unwrap();
    let key = format!("Bearer {}", key.reveal().expose_secret());
    for (permission, school, wanted) in [
        ("Spend", SCHOOL, StatusCode::OK),
        ("Spend", OTHER_SCHOOL, StatusCode::NOT_FOUND),
        ("Allocate", SCHOOL, StatusCode::FORBIDDEN),
        ("RegisterSchool", SCHOOL, StatusCode::FORBIDDEN),
    ] {
        let answer = house.ask(&door(permission, school, TEACHER), &[&key]).await;
        assert_eq!(answer.status, wanted, "{permission}");
    }
}
