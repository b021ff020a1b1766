//! Checks of the books: SQL over the log, and a comparison of the read models with the fold that
//! `ledger replay` prints.

use std::process::Stdio;

use serde_json::Value;
use sqlx::PgPool;
use tokio::process::Command;
use uuid::Uuid;

use crate::postgres::{Postgres, number};
use crate::server::{eventually, executable};

/// Queries that count violations.
const WRONG: [(&str, &str); 9] = [
    (
        "streams with a gap, or whose head is not their last event",
        "SELECT count(*) FROM stream AS s LEFT JOIN (
             SELECT school_id, count(*) AS n, max(seq) AS last FROM event GROUP BY school_id
         ) AS e USING (school_id)
         WHERE coalesce(e.n, 0) <> s.head_seq OR coalesce(e.last, 0) <> s.head_seq",
    ),
    (
        "pools with more allocated than their total",
        "SELECT count(*) FROM balance_pool AS p JOIN (
             SELECT school_id, service, sum(allocated) AS allocated FROM (
                 SELECT l.school_id, l.service, l.allocated FROM balance_line AS l
                   LEFT JOIN balance_member AS m
                     ON l.holder_kind = 'member' AND m.school_id = l.school_id
                    AND m.build = l.build AND m.member_id = l.holder_id
                  WHERE m.department_id IS NULL
             ) AS held GROUP BY school_id, service
         ) AS l USING (school_id, service)
         WHERE l.allocated > p.total OR l.allocated <> p.allocated",
    ),
    (
        "departments with more allocated to members than to them",
        "SELECT count(*) FROM (
             SELECT m.school_id, m.department_id, l.service, sum(l.allocated) AS allocated
               FROM balance_member AS m JOIN balance_line AS l
                 ON l.school_id = m.school_id AND l.build = m.build
                AND l.holder_kind = 'member' AND l.holder_id = m.member_id
              WHERE m.department_id IS NOT NULL GROUP BY 1, 2, 3
         ) AS l LEFT JOIN balance_line AS d
           ON d.school_id = l.school_id AND d.service = l.service
          AND d.holder_kind = 'department' AND d.holder_id = l.department_id
         WHERE l.allocated > CASE WHEN d.school_id IS NULL THEN 0 ELSE d.allocated END",
    ),
    (
        "members with more used than allocated and no recorded overage",
        "SELECT count(*) FROM balance_line AS l
          WHERE holder_kind = 'member' AND used + held > allocated AND NOT EXISTS (
              SELECT FROM event AS e
               WHERE e.school_id = l.school_id
                 AND coalesce(e.overage, (e.payload ->> 'overage')::boolean)
                 AND e.member_id = l.holder_id AND e.service = l.service)",
    ),
    (
        "debits with a negative balance and no overage mark",
        "SELECT count(*) FROM event
          WHERE kind IN ('usage_debited', 'hold_placed') AND overage IS NOT TRUE
            AND balance_used + balance_held > balance_allocated",
    ),
    (
        "members whose balance is not the sum of the log",
        "SELECT count(*) FROM balance_line AS l LEFT JOIN (
             SELECT school_id, member_id, service, sum(units) AS used FROM (
                 SELECT school_id, member_id, service, units, recorded_at, period_start::text
                   FROM event WHERE kind IN ('usage_debited', 'hold_settled', 'usage_reported')
                    AND level <> 'department'
                 UNION ALL
                 SELECT school_id, (account ->> 'member_id')::uuid, account ->> 'service',
                        sign * (payload ->> 'units')::bigint, recorded_at,
                        account ->> 'period_start'
                   FROM event, LATERAL (VALUES
                       (payload -> 'to', 1), (payload -> 'from', -1), (payload -> 'account', -1)
                   ) AS counted (account, sign)
                  WHERE kind IN ('usage_attributed', 'usage_corrected') AND account IS NOT NULL
                    AND account ->> 'level' <> 'department'
             ) AS counts JOIN balance_school AS s USING (school_id)
              WHERE counts.period_start IS NULL AND recorded_at >= s.period_start
              GROUP BY 1, 2, 3
         ) AS e ON e.school_id = l.school_id AND e.member_id = l.holder_id
               AND e.service = l.service
         WHERE l.holder_kind = 'member' AND l.used <> coalesce(e.used, 0)",
    ),
    (
        "pools of closed periods whose books are not the sum of the log",
        "SELECT count(*) FROM balance_closed_pool AS p JOIN balance_closed_period AS c
           USING (school_id, build, period_start)
           LEFT JOIN LATERAL (
               SELECT sum(e.units) AS used FROM (
                   SELECT service, units, recorded_at, period_start FROM event
                    WHERE school_id = p.school_id
                      AND kind IN ('usage_debited', 'hold_settled', 'usage_reported')
                   UNION ALL
                   SELECT account ->> 'service', sign * (payload ->> 'units')::bigint, recorded_at,
                          (account ->> 'period_start')::timestamptz
                     FROM event, LATERAL (VALUES
                         (payload -> 'to', 1), (payload -> 'from', -1), (payload -> 'account', -1)
                     ) AS counted (account, sign)
                    WHERE school_id = p.school_id AND account IS NOT NULL
                      AND kind IN ('usage_attributed', 'usage_corrected')
               ) AS e
                WHERE e.service = p.service
                  AND coalesce(e.period_start = p.period_start,
                               e.recorded_at >= c.period_start AND e.recorded_at < c.period_end)
           ) AS e ON true
         WHERE p.used <> coalesce(e.used, 0)",
    ),
    (
        "pools of closed periods that are not the sum of their accounts",
        "SELECT count(*) FROM balance_closed_pool AS p LEFT JOIN (
             SELECT school_id, build, period_start, service, sum(used) AS used, sum(held) AS held
               FROM balance_closed_line GROUP BY 1, 2, 3, 4
         ) AS l USING (school_id, build, period_start, service)
         WHERE p.used <> p.direct_used + coalesce(l.used, 0)
            OR p.held <> p.direct_held + coalesce(l.held, 0)",
    ),
    (
        "duplicate ids in the log",
        "SELECT count(*) - count(DISTINCT (school_id, event_id)) FROM event",
    ),
];

