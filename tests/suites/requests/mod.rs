//! Requests for units: members request units, another person decides, and each decision takes
//! effect once.

mod life;
mod repeated;
mod rules;

use ledger_tests::books;
use ledger_tests::server::{Answer, Person};
use reqwest::Method;
use serde_json::{Value, json};

use crate::fixture::{Fixture, after, send};

/// A school of 100 Claude messages whose two teachers hold 10 each.
async fn start() -> Fixture {
    Fixture::start(100, 2, 10).await
}

impl Fixture {
    /// The teacher who files most requests.
    fn requester(&self) -> Person {
        self.teacher(self.school.members[0])
    }

    /// Files the teacher's request for Claude messages; the principal can read it on return.
    async fn filed_request(&self, units: i64) -> Request {
        let filed = self.file(&self.requester(), request_for(units)).await;
        let request = Request::of(self, &filed);
        let _ = request.read_after(&self.principal, filed.seq()).await.ok();
        request
    }

    async fn file(&self, caller: &Person, body: Value) -> Answer {
        caller.post(&self.path("/requests"), body).await
    }

    /// The Claude messages that the teacher holds, once the books are proved right.
    async fn allocated(&self) -> Value {
        let head = books::check(&self.postgres, self.school.id).await;
        self.member_balance(self.school.members[0], head).await["allocated"].clone()
    }
}

fn request_for(units: i64) -> Value {
    json!({"units": {"claude_messages": units}, "justification": "the exam weeks"})
}

/// A filed request.
struct Request {
    id: String,
    path: String,
    etag: String,
}

impl Request {
    fn of(fixture: &Fixture, filed: &Answer) -> Self {
        assert_eq!(filed.status, 201, "{}", filed.body);
        let id = filed.body["request_id"].as_str().unwrap().to_owned();
        Self {
            path: fixture.path(&format!("/requests/{id}")),
            id,
            etag: filed.headers["etag"].to_str().unwrap().to_owned(),
        }
    }

    async fn post(&self, caller: &Person, action: &str, body: Value) -> Answer {
        self.post_with(caller, action, &[], &body).await
    }

    async fn post_with(
        &self,
        caller: &Person,
        action: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let path = format!("{}/{action}", self.path);
        send(caller, Method::POST, &path, headers, body).await
    }

    async fn approve(&self, caller: &Person) -> Answer {
        self.post(caller, "approve", json!({})).await
    }

    async fn reject(&self, caller: &Person, reason: &str) -> Answer {
        self.post(caller, "reject", json!({"reason": reason})).await
    }

    async fn withdraw(&self, caller: &Person) -> Answer {
        let path = format!("{}/withdraw", self.path);
        caller.try_send(Method::POST, &path, None).await.unwrap()
    }

    async fn read(&self, caller: &Person) -> Answer {
        caller.get(&self.path).await
    }

    /// Reads the request once the event at `seq` is applied.
    async fn read_after(&self, caller: &Person, seq: i64) -> Answer {
        caller.get(&after(&self.path, seq)).await
    }
}

fn ids(list: &Value) -> Vec<&str> {
    let requests = list["requests"].as_array().unwrap().iter();
    requests
        .map(|r| r["request_id"].as_str().unwrap())
        .collect()
}
