//! A running server with one school, and the steps that the suites over HTTP share.

use std::fmt::Display;

use ledger_core::Role;
use ledger_tests::books;
use ledger_tests::postgres::Postgres;
pub use ledger_tests::school::CLAUDE;
use ledger_tests::server::{Answer, HttpSchool, Person, Server};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

/// A server, its database, a school, and the callers that most tests need.
pub struct Fixture {
    // Fields are dropped in this order: the server stops before its database.
    pub server: Server,
    pub postgres: Postgres,
    pub school: HttpSchool,
    pub platform: Person,
    pub principal: Person,
    pub proxy: Person,
}

impl Fixture {
    /// Starts a server and registers a school of `total` Claude messages, without a cap, whose
    /// members hold `allocated` each. The read models have applied all of it on return.
    pub async fn start(total: i64, members: usize, allocated: i64) -> Self {
        let postgres = Postgres::start().await;
        let server = Server::start(&postgres).await;
        let school = HttpSchool::register(&server, total, members, allocated).await;
        books::caught_up(&postgres.superuser().await).await;
        Self {
            platform: server.as_role(Role::PlatformAdmin, None),
            principal: server.as_role(Role::Principal, Some(school.id)),
            proxy: server.as_role(Role::Proxy, Some(school.id)),
            postgres,
            server,
            school,
        }
    }

    /// A path of the school.
    pub fn path(&self, rest: &str) -> String {
        self.school.path(rest)
    }

    /// A caller of this role of the school who is no member.
    pub fn caller(&self, role: Role) -> Person {
        self.server.as_role(role, Some(self.school.id))
    }

    /// The teacher who is this member.
    pub fn teacher(&self, member: Uuid) -> Person {
        self.server
            .person(Role::Teacher, Some(self.school.id), member)
    }

    /// Records usage of Claude messages.
    pub async fn debit(&self, id: &str, member: Uuid, units: i64) -> Answer {
        let debit = self.school.debit(id, member, units);
        self.proxy.post(&self.path("/debits"), debit).await
    }

    /// Places a hold on Claude messages.
    pub async fn hold(&self, id: &str, member: Uuid, units: i64) -> Answer {
        let hold = self.school.debit(id, member, units);
        self.proxy.post(&self.path("/holds"), hold).await
    }

    /// Changes the settings as the principal.
    pub async fn change_settings(&self, settings: Value) -> Answer {
        let answer = self
            .principal
            .patch(&self.path("/settings"), settings)
            .await;
        assert!(answer.status.is_success(), "{}", answer.body);
        answer
    }

    /// Reads a path of the school as the principal, once the event at `seq` is applied. `rest` may
    /// have a query.
    pub async fn read_after(&self, rest: &str, seq: i64) -> Value {
        self.principal.get(&after(&self.path(rest), seq)).await.ok()
    }

    /// The Claude messages of a member's balance, once the event at `seq` is applied.
    pub async fn member_balance(&self, member: Uuid, seq: i64) -> Value {
        claude(
            &self
                .read_after(&format!("/members/{member}/balance"), seq)
                .await,
        )
    }

    /// Stops the server.
    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// Stops the server once the books are proved right.
    pub async fn check_and_stop(self) {
        books::check(&self.postgres, self.school.id).await;
        self.stop().await;
    }
}

/// Another school, of a chosen plan, with one teacher.
pub struct PlanSchool {
    pub id: Uuid,
    pub path: String,
    pub member: Uuid,
    /// The position of the enrolment.
    pub seq: i64,
}

impl PlanSchool {
    /// Registers a school of this type and tier.
    pub async fn register(platform: &Person, org_type: &str, tier: &str) -> Self {
        let body = json!({"name": "Small", "org_type": org_type, "tier": tier,
            "time_zone": "UTC"});
        let school = platform.post("/v1/schools", body).await.ok();
        let school_id = id(&school["school_id"]);
        let path = format!("/v1/schools/{school_id}");
        let members = format!("{path}/members");
        let enrolled = platform.post(&members, json!({"role": "teacher"})).await;
        Self {
            id: school_id,
            path,
            seq: enrolled.seq(),
            member: id(&enrolled.ok()["member_id"]),
        }
    }

    /// Sends a command to a path of this school.
    pub async fn send(&self, caller: &Person, method: Method, path: &str, body: &Value) -> Answer {
        let path = format!("{}{path}", self.path);
        caller.try_send(method, &path, Some(body)).await.unwrap()
    }
}

/// The path with `min_seq` added to its query.
pub fn after(path: &str, seq: i64) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}min_seq={seq}")
}

/// An id in an answer.
pub fn id(value: &Value) -> Uuid {
    value.as_str().unwrap().parse().unwrap()
}

/// The Claude messages of a balance.
pub fn claude(balance: &Value) -> Value {
    let mut services = balance["services"].as_array().unwrap().iter();
    let service = services.find(|row| row["service"] == CLAUDE);
    service.unwrap().clone()
}

/// The values of these members of an object, in this order.
pub fn fields<const N: usize>(object: &Value, names: [&str; N]) -> Value {
    let values: Vec<_> = names.iter().map(|name| object[name].clone()).collect();
    json!(values)
}

/// [`fields`] of each object of an array.
pub fn rows<const N: usize>(array: &Value, names: [&str; N]) -> Vec<Value> {
    let objects = array.as_array().unwrap().iter();
    objects.map(|object| fields(object, names)).collect()
}

/// The last part of a problem's type.
pub fn code(problem: &Value) -> &str {
    problem["type"]
        .as_str()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
}

/// Sends a JSON body with headers.
pub async fn send(
    person: &Person,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Answer {
    let response = person.send_with(method, path, headers, Some(body)).await;
    Answer::of(response).await.unwrap()
}

/// Sends a `DELETE` without a body.
pub async fn delete(person: &Person, path: &str) -> Answer {
    person.try_send(Method::DELETE, path, None).await.unwrap()
}

/// Asserts the status and the problem code of an answer.
#[track_caller]
pub fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_refused_for(&"the request", answer, status, code);
}

/// [`assert_refused`] for one of several cases.
#[track_caller]
pub fn assert_refused_for(case: &impl Display, answer: &Answer, status: u16, code: &str) {
    let actual = (answer.status.as_u16(), answer.problem());
    let expected = (status, code.to_owned());
    assert_eq!(actual, expected, "{case}: {}", answer.body);
}