/// Waits until the read models have applied the whole log.
pub async fn caught_up(pool: &PgPool) {
    let behind = "SELECT count(*) FROM stream CROSS JOIN projection
                   LEFT JOIN projection_checkpoint AS c
                     ON c.school_id = stream.school_id AND c.name = projection.name
                    AND c.build = projection.live_build
                  WHERE stream.head_seq > coalesce(c.seq, 0)";
    eventually("catch-up of the read models", || async {
        number(pool, behind).await == 0
    })
    .await;
}

/// Checks everything; returns the head of the school's stream. Needs a running worker.
///
/// # Panics
/// If the books are wrong.
pub async fn check(postgres: &Postgres, school: Uuid) -> i64 {
    let pool = postgres.superuser().await;
    caught_up(&pool).await;
    for (what, sql) in WRONG {
        assert_eq!(number(&pool, sql).await, 0, "{what}");
    }
    let head = sqlx::query_scalar("SELECT head_seq FROM stream WHERE school_id = $1")
        .bind(school)
        .fetch_one(&pool)
        .await
        .expect("the stream's head");
    let replayed = replay_to(postgres, school, Some(head)).await;
    compare(&pool, school, &replayed).await;
    head
}

/// Returns the output of `ledger replay` as of now.
///
/// # Panics
/// If it fails.
pub async fn replay(postgres: &Postgres, school: Uuid) -> Value {
    replay_to(postgres, school, None).await
}

/// Returns the output of `ledger replay` as of an event, without due events.
///
/// # Panics
/// If it fails.
pub async fn replay_to(postgres: &Postgres, school: Uuid, seq: Option<i64>) -> Value {
    let upto = seq.map(|seq| ["--as-of-seq".to_owned(), seq.to_string()]);
    let output = Command::new(executable())
        .args(["replay", "--school", &school.to_string()])
        .args(upto.iter().flatten())
        .env("DATABASE_URL", postgres.url())
        .stdin(Stdio::null())
        .output()
        .await
        .expect("ledger replay runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Compares the rows of the read models with the fold.
async fn compare(pool: &PgPool, school: Uuid, replayed: &Value) {
    let pools = sqlx::query_as::<_, (String, Option<i64>, i64, i64)>(
        "SELECT service, total, used, held FROM balance_pool WHERE school_id = $1 ORDER BY service",
    )
    .bind(school)
    .fetch_all(pool)
    .await
    .expect("the pools");
    let folded = replayed["services"].as_array().expect("services");
    assert_eq!(pools.len(), folded.len());
    for ((service, total, used, held), folded) in pools.iter().zip(folded) {
        assert_eq!(folded["service"], service.as_str());
        assert_eq!(
            folded["total"],
            total.map_or_else(|| "unlimited".into(), Value::from)
        );
        assert_eq!(
            (&folded["used"], &folded["held"]),
            (&(*used).into(), &(*held).into())
        );
    }
    let lines = sqlx::query_as::<_, (Uuid, String, Option<i64>, i64, i64)>(
        "SELECT holder_id, service, allocated, used, held FROM balance_line
          WHERE school_id = $1 AND holder_kind = 'member'",
    )
    .bind(school)
    .fetch_all(pool)
    .await
    .expect("the lines");
    for (member, service, allocated, used, held) in lines {
        let members = replayed["members"].as_array().expect("members");
        let folded = members
            .iter()
            .find(|folded| folded["member_id"] == member.to_string())
            .and_then(|folded| {
                folded["services"]
                    .as_array()?
                    .iter()
                    .find(|s| s["service"] == service.as_str())
            })
            .expect("the member's line");
        if folded["level"] != "member" {
            continue; // the member draws on another account
        }
        let allocated = allocated.map_or_else(|| "unlimited".into(), Value::from);
        assert_eq!(folded["allocated"], allocated, "{member} {service}");
        assert_eq!(
            (&folded["used"], &folded["held"]),
            (&used.into(), &held.into())
        );
    }
    compare_departments(pool, school, replayed).await;
}

/// Compares the rows of departments with the fold.
async fn compare_departments(pool: &PgPool, school: Uuid, replayed: &Value) {
    let lines = sqlx::query_as::<_, (Uuid, String, Option<i64>, String, bool)>(
        "SELECT holder_id, service, allocated, priority, auto_renew FROM balance_line
          WHERE school_id = $1 AND holder_kind = 'department'",
    )
    .bind(school)
    .fetch_all(pool)
    .await
    .expect("the departments' lines");
    for (department, service, allocated, priority, auto_renew) in lines {
        let departments = replayed["departments"].as_array().expect("departments");
        let folded = departments
            .iter()
            .find(|folded| folded["department_id"] == department.to_string())
            .and_then(|folded| {
                folded["services"]
                    .as_array()?
                    .iter()
                    .find(|s| s["service"] == service.as_str())
            })
            .expect("the department's line");
        let allocated = allocated.map_or_else(|| "unlimited".into(), Value::from);
        assert_eq!(folded["allocated"], allocated, "{department} {service}");
        assert_eq!(
            (&folded["priority"], &folded["auto_renew"]),
            (&priority.into(), &auto_renew.into())
        );
    }
}
