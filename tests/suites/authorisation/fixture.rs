//! A server, a school, and everybody who may come by.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use ledger_core::Role;
use ledger_tests::books;
use ledger_tests::postgres::Postgres;
use ledger_tests::server::{Answer, HttpSchool, Person, Server};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::caller::Caller;
use super::operation::Operation;
use super::row::{Body, Row, Thing};

const SERVICE: &str = "claude_messages";

/// Roles that belong to one school.
const OF_A_SCHOOL: [Role; 5] = [
    Role::Teacher,
    Role::Principal,
    Role::PrincipalAdmin,
    Role::Auditor,
    Role::Proxy,
];

/// A running server with a school whose people are let in or kept out.
pub struct House {
    // Fields drop from the top: the server goes before its database.
    server: Server,
    _postgres: Postgres,
    school: HttpSchool,
    /// The member who the calling teacher is.
    pub teacher: Uuid,
    /// A member who he is not.
    pub colleague: Uuid,
    /// The department that the calling teacher is in.
    department: Uuid,
    /// Those of the school, and those of all schools.
    pub insiders: Vec<Caller>,
    /// The same roles in another school.
    pub outsiders: Vec<Caller>,
    /// Somebody whose token nobody signed.
    pub impostor: Caller,
    platform: Person,
    proxy: Person,
    http: Client,
    calls: AtomicUsize,
}

/// A request that only wants for somebody who sends it.
pub struct Call {
    /// What it is for, as the table calls it.
    name: String,
    method: Method,
    path: String,
    body: Option<(&'static str, String)>,
    /// The school, where a header may name it.
    school: Option<Uuid>,
}

impl Call {
    /// A read of something that is no operation.
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

impl House {
    /// Starts it. What was set up can be read by everybody.
    pub async fn start() -> Self {
        let postgres = Postgres::start().await;
        let server = Server::start(&postgres).await;
        let school = HttpSchool::register(&server, 1_000_000, 2, 10_000).await;
        let other = HttpSchool::register(&server, 10, 1, 5).await;
        let department = department_of(&server, &school).await;
        books::caught_up(&postgres.superuser().await).await;
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
        // The other school's teacher has the id of a member there, and so is somebody.
        let outsider = |role| {
            let subject = other.members[0];
            Caller::new(" of another school", role, Some(other.id), subject)
        };
        Self {
            platform: server.as_role(Role::PlatformAdmin, None),
            proxy: server.as_role(Role::Proxy, Some(school.id)),
            insiders,
            outsiders: OF_A_SCHOOL.map(outsider).into(),
            impostor: Caller::impostor(),
            http: Client::new(),
            calls: AtomicUsize::new(0),
            _postgres: postgres,
            server,
            school,
            teacher,
            colleague,
            department,
        }
    }

    /// Stops the server.
    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// The body of a debit of the teacher's.
    pub fn debit(&self, n: usize) -> Value {
        self.school.debit(&format!("debit-{n}"), self.teacher, 1)
    }

    /// The body of a hold of the teacher's.
    pub fn hold(&self, n: usize) -> Value {
        self.school.debit(&format!("hold-{n}"), self.teacher, 1)
    }

    /// A CloudEvent that reports a call of the teacher's.
    pub fn report(&self, n: usize) -> Value {
        json!({
            "specversion": "1.0", "id": format!("report-{n}"), "source": "/house",
            "type": SERVICE, "subject": self.teacher,
        })
    }

    /// The body of a request for units of the teacher's.
    pub fn request(&self) -> Value {
        let units = json!({SERVICE: 1});
        json!({"member_id": self.teacher, "units": units, "justification": "a test"})
    }

    /// A good request for a row's operation, about this member where it is about one. Everything
    /// that it uses up is made anew.
    pub async fn call(&self, row: &Row, operation: &Operation, member: Uuid) -> Call {
        let mut path = operation.path.clone();
        for (name, thing) in row.things {
            let made = self.make(*thing).await;
            path = path.replace(&format!("{{{name}}}"), &made);
        }
        for (name, value) in [
            ("{school}", self.school.id.to_string()),
            ("{member}", member.to_string()),
            ("{department}", self.department.to_string()),
            ("{service}", SERVICE.to_owned()),
        ] {
            path = path.replace(name, &value);
        }
        let id = row.operation;
        assert!(!path.contains('{'), "{id}: nothing to put into {path}");
        if operation.asks_for_a_member() {
            path = format!("{path}?member={member}");
        }
        if let Some(query) = row.query {
            let joint = if path.contains('?') { '&' } else { '?' };
            path = format!("{path}{joint}{query}");
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
            school: operation.names_its_school().then_some(self.school.id),
        }
    }

