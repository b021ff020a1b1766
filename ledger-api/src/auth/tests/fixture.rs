//! A router with a route for each permission, and requests to it.

use axum::Router;
use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::get;
use chrono::Utc;
use ledger_auth::permission::{
    InSchool, InSchoolOrOwn, OnPlatform, Permission, PermissionVisitor, ReadMember,
    visit_permissions,
};
use ledger_auth::{
    ApiKeyStore, Authenticator, JwtSettings, JwtVerifier, MemberDirectory, RateLimiter, RateLimits,
    TokenGrant, TokenIssuer,
};
use ledger_core::{MemberId, Role, SchoolId, Timestamp};
use secrecy::ExposeSecret as _;
use sqlx::PgPool;
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::auth::{Allowed, AllowedMember, AllowedOnPlatform, AllowedViewer};

/// Secret of HS256 tokens.
const SECRET: &str = "a secret for tests, of more than 32 bytes";

/// Two schools.
pub(super) const SCHOOL: SchoolId = SchoolId(Uuid::from_u128(0xa));
pub(super) const OTHER_SCHOOL: SchoolId = SchoolId(Uuid::from_u128(0xb));

/// The member id of the teacher, also the subject of their token, and that of a colleague.
pub(super) const TEACHER: Uuid = Uuid::from_u128(0x7e);
pub(super) const COLLEAGUE: Uuid = Uuid::from_u128(0xc0);

/// A route that requires a permission.
pub(super) struct Route {
    pub(super) permission: &'static str,
    pub(super) roles: &'static [Role],
    pub(super) own_roles: &'static [Role],
    /// With `{school}` and `{member}` where the extractor reads them.
    path: String,
}

impl Route {
    pub(super) fn path(&self, school: SchoolId, member: Uuid) -> String {
        self.path
            .replace("{school}", &school.to_string())
            .replace("{member}", &member.to_string())
    }

    pub(super) fn has(&self, parameter: &str) -> bool {
        self.path.contains(parameter)
    }
}

/// Builds the routes. A permission for own data has two, with and without `{member}`.
#[derive(Default)]
struct Routes {
    router: Router<Authenticator>,
    routes: Vec<Route>,
}

impl Routes {
    fn add<P: Permission>(&mut self, scope: &str) -> String {
        let path = format!("{scope}/{}", P::NAME);
        self.routes.push(Route {
            permission: P::NAME,
            roles: P::ROLES,
            own_roles: P::OWN_ROLES,
            path: path.clone(),
        });
        path
    }

    fn route(&mut self, path: &str, method: axum::routing::MethodRouter<Authenticator>) {
        self.router = std::mem::take(&mut self.router).route(path, method);
    }
}

impl PermissionVisitor for Routes {
    fn in_school<P: InSchool>(&mut self) {
        let path = self.add::<P>("/{school}");
        self.route(&path, get(async |_: Allowed<P>| {}));
    }

    fn in_school_or_own<P: InSchoolOrOwn>(&mut self) {
        let path = self.add::<P>("/{school}");
        self.route(&path, get(async |_: AllowedViewer<P>| {}));
        let path = self.add::<P>("/{school}/{member}");
        self.route(&path, get(async |_: AllowedMember<P>| {}));
    }

    fn on_platform<P: OnPlatform>(&mut self) {
        let path = self.add::<P>("");
        self.route(&path, get(async |_: AllowedOnPlatform<P>| {}));
    }
}

/// The rows that the caller sees: `own` with the member's id, or the role.
async fn viewer(allowed: AllowedMember<ReadMember>) -> String {
    match allowed.viewer.member_id {
        Some(MemberId(own)) => format!("own {own}"),
        None => allowed.viewer.role.to_string(),
    }
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    /// Asserts a problem with this status and code.
    pub(super) fn assert_problem(&self, status: StatusCode, code: &str, context: &str) {
        assert_eq!(self.status, status, "{context}: {}", self.body);
        assert!(
            self.body.contains(&format!("/{code}\"")),
            "{context}: {}",
            self.body
        );
    }
}

pub(super) struct Fixture {
    app: Router,
    issuer: TokenIssuer,
    pub(super) routes: Vec<Route>,
}

impl Fixture {
    pub(super) fn new(pool: PgPool, limits: RateLimits) -> Self {
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
        let mut routes = Routes::default();
        visit_permissions(&mut routes);
        routes.route("/{school}/{member}/viewer", get(viewer));
        Self {
            app: routes.router.with_state(authenticator),
            issuer: TokenIssuer::new(&settings).unwrap(),
            routes: routes.routes,
        }
    }

    pub(super) async fn without_database(limits: RateLimits) -> Self {
        let closed = PgPool::connect_lazy("postgres://nobody@127.0.0.1:1/nothing").unwrap();
        closed.close().await;
        Self::new(closed, limits)
    }

    pub(super) fn token(&self, role: Role, school: Option<SchoolId>, subject: &str) -> String {
        let grant = TokenGrant {
            role,
            school,
            subject,
            ttl_seconds: 60,
        };
        let now = Timestamp::new(Utc::now());
        let token = self.issuer.issue(grant, now).unwrap();
        format!("Bearer {}", token.expose_secret())
    }

    pub(super) async fn get(&self, path: &str, credentials: &[&str]) -> Answer {
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
