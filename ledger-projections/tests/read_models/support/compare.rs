//! Compares the read models with the pure fold of the log, and the rollups with the log itself.

use std::collections::BTreeSet;

use ledger_core::allocation::AllocationEvent;
use ledger_core::catalog::Kind;
use ledger_core::period::PeriodEvent;
use ledger_core::request::{RequestEvent, RequestStatus};
use ledger_core::usage::UsageEvent;
use ledger_core::{Event, Recorded, SchoolId, SchoolState, Seq, fold};
use ledger_projections::ProjectionName;
use ledger_store::feed;
use serde_json::{Map, Value, json};
use sqlx::PgPool;
use uuid::Uuid;

/// The whole log of a school.
pub async fn log(admin: &PgPool, school_id: SchoolId) -> Vec<Recorded> {
    let mut conn = admin.acquire().await.unwrap();
    feed::read_after(&mut conn, school_id, Seq::ZERO, i64::MAX, None)
        .await
        .unwrap()
}

/// Asserts that all read models of the school equal the log.
pub async fn assert_equals_log(admin: &PgPool, school_id: SchoolId) {
    let events = log(admin, school_id).await;
    let state = fold(&events);
    assert_eq!(
        checkpoints(admin, school_id).await,
        [state.head().0; ProjectionName::ALL.len()]
    );
    assert_balances_equal(admin, school_id, &state).await;
    super::closed::assert_closed_equal(admin, school_id, &events).await;
    assert_eq!(
        roster_rows(admin, school_id).await,
        roster_of(&state),
        "members of {school_id}"
    );
    let school = roster_school(admin, school_id).await;
    let expected = serde_json::to_value(state.school().unwrap()).unwrap();
    assert_eq!(school["settings"], expected["settings"]);
    assert_eq!(school["tier"], expected["tier"]);
    assert_eq!(school["management"], expected["management"]);
    assert_history_equals(admin, school_id, &events).await;
    assert_requests_equal(admin, school_id, &events, &state).await;
    assert_usage_equals(admin, school_id).await;
    assert_unattributed_equals(admin, school_id, &events).await;
}

/// Asserts that unattributed usage is what was parked and never attributed.
async fn assert_unattributed_equals(admin: &PgPool, school_id: SchoolId, events: &[Recorded]) {
    let given: BTreeSet<_> = events.iter().filter_map(|e| e.event.usage_id()).collect();
    let expected: Vec<_> = events
        .iter()
        .filter(|e| e.event.kind() == Kind::UsageParked && !given.contains(&e.event_id))
        .map(|e| e.event_id.0)
        .collect();
    let listed: Vec<Uuid> = sqlx::query_scalar(
        "SELECT event_id FROM unattributed_usage
           JOIN live_build('unattributed') USING (build)
          WHERE school_id = $1 ORDER BY seq",
    )
    .bind(school_id.0)
    .fetch_all(admin)
    .await
    .unwrap();
    assert_eq!(listed, expected, "unattributed usage of {school_id}");
}