    async fn make(&self, thing: Thing) -> String {
        let text = |body: &Value, name: &str| body[name].as_str().unwrap().to_owned();
        let label = json!({"label": "to be revoked"});
        match thing {
            Thing::OpenHold => {
                let path = self.school.path("/holds");
                let hold = self.proxy.post(&path, self.hold(self.next())).await;
                text(&hold.ok(), "hold_id")
            }
            Thing::NewMember => {
                let path = self.school.path("/members");
                let member = self.platform.post(&path, json!({"role": "teacher"}));
                text(&member.await.ok(), "member_id")
            }
            Thing::NewDepartment => {
                let path = self.school.path("/departments");
                let department = self.platform.post(&path, json!({"name": "Music"}));
                text(&department.await.ok(), "department_id")
            }
            Thing::PendingRequest => self.only_request().await,
            Thing::NoRequest => {
                let id = self.only_request().await;
                self.withdraw(&id).await;
                String::new()
            }
            Thing::Debit => {
                let debit = self.debit(self.next());
                let id = text(&debit, "id");
                let path = self.school.path("/debits");
                let _ = self.proxy.post(&path, debit).await.ok();
                id
            }
            Thing::ParkedUsage => self.parked_usage().await,
            Thing::SchoolApiKey => {
                let path = self.school.path("/api-keys");
                text(&self.platform.post(&path, label).await.ok(), "key_id")
            }
            Thing::PlatformApiKey => {
                let key = self.platform.post("/v1/api-keys", label).await;
                text(&key.ok(), "key_id")
            }
        }
    }

    /// Reports usage of somebody whom nobody knows, and finds it among the unattributed.
    async fn parked_usage(&self) -> String {
        let report = json!({
            "specversion": "1.0", "id": format!("parked-{}", self.next()), "source": "/house",
            "type": SERVICE, "subject": "nobody@example.org",
        });
        let id = report["id"].clone();
        let reported = self.proxy.post("/v1/events", report).await;
        let seq = reported.seq();
        assert_eq!(reported.status, StatusCode::NO_CONTENT);
        let path = self.school.path(&format!("/unattributed?min_seq={seq}"));
        let list = self.platform.get(&path).await.ok();
        let parked = list["usage"].as_array().unwrap();
        let found = parked.iter().find(|usage| usage["id"] == id).unwrap();
        found["event_id"].as_str().unwrap().to_owned()
    }

    /// Files a request; one that is pending still makes room for it.
    async fn only_request(&self) -> String {
        loop {
            let path = self.school.path("/requests");
            let filed = self.platform.post(&path, self.request()).await;
            let id = filed.body["request_id"].as_str().unwrap().to_owned();
            if filed.status.is_success() {
                // Who reads it need not wait.
                let read = format!("/requests/{id}?min_seq={}", filed.seq());
                let _ = self.platform.get(&self.school.path(&read)).await.ok();
                return id;
            }
            assert_eq!(filed.problem(), "request-pending");
            self.withdraw(&id).await;
        }
    }

    async fn withdraw(&self, request: &str) {
        let path = self.school.path(&format!("/requests/{request}/withdraw"));
        let _ = self.platform.post(&path, json!({})).await.ok();
    }

    fn next(&self) -> usize {
        self.calls.fetch_add(1, Ordering::Relaxed)
    }

    /// What is wrong when the caller should be let in.
    pub async fn succeeds(&self, call: Call, caller: &Caller) -> Option<String> {
        let response = self.send(&call, caller).await;
        if response.status().is_success() {
            // Its body is not waited for: a stream has no end.
            return None;
        }
        let answer = Answer::of(response).await.unwrap();
        let (status, body) = (answer.status, answer.body);
        Some(format!(
            "{call} by {caller} should succeed: {status} {body}"
        ))
    }

    /// What is wrong when the caller should be refused with this status and this problem.
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
        let url = format!("{}{}", self.server.base, call.path);
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

/// A department of the school with its first member in it, and room for more units than he holds.
async fn department_of(server: &Server, school: &HttpSchool) -> Uuid {
    let platform = server.as_role(Role::PlatformAdmin, None);
    let id = Uuid::now_v7();
    let open = json!({"department_id": id, "name": "Languages"});
    let _ = platform.post(&school.path("/departments"), open).await.ok();
    let allocation = format!("/departments/{id}/allocations/{SERVICE}");
    let units = json!({"units": 500_000, "reason": "for the test"});
    let _ = platform.put(&school.path(&allocation), units).await.ok();
    let member = school.path(&format!("/members/{}", school.members[0]));
    let moved = platform.patch(&member, json!({"department_id": id}));
    let _ = moved.await.ok();
    id
}
