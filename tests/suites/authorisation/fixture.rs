//! A server, a school, and all kinds of callers.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use ledger_core::Role;
use ledger_tests::books;
use ledger_tests::server::{Answer, HttpSchool, Person};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::caller::Caller;
use super::operation::Operation;
use super::row::{Body, Resource, Row};
use crate::fixture::{self, CLAUDE};

/// Roles that belong to one school.
const OF_A_SCHOOL: [Role; 5] = [
    Role::Teacher,
    Role::Principal,
    Role::PrincipalAdmin,
    Role::Auditor,
    Role::Proxy,
];

/// A running server with a school and its callers.
pub struct Fixture {
    base: fixture::Fixture,
    /// The calling teacher.
    pub teacher: Uuid,
    /// Another member.
    pub colleague: Uuid,
    /// The department of the calling teacher.
    department: Uuid,
    /// The callers of the school and those of all schools.
    pub insiders: Vec<Caller>,
    /// The same roles in another school.
    pub outsiders: Vec<Caller>,
    /// A caller with a forged token.
    pub forger: Caller,
    http: Client,
    calls: AtomicUsize,
}

/// A request without its caller.
pub struct Call {
    /// The name in the table.
    name: String,
    method: Method,
    path: String,
    body: Option<(&'static str, String)>,
    /// The school for the header, if the operation has one.
    school: Option<Uuid>,
}

impl Call {
    /// A read of a page that is no operation.
    pub fn get(path: &str) -> Self {
        Self {
            name: path.to_owned(),
            method: Method::GET,
            path: path.to_owned(),
            body: None,
            school: None,
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} {})", self.name, self.method, self.path)
    }
}

impl Fixture {
    /// Starts the server. All callers can read the set-up.
    pub async fn start() -> Self {
        let base = fixture::Fixture::start(1_000_000, 2, 10_000).await;
        let other = HttpSchool::register(&base.server, 10, 1, 5).await;
        let school = &base.school;
        let department = department_of(&base.platform, school).await;
        books::caught_up(&base.postgres.superuser().await).await;
        let [teacher, colleague] = <[Uuid; 2]>::try_from(school.members.clone()).unwrap();
        let insider = |role: Role| {
            let is_teacher = role == Role::Teacher;
            let subject = if is_teacher { teacher } else { Uuid::now_v7() };
            Caller::new("", role, Some(school.id), subject)
        };
        let mut insiders: Vec<_> = OF_A_SCHOOL.map(insider).into();
        for role in [Role::PlatformAdmin, Role::Proxy] {
            let of_all = Caller::new(" for all schools", role, None, Uuid::now_v7());
            insiders.push(of_all);
        }
        // The teacher of the other school is one of its members.
        let outsider = |role| {
            let subject = other.members[0];
            Caller::new(" of another school", role, Some(other.id), subject)
        };
        Self {
            insiders,
            outsiders: OF_A_SCHOOL.map(outsider).into(),
            forger: Caller::forger(),
            http: Client::new(),
            calls: AtomicUsize::new(0),
            base,
            teacher,
            colleague,
            department,
        }
    }

    /// Stops the server.
    pub async fn stop(self) {
        self.base.stop().await;
    }

    /// The body of a debit of the teacher.
    pub fn debit(&self, n: usize) -> Value {
        self.base
            .school
            .debit(&format!("debit-{n}"), self.teacher, 1)
    }

    /// The body of a hold of the teacher.
    pub fn hold(&self, n: usize) -> Value {
        self.base
            .school
            .debit(&format!("hold-{n}"), self.teacher, 1)
    }

    /// A CloudEvent that reports usage of the teacher.
    pub fn report(&self, n: usize) -> Value {
        json!({
            "specversion": "1.0", "id": format!("report-{n}"), "source": "/tests",
            "type": CLAUDE, "subject": self.teacher,
        })
    }

    /// The body of a request for units for the teacher.
    pub fn request(&self) -> Value {
        let units = json!({CLAUDE: 1});
        json!({"member_id": self.teacher, "units": units, "justification": "a test"})
    }

    /// A valid request for the operation of a row, for this member if it names one, with new
    /// resources.
    pub async fn call(&self, row: &Row, operation: &Operation, member: Uuid) -> Call {
        let mut path = operation.path.clone();
        for (name, resource) in row.resources {
            let created = self.create(*resource).await;
            path = path.replace(&format!("{{{name}}}"), &created);
        }
        for (name, value) in [
            ("{school}", self.base.school.id.to_string()),
            ("{member}", member.to_string()),
            ("{department}", self.department.to_string()),
            ("{service}", CLAUDE.to_owned()),
        ] {
            path = path.replace(name, &value);
        }
        let id = row.operation;
        assert!(
            !path.contains('{'),
            "{id}: no value for a parameter of {path}"
        );
        if operation.has_member_query() {
            path = format!("{path}?member={member}");
        }
        if let Some(query) = row.query {
            let separator = if path.contains('?') { '&' } else { '?' };
            path = format!("{path}{separator}{query}");
        }
        let n = self.next();
        let body = match row.body {
            Body::None => None,
            Body::Json(body) => Some(("application/json", body(self, n).to_string())),
            Body::Text(content_type, body) => Some((content_type, body(self, n))),
        };
        Call {
            name: id.to_owned(),
            method: operation.method.clone(),
            path,
            body,
            school: operation.has_school_header().then_some(self.base.school.id),
        }
    }

