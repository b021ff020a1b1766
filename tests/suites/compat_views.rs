//! The compatibility views keep the names of existing queries and the reader's row security.

use ledger_core::Role;
use ledger_tests::books;
use ledger_tests::postgres::{Postgres, number};
use ledger_tests::server::{HttpSchool, Server};
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

const VIEWS: [&str; 8] = [
    "school_ai_subscriptions",
    "teacher_ai_allocations",
    "ai_allocation_requests",
    "ai_allocation_history",
    "ai_usage_logs",
    "daily_ai_usage_rollup",
    "monthly_ai_usage_rollup",
    "school_daily_ai_usage",
];

/// A reader as PostgREST identifies one: by the claims of the token alone.
#[derive(Clone, Copy)]
struct Claims {
    role: &'static str,
    school: Uuid,
    subject: Uuid,
}

/// The result of a query in a transaction of the reader.
async fn ask(pool: &PgPool, claims: Claims, sql: &str) -> i64 {
    let Claims {
        role,
        school,
        subject,
    } = claims;
    let claims = json!({"sub": subject, "app_metadata": {"role": role, "school_id": school}});
    let mut tx = pool.begin().await.unwrap();
    let begin = format!("SET LOCAL ROLE ledger_reader; SET LOCAL request.jwt.claims = '{claims}'");
    sqlx::raw_sql(AssertSqlSafe(begin))
        .execute(&mut *tx)
        .await
        .unwrap();
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT ({sql})::bigint")))
        .fetch_one(&mut *tx)
        .await
        .unwrap()
}

#[tokio::test]
async fn each_view_shows_teachers_their_rows_principals_the_school_and_other_schools_nothing() {
    let postgres = Postgres::start().await;
    let server = Server::start(&postgres).await;
    let school = HttpSchool::register(&server, 1_000, 2, 100).await;
    let other = HttpSchool::register(&server, 1_000, 1, 100).await;
    let [ada, bob] = [school.members[0], school.members[1]];
    let proxy = server.as_role(Role::Proxy, Some(school.id));
    let principal = server.as_role(Role::Principal, Some(school.id));
    for (id, member, units) in [("a1", ada, 3), ("a2", ada, 4), ("b1", bob, 5)] {
        let mut debit = school.debit(id, member, units);
        debit["input_tokens"] = json!(100);
        debit["output_tokens"] = json!(50);
        debit["cost_micros"] = json!(1_500_000);
        let _ = proxy.post(&school.path("/debits"), debit).await.ok();
    }
    for member in [ada, bob] {
        let request = json!({"member_id": member, "units": {"claude_messages": 20},
            "justification": "reports", "urgency": "high"});
        let _ = principal
            .post(&school.path("/requests"), request)
            .await
            .ok();
    }
    books::check(&postgres, school.id).await;
    let pool = postgres.superuser().await;
    let ada_reads = Claims {
        role: "teacher",
        school: school.id,
        subject: ada,
    };
    let principal_reads = Claims {
        role: "principal",
        ..ada_reads
    };
    let stranger = Claims {
        school: other.id,
        ..principal_reads
    };

    for view in VIEWS {
        let all = format!("SELECT count(*) FROM compat.{view}");
        let of_school = format!("{all} WHERE preschool_id = '{}'", school.id);
        let to_principal = ask(&pool, principal_reads, &of_school).await;
        assert!(to_principal > 0, "{view} is empty");
        assert_eq!(
            ask(&pool, principal_reads, &all).await,
            to_principal,
            "{view}"
        );
        assert_eq!(
            ask(&pool, stranger, &of_school).await,
            0,
            "{view} to a stranger"
        );
        let to_teacher = ask(&pool, ada_reads, &of_school).await;
        assert!(to_teacher > 0, "{view} shows a teacher nothing");
        // The column with the person's id.
        let person_column = match view {
            "ai_allocation_requests" => "teacher_id",
            "ai_allocation_history" => "target_user_id",
            "school_ai_subscriptions" | "school_daily_ai_usage" => continue,
            _ => "user_id",
        };
        let others = format!("{all} WHERE {person_column} IS DISTINCT FROM '{ada}'");
        assert_eq!(
            ask(&pool, ada_reads, &others).await,
            0,
            "{view} to a teacher"
        );
    }

    // The numbers equal those of the ledger.
    for (sql, expected) in [
        ("SELECT sum(quota_consumed) FROM compat.ai_usage_logs", 12),
        ("SELECT sum(total_cost) * 10 FROM compat.ai_usage_logs", 45),
        (
            "SELECT sum(total_tokens) FROM compat.monthly_ai_usage_rollup",
            450,
        ),
        (
            "SELECT sum(avg_tokens_per_request) FROM compat.daily_ai_usage_rollup",
            300,
        ),
        (
            "SELECT sum(active_teachers) FROM compat.school_daily_ai_usage",
            2,
        ),
        (
            "SELECT sum((remaining_quotas ->> 'claude_messages')::bigint)
               FROM compat.teacher_ai_allocations",
            188,
        ),
        (
            "SELECT sum((used_quotas ->> 'claude_messages')::bigint)
               FROM compat.school_ai_subscriptions",
            12,
        ),
        (
            "SELECT count(*) FROM compat.ai_allocation_requests
              WHERE status = 'pending' AND justification = 'reports'",
            2,
        ),
    ] {
        assert_eq!(ask(&pool, principal_reads, sql).await, expected, "{sql}");
    }
    server.stop().await;
}

#[tokio::test]
async fn every_view_has_the_row_security_of_its_reader_and_is_read_only() {
    let postgres = Postgres::start().await;
    let pool = postgres.superuser().await;
    let blind = "SELECT count(*) FROM pg_class
                  WHERE relkind = 'v' AND relnamespace IN ('compat'::regnamespace,
                        'public'::regnamespace)
                    AND NOT coalesce(reloptions::text[] @> '{security_invoker=true}', false)";
    assert_eq!(number(&pool, blind).await, 0);
    let views = "SELECT count(*) FROM pg_class
                  WHERE relkind = 'v' AND relnamespace = 'compat'::regnamespace";
    assert_eq!(number(&pool, views).await, 8);
    let written = "SELECT count(*) FROM information_schema.role_table_grants
                    WHERE table_schema = 'compat' AND grantee <> 'ledger_owner'
                      AND privilege_type <> 'SELECT'";
    assert_eq!(number(&pool, written).await, 0);
}