/// Asserts that pools, lines, holds and statuses equal the fold.
pub async fn assert_balances_equal(admin: &PgPool, school_id: SchoolId, state: &SchoolState) {
    let expected = serde_json::to_value(state).unwrap();
    let pools = rows(
        admin,
        school_id,
        "SELECT coalesce(jsonb_object_agg(service, jsonb_build_object(
             'total', coalesce(to_jsonb(total), '\"unlimited\"'), 'allocated', allocated,
             'unlimited_holders', unlimited_holders, 'used', used, 'held', held,
             'direct_used', direct_used, 'direct_held', direct_held)), '{}')
           FROM balance_pool JOIN live_build('balance') USING (build)
          WHERE school_id = $1",
    )
    .await;
    assert_eq!(pools, expected["pools"], "pools of {school_id}");
    let holds = rows(
        admin,
        school_id,
        "SELECT coalesce(jsonb_object_agg(hold_id, jsonb_build_object(
             'units', units, 'account', jsonb_strip_nulls(jsonb_build_object(
                 'member_id', member_id, 'service', service, 'level', level,
                 'department_id', department_id)),
             'expires_at', to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')
             )), '{}')
           FROM balance_hold JOIN live_build('balance') USING (build)
          WHERE school_id = $1",
    )
    .await;
    assert_eq!(
        holds,
        without(&without(&expected["holds"], "placed_at"), "overage"),
        "holds of {school_id}"
    );
    let lines = rows(
        admin,
        school_id,
        "SELECT coalesce(jsonb_object_agg(member_id, lines), '{}') FROM (
             SELECT m.member_id, jsonb_build_object('standing', m.status,
                    'department_id', m.department_id, 'lines',
                    coalesce(jsonb_object_agg(l.service, jsonb_build_object(
                        'allocated', coalesce(to_jsonb(l.allocated), '\"unlimited\"'),
                        'used', l.used, 'held', l.held, 'priority', l.priority,
                        'auto_renew', l.auto_renew
                    )) FILTER (WHERE l.service IS NOT NULL), '{}')) AS lines
               FROM balance_member AS m
               JOIN live_build('balance') AS live ON live.build = m.build
               LEFT JOIN balance_line AS l
                 ON l.school_id = m.school_id AND l.build = m.build
                AND l.holder_kind = 'member' AND l.holder_id = m.member_id
              WHERE m.school_id = $1
              GROUP BY m.member_id, m.status, m.department_id) AS by_member",
    )
    .await;
    assert_eq!(lines, lines_of(&expected), "lines of {school_id}");
    super::departments::assert_departments_equal(admin, school_id, state).await;
}

/// The values of `map` without a field that only decisions need.
fn without(map: &Value, field: &str) -> Value {
    let mut map = map.clone();
    for value in map.as_object_mut().unwrap().values_mut() {
        value.as_object_mut().unwrap().remove(field);
    }
    map
}

/// The fold's members as {id: {standing, lines: {service: line}}}.
fn lines_of(state: &Value) -> Value {
    let members = state["members"].as_object().unwrap();
    let by_service = |member: &Value| {
        let lines = member["lines"].as_array().unwrap();
        lines
            .iter()
            .map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].clone()))
            .map(|(service, mut line)| {
                line.as_object_mut().unwrap().remove("since");
                (service, line)
            })
            .collect::<Map<_, _>>()
    };
    members
        .iter()
        .map(|(id, member)| {
            let value = json!({
                "standing": member["status"], "department_id": member["department_id"],
                "lines": by_service(member),
            });
            (id.clone(), value)
        })
        .collect::<Map<_, _>>()
        .into()
}

fn roster_of(state: &SchoolState) -> Value {
    state
        .members()
        .map(|(id, member)| {
            let value = json!({
                "role": member.role, "standing": member.status,
                "department_id": member.department_id,
                "is_removed": member.status == ledger_core::school::MemberStatus::Removed,
            });
            (id.to_string(), value)
        })
        .collect::<Map<_, _>>()
        .into()
}

async fn roster_rows(admin: &PgPool, school_id: SchoolId) -> Value {
    rows(
        admin,
        school_id,
        "SELECT coalesce(jsonb_object_agg(member_id, jsonb_build_object('role', role,
             'standing', status, 'department_id', department_id,
             'is_removed', removed_at IS NOT NULL)), '{}')
           FROM roster_member JOIN live_build('roster') USING (build)
          WHERE school_id = $1",
    )
    .await
}

async fn roster_school(admin: &PgPool, school_id: SchoolId) -> Value {
    rows(
        admin,
        school_id,
        "SELECT jsonb_build_object('tier', tier, 'management', management, 'settings',
             jsonb_build_object('member_cap', max_individual_quota,
                 'default_grant', default_member_quota,
                 'self_service_requests', self_service_requests)
                 || CASE WHEN overage = '{}' THEN '{}'
                         ELSE jsonb_build_object('overage', overage) END
                 || CASE WHEN draw_on_department THEN jsonb_build_object('draw_on_department', true)
                         ELSE '{}' END)
           FROM roster_school JOIN live_build('roster') USING (build)
          WHERE school_id = $1",
    )
    .await
}

