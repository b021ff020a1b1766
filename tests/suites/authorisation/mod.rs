//! Who may do what: is there, for every operation of `openapi.json`, somebody who is let in and
//! somebody who is not?
//!
//! [`TABLE`] says it, one row for an operation. Method, path and parameters come from
//! `openapi.json`, so that a row is no more than the operation's id, who may, and a good body.
//! Whoever may must get a success: a request that is refused for another reason would prove
//! nothing. Whoever may not must be refused the same request.

mod caller;
mod house;
mod operation;
mod row;
mod table;

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::Value;

use caller::Caller;
use house::{Call, House};
use operation::{Operation, operations};
use row::{Row, Who};
use table::TABLE;

fn document() -> Value {
    serde_json::from_str(include_str!("../../../openapi.json")).unwrap()
}

/// What is wrong between the operations that there are and the rows of the table.
fn mismatches(operations: &[Operation], rows: &[Row]) -> Vec<String> {
    let there: BTreeSet<&str> = operations.iter().map(|o| o.id.as_str()).collect();
    let mut listed = BTreeSet::new();
    let mut wrong = Vec::new();
    for row in rows {
        if !listed.insert(row.operation) {
            wrong.push(format!("{} has two rows", row.operation));
        }
        if let Who::These { all, own } = row.who
            && (all.len() + own.len() == 0 || all.iter().any(|role| own.contains(role)))
        {
            wrong.push(format!(
                "{} says twice or not at all who may",
                row.operation
            ));
        }
    }
    let missing = there.difference(&listed);
    wrong.extend(missing.map(|id| format!("{id} has no row in authorisation/table.rs")));
    let unknown = listed.difference(&there);
    wrong.extend(unknown.map(|id| format!("{id} is not in openapi.json")));
    for (row, operation) in pairs(operations, rows) {
        if operation.is_open != matches!(row.who, Who::Anybody) {
            let id = row.operation;
            wrong.push(format!(
                "{id}: openapi.json and the table differ on whether it is open"
            ));
        }
    }
    wrong
}

/// The rows whose operation there is, with it.
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
fn every_operation_has_a_row_and_every_row_an_operation() {
    let wrong = mismatches(&operations(&document()), TABLE);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_operation_without_a_row_and_a_row_without_an_operation_are_named() {
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
async fn whoever_may_is_let_in_and_nobody_else() {
    let house = House::start().await;
    let operations = operations(&document());
    let mut wrong = Vec::new();
    for (row, operation) in pairs(&operations, TABLE) {
        match row.who {
            Who::Anybody => {
                let call = house.call(row, operation, house.teacher).await;
                wrong.extend(house.succeeds(call, &Caller::NOBODY).await);
            }
            Who::These { .. } => {
                wrong.extend(let_in(&house, row, operation).await);
                wrong.extend(kept_out(&house, row, operation).await);
            }
        }
    }
    // The pages are for people, and no operations of the description.
    for page in ["/docs", "/docs/"] {
        let call = Call::get(page);
        wrong.extend(house.succeeds(call, &Caller::NOBODY).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    house.stop().await;
}

/// What is wrong with the answers to those who may. Each does it anew: a hold is settled once.
/// Who may not only for himself does it to somebody else, where the request can say to whom.
async fn let_in(house: &House, row: &Row, operation: &Operation) -> Vec<String> {
    let mut wrong = Vec::new();
    for caller in house.insiders.iter().filter(|c| row.may(c.role)) {
        let is_own = row.may_own(caller.role);
        let member = if is_own {
            house.teacher
        } else {
            house.colleague
        };
        let call = house.call(row, operation, member).await;
        wrong.extend(house.succeeds(call, caller).await);
    }
    wrong
}

/// What is wrong with the answers to those who may not. Nothing comes of their requests, so that
/// one will do for all.
async fn kept_out(house: &House, row: &Row, operation: &Operation) -> Vec<String> {
    let call = house.call(row, operation, house.teacher).await;
    let unauthenticated = (StatusCode::UNAUTHORIZED, "unauthenticated");
    let forbidden = (StatusCode::FORBIDDEN, "forbidden");
    let no_school = (StatusCode::NOT_FOUND, "school-not-found");
    let no_member = (StatusCode::NOT_FOUND, "member-not-found");
    let mut wrong = Vec::new();
    for caller in [&Caller::NOBODY, &house.impostor] {
        wrong.extend(house.refuses(&call, caller, unauthenticated).await);
    }
    for caller in house.insiders.iter().filter(|c| !row.may(c.role)) {
        wrong.extend(house.refuses(&call, caller, forbidden).await);
    }
    // Who is of another school is not told that this one is there, whatever he may do in his own.
    if operation.is_of_a_school() {
        for caller in &house.outsiders {
            wrong.extend(house.refuses(&call, caller, no_school).await);
        }
    }
    // Who may, but elsewhere, finds no other school by naming it.
    if operation.names_its_school() {
        for caller in house.outsiders.iter().filter(|c| row.may(c.role)) {
            wrong.extend(house.refuses(&call, caller, no_school).await);
        }
    }
    // Who may for himself only is not told of anybody else.
    if operation.names_a_member() {
        let call = house.call(row, operation, house.colleague).await;
        for caller in house.insiders.iter().filter(|c| row.may_own(c.role)) {
            wrong.extend(house.refuses(&call, caller, no_member).await);
        }
    }
    wrong
}
