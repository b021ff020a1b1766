//! Do members get what they ask for when somebody else says so, once, and not otherwise?

mod again;
mod life;
mod rules;

use ledger_core::Role;
use ledger_tests::books;
use ledger_tests::postgres::Postgres;
use ledger_tests::server::{Answer, HttpSchool, Person, Server};
use reqwest::Method;
use serde_json::{Value, json};

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
