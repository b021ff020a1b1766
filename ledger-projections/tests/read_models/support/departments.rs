//! Compares departments in the read models with the pure fold of the log.

use std::collections::BTreeMap;

use ledger_core::department::DepartmentLine;
use ledger_core::{DepartmentId, Quota, SchoolId, SchoolState};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

type Lines = BTreeMap<(DepartmentId, String), Value>;

/// Asserts that departments' lines, with sums over their members, equal the fold.
pub async fn assert_departments_equal(admin: &PgPool, school_id: SchoolId, state: &SchoolState) {
    let found: BTreeMap<_, _> = closed(admin, school_id).await.into_iter().collect();
    let expected: BTreeMap<_, _> = state
        .departments()
        .map(|(id, department)| (id.0, (department.closed, department.closed)))
        .collect();
    assert_eq!(found, expected, "departments of {school_id}");
    let lines: Lines = sqlx::query_as(include_str!("department_lines.sql"))
        .bind(school_id.0)
        .fetch_all(admin)
        .await
        .unwrap()
        .into_iter()
        .map(|(id, service, line): (Uuid, String, Value)| ((DepartmentId(id), service), line))
        .collect();
    assert_eq!(lines, lines_of(state), "departments' lines of {school_id}");
}

/// Whether each department is closed, in the balances and in the roster.
async fn closed(admin: &PgPool, school_id: SchoolId) -> Vec<(Uuid, (bool, bool))> {
    let rows: Vec<(Uuid, bool, bool)> = sqlx::query_as(
        "SELECT department_id, b.closed, r.closed_at IS NOT NULL
           FROM (SELECT * FROM balance_department
                   JOIN live_build('balance') USING (build)
                  WHERE school_id = $1) AS b
           FULL JOIN (SELECT * FROM roster_department
                   JOIN live_build('roster') USING (build)
                  WHERE school_id = $1) AS r USING (department_id)",
    )
    .bind(school_id.0)
    .fetch_all(admin)
    .await
    .unwrap();
    rows.into_iter()
        .map(|(id, balance, roster)| (id, (balance, roster)))
        .collect()
}

fn lines_of(state: &SchoolState) -> Lines {
    let mut lines = Lines::new();
    for (id, department) in state.departments() {
        for (service, line) in department.lines() {
            let pool = line.pool;
            let is_empty = pool.total == Quota::ZERO
                && pool.allocated() == Quota::ZERO
                && pool.used.is_zero()
                && pool.held.is_zero();
            if !is_empty {
                lines.insert((id, service.to_string()), row(line));
            }
        }
    }
    lines
}

fn row(line: &DepartmentLine) -> Value {
    let (pool, direct) = (line.pool, line.pool.direct());
    json!({
        "allocated": pool.total, "to_members": pool.allocated(), "used": pool.used,
        "held": pool.held, "direct_used": direct.used, "direct_held": direct.held,
        "priority": line.priority, "auto_renew": line.auto_renew,
    })
}
