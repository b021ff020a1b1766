//! Allocation tables: a CSV export is complete, and an import takes effect entirely or not at all.

mod command_line;
mod export;
mod import;

use std::fmt::Write as _;

use ledger_tests::server::Answer;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{CLAUDE, Fixture, code, id};

const HEADER: &str =
    "member_id,department_id,external_id,display_name,service,units,priority,auto_renew,used,held";

/// A school of 1,000 Claude messages with two members who hold 100 each.
async fn start() -> Fixture {
    Fixture::start(1_000, 2, 100).await
}

impl Fixture {
    fn table_path(&self, query: &str) -> String {
        self.path(&format!("/allocations.csv{query}"))
    }

    /// Imports a table as the principal.
    pub async fn import(&self, query: &str, headers: &[(&str, &str)], table: &str) -> Answer {
        let path = self.table_path(&format!("?reason=a%20new%20term{query}"));
        let headers = [&[("content-type", "text/csv")], headers].concat();
        let answer = self
            .principal
            .send_text(Method::POST, &path, &headers, table);
        answer.await
    }

    /// Exports the table as the principal, once the event at `seq` is applied.
    pub async fn export(&self, seq: i64) -> String {
        let path = self.table_path(&format!("?min_seq={seq}"));
        let answer = self
            .principal
            .send_with(Method::GET, &path, &[], None)
            .await;
        assert!(answer.status().is_success());
        answer.text().await.unwrap()
    }

    async fn exported_lines(&self, seq: i64) -> Vec<String> {
        let table = self.export(seq).await;
        assert!(table.ends_with("\r\n"), "{table}");
        table.lines().map(str::to_owned).collect()
    }

    /// The position of the last event.
    async fn head(&self) -> i64 {
        let events = self.principal.get(&self.path("/events?limit=1000")).await;
        events.ok()["next_after"].as_i64().unwrap()
    }

    /// Enrols a teacher; their id and the position of the enrolment.
    async fn enrol(&self, name: &str, external_ids: &[&str]) -> (Uuid, i64) {
        let body = json!({"role": "teacher", "display_name": name, "external_ids": external_ids});
        let enrolled = self.principal.post(&self.path("/members"), body).await;
        let seq = enrolled.seq();
        (id(&enrolled.ok()["member_id"]), seq)
    }
}

/// A table of members' Claude messages.
fn table<'a>(rows: impl IntoIterator<Item = (&'a Uuid, i64)>) -> String {
    let mut table = "member_id,service,units\r\n".to_owned();
    for (member, units) in rows {
        writeln!(table, "{member},{CLAUDE},{units}\r").unwrap();
    }
    table
}

/// The errors of a refused table: line, column and problem code.
pub fn errors(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.problem(), "batch-refused", "{}", answer.body);
    let errors = answer.body["errors"].as_array().unwrap().iter();
    let error = |e: &Value| json!([e["line"], e["column"], code(e)]);
    errors.map(error).collect()
}

/// An expected error in a column.
pub fn error(line: i64, column: &str, code: &str) -> Value {
    json!([line, column, code])
}

/// An expected error of a whole row.
fn row_error(line: i64, code: &str) -> Value {
    json!([line, null, code])
}