/// Asserts one entry per change, two per transfer and one per allocation of a rollover, in the
/// order of the log.
async fn assert_history_equals(admin: &PgPool, school_id: SchoolId, events: &[Recorded]) {
    let entries: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT seq, count(*) FROM history_entry
           JOIN live_build('history') USING (build)
          WHERE school_id = $1 GROUP BY seq ORDER BY seq",
    )
    .bind(school_id.0)
    .fetch_all(admin)
    .await
    .unwrap();
    let expected: Vec<_> = events
        .iter()
        .filter_map(|recorded| {
            let count = match &recorded.event {
                Event::Usage(UsageEvent::Attributed(e)) => {
                    let from = e.from.as_ref().map(|from| from.account.member_id);
                    1 + i64::from(from.is_some_and(|from| from != e.to.account.member_id))
                }
                Event::Usage(UsageEvent::Corrected(_) | UsageEvent::Refused(_)) => 1,
                Event::Usage(_) => return None,
                Event::Allocation(AllocationEvent::Transferred(_)) => 2,
                Event::Period(PeriodEvent::Renewed(e)) => i64::try_from(e.rows.len()).unwrap(),
                Event::School(_)
                | Event::Department(_)
                | Event::Allocation(_)
                | Event::Request(_)
                | Event::Period(PeriodEvent::Closed(_)) => 1,
            };
            Some((recorded.seq.0, count))
        })
        .collect();
    assert_eq!(entries, expected, "history of {school_id}");
}

/// Asserts a row per request with its last state; pending ones equal the fold.
async fn assert_requests_equal(
    admin: &PgPool,
    school_id: SchoolId,
    events: &[Recorded],
    state: &SchoolState,
) {
    let mut expected = Map::new();
    for recorded in events {
        let Event::Request(event) = &recorded.event else {
            continue;
        };
        let row = expected
            .entry(event.request_id().to_string())
            .or_insert_with(|| json!({ "granted": null, "reason": null, "filed": recorded.seq }));
        row["member_id"] = json!(event.member_id());
        row["status"] = json!(event.status());
        row["version"] = json!(recorded.seq);
        match event {
            RequestEvent::Filed(e) => row["asked"] = json!(e.units),
            RequestEvent::Approved(e) => row["granted"] = json!(e.units),
            RequestEvent::Rejected(_) | RequestEvent::Withdrawn(_) | RequestEvent::Expired(_) => {}
        }
        if event.status() != RequestStatus::Pending {
            row["reason"] = json!(event.reason());
        }
    }
    let found = rows(
        admin,
        school_id,
        "SELECT coalesce(jsonb_object_agg(request_id, jsonb_build_object(
             'member_id', member_id, 'status', status, 'version', version, 'asked', asked,
             'granted', granted, 'filed', filed_seq, 'reason', encode(reason, 'hex'))), '{}')
           FROM request JOIN live_build('requests') USING (build)
          WHERE school_id = $1",
    )
    .await;
    assert_eq!(found, Value::Object(expected), "requests of {school_id}");
    let pending: Vec<_> = state
        .requests()
        .by_id()
        .iter()
        .map(|(id, _)| id.0)
        .collect();
    let found: Vec<Uuid> = sqlx::query_scalar(
        "SELECT request_id FROM request JOIN live_build('requests') USING (build)
          WHERE school_id = $1 AND status = 'pending' ORDER BY request_id",
    )
    .bind(school_id.0)
    .fetch_all(admin)
    .await
    .unwrap();
    assert_eq!(found, pending, "pending requests of {school_id}");
}

/// Asserts that the rollups equal Postgres's sums over the events, with its own time zones.
pub async fn assert_usage_equals(admin: &PgPool, school_id: SchoolId) {
    let differences: Vec<Value> = sqlx::query_scalar(include_str!("usage_differences.sql"))
        .bind(school_id.0)
        .fetch_all(admin)
        .await
        .unwrap();
    assert_eq!(differences, Vec::<Value>::new(), "usage of {school_id}");
}

async fn checkpoints(admin: &PgPool, school_id: SchoolId) -> Vec<i64> {
    sqlx::query_scalar(
        "SELECT c.seq FROM projection_checkpoint AS c
           JOIN projection AS p ON p.name = c.name AND p.live_build = c.build
          WHERE c.school_id = $1 ORDER BY c.name",
    )
    .bind(school_id.0)
    .fetch_all(admin)
    .await
    .unwrap()
}

async fn rows(admin: &PgPool, school_id: SchoolId, sql: &'static str) -> Value {
    sqlx::query_scalar(sql)
        .bind(school_id.0)
        .fetch_one(admin)
        .await
        .unwrap()
}
