//! Authorisation: every operation of `openapi.json` accepts the callers that it allows and refuses
//! all others.
//!
//! [`TABLE`] has one row for each operation: its id, the allowed callers and a valid body. Method,
//! path and parameters come from `openapi.json`. An allowed caller must get a success, because a
//! refusal for another reason proves nothing; any other caller must be refused the same request.

mod caller;
mod fixture;
mod operation;
mod row;
mod table;

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::Value;

use caller::Caller;
use fixture::{Call, Fixture};
use operation::{Operation, operations};
use row::{Access, Row};
use table::TABLE;

fn document() -> Value {
    serde_json::from_str(include_str!("../../../openapi.json")).unwrap()
}

/// The differences between the operations and the rows of the table.
fn mismatches(operations: &[Operation], rows: &[Row]) -> Vec<String> {
    let described: BTreeSet<&str> = operations.iter().map(|o| o.id.as_str()).collect();
    let mut listed = BTreeSet::new();
    let mut wrong = Vec::new();
    for row in rows {
        if !listed.insert(row.operation) {
            wrong.push(format!("{} has two rows", row.operation));
        }
        if let Access::Roles { all, own } = row.access
            && (all.len() + own.len() == 0 || all.iter().any(|role| own.contains(role)))
        {
            wrong.push(format!("{} has no role, or has one twice", row.operation));
        }
    }
    let missing = described.difference(&listed);
    wrong.extend(missing.map(|id| format!("{id} has no row in authorisation/table.rs")));
    let unknown = listed.difference(&described);
    wrong.extend(unknown.map(|id| format!("{id} is not in openapi.json")));
    for (row, operation) in pairs(operations, rows) {
        if operation.is_open != matches!(row.access, Access::Public) {
            let id = row.operation;
            wrong.push(format!(
                "{id}: openapi.json and the table differ on whether it is open"
            ));
        }
    }
    wrong
}

/// The rows with their operations.
fn pairs<'a>(
    operations: &'a [Operation],
    rows: &'a [Row],
) -> impl Iterator<Item = (&'a Row, &'a Operation)> {
    rows.iter().filter_map(|row| {
        let operation = operations.iter().find(|o| o.id == row.operation)?;
        Some((row, operation))
    })
}

#[test]
fn every_operation_has_one_row_and_every_row_an_operation() {
    let wrong = mismatches(&operations(&document()), TABLE);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_missing_row_and_a_row_without_operation_are_reported() {
    let mut document = document();
    let operation = &mut document["paths"]["/v1/schools/{school}/debits"]["post"]["operationId"];
    *operation = "invented".into();
    document["paths"]["/healthz"]["get"]["security"] = Value::Null;
    let wrong = mismatches(&operations(&document), TABLE);
    for expected in [
        "invented has no row in authorisation/table.rs",
        "debit is not in openapi.json",
        "healthz: openapi.json and the table differ on whether it is open",
    ] {
        assert!(wrong.iter().any(|line| line == expected), "{wrong:?}");
    }
    let twice: Vec<Row> = TABLE.iter().chain(TABLE).copied().collect();
    let wrong = mismatches(&[], &twice);
    for row in TABLE {
        let expected = format!("{} has two rows", row.operation);
        assert!(wrong.contains(&expected), "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_accepts_exactly_the_callers_of_its_row() {
    let fixture = Fixture::start().await;
    let operations = operations(&document());
    let mut wrong = Vec::new();
    for (row, operation) in pairs(&operations, TABLE) {
        match row.access {
            Access::Public => {
                let call = fixture.call(row, operation, fixture.teacher).await;
                wrong.extend(fixture.succeeds(call, &Caller::ANONYMOUS).await);
            }
            Access::Roles { .. } => {
                wrong.extend(wrongly_refused(&fixture, row, operation).await);
                wrong.extend(wrongly_accepted(&fixture, row, operation).await);
            }
        }
    }
    // The documentation pages are no operations of the description.
    for page in ["/docs", "/docs/"] {
        let call = Call::get(page);
        wrong.extend(fixture.succeeds(call, &Caller::ANONYMOUS).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    fixture.stop().await;
}

/// The failures of allowed callers. Each caller gets a new request, because a hold is settled once.
/// A caller who may act for others acts for a colleague, if the request names a member.
async fn wrongly_refused(fixture: &Fixture, row: &Row, operation: &Operation) -> Vec<String> {
    let mut wrong = Vec::new();
    for caller in fixture.insiders.iter().filter(|c| row.allows(c.role)) {
        let is_own = row.allows_own(caller.role);
        let member = if is_own {
            fixture.teacher
        } else {
            fixture.colleague
        };
        let call = fixture.call(row, operation, member).await;
        wrong.extend(fixture.succeeds(call, caller).await);
    }
    wrong
}

/// The failures of other callers. Refused requests have no effect, so that one serves all callers.
async fn wrongly_accepted(fixture: &Fixture, row: &Row, operation: &Operation) -> Vec<String> {
    let call = fixture.call(row, operation, fixture.teacher).await;
    let unauthenticated = (StatusCode::UNAUTHORIZED, "unauthenticated");
    let forbidden = (StatusCode::FORBIDDEN, "forbidden");
    let no_school = (StatusCode::NOT_FOUND, "school-not-found");
    let no_member = (StatusCode::NOT_FOUND, "member-not-found");
    let mut wrong = Vec::new();
    for caller in [&Caller::ANONYMOUS, &fixture.forger] {
        wrong.extend(fixture.refuses(&call, caller, unauthenticated).await);
    }
    for caller in fixture.insiders.iter().filter(|c| !row.allows(c.role)) {
        wrong.extend(fixture.refuses(&call, caller, forbidden).await);
    }
    // A caller of another school does not learn that this school exists.
    if operation.is_of_one_school() {
        for caller in &fixture.outsiders {
            wrong.extend(fixture.refuses(&call, caller, no_school).await);
        }
    }
    // Nor by naming this school in the header.
    if operation.has_school_header() {
        for caller in fixture.outsiders.iter().filter(|c| row.allows(c.role)) {
            wrong.extend(fixture.refuses(&call, caller, no_school).await);
        }
    }
    // A caller who may act only for themselves does not learn about other members.
    if operation.has_member_parameter() {
        let call = fixture.call(row, operation, fixture.colleague).await;
        for caller in fixture.insiders.iter().filter(|c| row.allows_own(c.role)) {
            wrong.extend(fixture.refuses(&call, caller, no_member).await);
        }
    }
    wrong
}
