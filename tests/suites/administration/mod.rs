//! Does everything that people change come out as the contract says, once, and all or nothing?

mod allocations;
mod api_keys;
mod downgrade;
mod members;
mod plans;
mod schools;

use ledger_core::Role;
use ledger_tests::books;
use ledger_tests::postgres::Postgres;
use ledger_tests::server::{Answer, HttpSchool, Person, Server};
use reqwest::Method;
use serde_json::Value;
use uuid::Uuid;

const CLAUDE: &str = "claude_messages";

struct World {
    postgres: Postgres,
    server: Server,
    platform: Person,
    school: HttpSchool,
    principal: Person,
}

impl World {
    /// A school with 1,000 units, two members who hold 100 each, and no cap. What was done to set
    /// it up can be read by everybody.
    async fn start() -> Self {
        let postgres = Postgres::start().await;
        let server = Server::start(&postgres).await;
        let school = HttpSchool::register(&server, 1_000, 2, 100).await;
        let platform = server.as_role(Role::PlatformAdmin, None);
        let principal = server.as_role(Role::Principal, Some(school.id));
        books::caught_up(&postgres.superuser().await).await;
        Self {
            postgres,
            server,
            platform,
            school,
            principal,
        }
    }

    /// What a member holds of `claude_messages` once the write at `seq` counts.
    async fn balance(&self, member: Uuid, seq: i64) -> Value {
        let path = format!("/members/{member}/balance?min_seq={seq}");
        let balance = self.principal.get(&self.school.path(&path)).await.ok();
        let services = balance["services"].as_array().unwrap();
        services
            .iter()
            .find(|row| row["service"] == CLAUDE)
            .unwrap()
            .clone()
    }
}

/// Sends a request with headers.
async fn send(
    person: &Person,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Answer {
    let response = person.send_with(method, path, headers, Some(body)).await;
    Answer::of(response).await.unwrap()
}

async fn delete(person: &Person, path: &str) -> Answer {
    person.try_send(Method::DELETE, path, None).await.unwrap()
}

/// The status and the problem's code.
fn refused(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.problem())
}

/// What [`refused`] gives, written shortly.
fn as_refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
