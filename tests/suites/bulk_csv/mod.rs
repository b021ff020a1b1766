//! Does a table of allocations come out as it is, and go in all or not at all?

mod command_line;
mod export;
mod import;

use std::fmt::Write as _;

use ledger_core::Role;
use ledger_tests::books;
use ledger_tests::postgres::Postgres;
use ledger_tests::server::{Answer, HttpSchool, Person, Server};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

const CLAUDE: &str = "claude_messages";
const HEADER: &str =
    "member_id,department_id,external_id,display_name,service,units,priority,auto_renew,used,held";

struct World {
    postgres: Postgres,
    server: Server,
    school: HttpSchool,
    principal: Person,
}

impl World {
    /// A school with 1,000 units, and two members who hold 100 each, and no cap.
    async fn start() -> Self {
        let postgres = Postgres::start().await;
        let server = Server::start(&postgres).await;
        let school = HttpSchool::register(&server, 1_000, 2, 100).await;
        let principal = server.as_role(Role::Principal, Some(school.id));
        Self {
            postgres,
            server,
            school,
            principal,
        }
    }

    /// Where tables are.
    fn path(&self, query: &str) -> String {
        self.school.path(&format!("/allocations.csv{query}"))
    }

    /// Sends a table.
    async fn import(&self, query: &str, headers: &[(&str, &str)], table: &str) -> Answer {
        let path = self.path(&format!("?reason=a%20new%20term{query}"));
        let headers = [&[("content-type", "text/csv")], headers].concat();
        self.principal
            .send_text(Method::POST, &path, &headers, table)
            .await
    }

    /// The lines of the table once the event at `seq` counts.
    async fn lines(&self, seq: i64) -> Vec<String> {
        let path = self.path(&format!("?min_seq={seq}"));
        let answer = self
            .principal
            .send_with(Method::GET, &path, &[], None)
            .await;
        assert!(answer.status().is_success());
        let text = answer.text().await.unwrap();
        assert!(text.ends_with("\r\n"), "{text}");
        text.lines().map(str::to_owned).collect()
    }

    /// Where the log ends.
    async fn head(&self) -> i64 {
        let events = self
            .principal
            .get(&self.school.path("/events?limit=1000"))
            .await;
        events.ok()["next_after"].as_i64().unwrap()
    }

    /// Lets somebody in who is known elsewhere, and gives his id.
    async fn enrol(&self, name: &str, external_ids: &[&str]) -> (Uuid, i64) {
        let body = json!({"role": "teacher", "display_name": name, "external_ids": external_ids});
        let answer = self
            .principal
            .post(&self.school.path("/members"), body)
            .await;
        let seq = answer.seq();
        let id = answer.ok()["member_id"].as_str().unwrap().parse().unwrap();
        (id, seq)
    }

    async fn stop(self) {
        books::check(&self.postgres, self.school.id).await;
        self.server.stop().await;
    }
}

/// A table of members' `claude_messages`.
fn table<'a>(rows: impl IntoIterator<Item = (&'a Uuid, i64)>) -> String {
    let mut table = "member_id,service,units\r\n".to_owned();
    for (member, units) in rows {
        writeln!(table, "{member},{CLAUDE},{units}\r").unwrap();
    }
    table
}

/// What the errors of a refused table say: line, column, and the problem's code.
fn errors(answer: &Answer) -> Vec<(i64, String, String)> {
    assert_eq!(answer.problem(), "batch-refused", "{}", answer.body);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let errors = answer.body["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| {
            let code = text(&error["type"]).rsplit('/').next().unwrap().to_owned();
            (
                error["line"].as_i64().unwrap(),
                text(&error["column"]),
                code,
            )
        })
        .collect()
}

/// An expected error.
fn error(line: i64, column: &str, code: &str) -> (i64, String, String) {
    (line, column.to_owned(), code.to_owned())
}