    async fn create(&self, resource: Resource) -> String {
        let text = |body: &Value, name: &str| body[name].as_str().unwrap().to_owned();
        let label = json!({"label": "to be revoked"});
        match resource {
            Resource::OpenHold => {
                let path = self.base.school.path("/holds");
                let hold = self.base.proxy.post(&path, self.hold(self.next())).await;
                text(&hold.ok(), "hold_id")
            }
            Resource::NewMember => {
                let path = self.base.school.path("/members");
                let member = self.base.platform.post(&path, json!({"role": "teacher"}));
                text(&member.await.ok(), "member_id")
            }
            Resource::NewDepartment => {
                let path = self.base.school.path("/departments");
                let department = self.base.platform.post(&path, json!({"name": "Music"}));
                text(&department.await.ok(), "department_id")
            }
            Resource::PendingRequest => self.only_request().await,
            Resource::NoRequest => {
                let id = self.only_request().await;
                self.withdraw(&id).await;
                String::new()
            }
            Resource::Debit => {
                let debit = self.debit(self.next());
                let id = text(&debit, "id");
                let path = self.base.school.path("/debits");
                let _ = self.base.proxy.post(&path, debit).await.ok();
                id
            }
            Resource::UnattributedUsage => self.unattributed_usage().await,
            Resource::SchoolApiKey => {
                let path = self.base.school.path("/api-keys");
                text(&self.base.platform.post(&path, label).await.ok(), "key_id")
            }
            Resource::PlatformApiKey => {
                let key = self.base.platform.post("/v1/api-keys", label).await;
                text(&key.ok(), "key_id")
            }
        }
    }

    /// Reports usage of an unknown subject, and finds it in the unattributed usage.
    async fn unattributed_usage(&self) -> String {
        let report = json!({
            "specversion": "1.0", "id": format!("unattributed-{}", self.next()), "source": "/tests",
            "type": CLAUDE, "subject": "nobody@example.org",
        });
        let id = report["id"].clone();
        let reported = self.base.proxy.post("/v1/events", report).await;
        let seq = reported.seq();
        assert_eq!(reported.status, StatusCode::NO_CONTENT);
        let path = self
            .base
            .school
            .path(&format!("/unattributed?min_seq={seq}"));
        let list = self.base.platform.get(&path).await.ok();
        let unattributed = list["usage"].as_array().unwrap();
        let usage = unattributed.iter().find(|usage| usage["id"] == id).unwrap();
        usage["event_id"].as_str().unwrap().to_owned()
    }

    /// Files a request; a pending one is withdrawn first.
    async fn only_request(&self) -> String {
        loop {
            let path = self.base.school.path("/requests");
            let filed = self.base.platform.post(&path, self.request()).await;
            let id = filed.body["request_id"].as_str().unwrap().to_owned();
            if filed.status.is_success() {
                // Other callers read the request from here on.
                let read = format!("/requests/{id}?min_seq={}", filed.seq());
                let _ = self
                    .base
                    .platform
                    .get(&self.base.school.path(&read))
                    .await
                    .ok();
                return id;
            }
            assert_eq!(filed.problem(), "request-pending");
            self.withdraw(&id).await;
        }
    }

    async fn withdraw(&self, request: &str) {
        let path = self
            .base
            .school
            .path(&format!("/requests/{request}/withdraw"));
        let _ = self.base.platform.post(&path, json!({})).await.ok();
    }

    fn next(&self) -> usize {
        self.calls.fetch_add(1, Ordering::Relaxed)
    }

    /// The failure, if the caller is refused.
    pub async fn succeeds(&self, call: Call, caller: &Caller) -> Option<String> {
        let response = self.send(&call, caller).await;
        if response.status().is_success() {
            // The body is not read: a stream has no end.
            return None;
        }
        let answer = Answer::of(response).await.unwrap();
        let (status, body) = (answer.status, answer.body);
        Some(format!(
            "{call} by {caller} should succeed: {status} {body}"
        ))
    }

    /// The failure, if the caller is not refused with this status and this problem.
    pub async fn refuses(
        &self,
        call: &Call,
        caller: &Caller,
        (status, code): (StatusCode, &str),
    ) -> Option<String> {
        let response = self.send(call, caller).await;
        let got = response.status();
        if got.is_success() {
            return Some(format!("{call} by {caller} should be {code}: {got}"));
        }
        let answer = Answer::of(response).await.unwrap();
        let is_as_expected = (got, answer.problem().as_str()) == (status, code);
        let wrong = || format!("{call} by {caller} should be {code}: {}", answer.body);
        (!is_as_expected).then(wrong)
    }

    async fn send(&self, call: &Call, caller: &Caller) -> reqwest::Response {
        let url = format!("{}{}", self.base.server.base, call.path);
        let mut request = self.http.request(call.method.clone(), url);
        if let Some(token) = caller.token() {
            request = request.bearer_auth(token);
        }
        if let Some(school) = call.school {
            request = request.header("ledger-school", school.to_string());
        }
        if let Some((content_type, body)) = &call.body {
            request = request
                .header(CONTENT_TYPE, *content_type)
                .body(body.clone());
        }
        request.send().await.expect("an answer")
    }
}

/// Opens a department with the first member of the school and units left to allocate.
async fn department_of(platform: &Person, school: &HttpSchool) -> Uuid {
    let id = Uuid::now_v7();
    let open = json!({"department_id": id, "name": "Languages"});
    let _ = platform.post(&school.path("/departments"), open).await.ok();
    let allocation = format!("/departments/{id}/allocations/{CLAUDE}");
    let units = json!({"units": 500_000, "reason": "for the test"});
    let _ = platform.put(&school.path(&allocation), units).await.ok();
    let member = school.path(&format!("/members/{}", school.members[0]));
    let moved = platform.patch(&member, json!({"department_id": id}));
    let _ = moved.await.ok();
    id
}
