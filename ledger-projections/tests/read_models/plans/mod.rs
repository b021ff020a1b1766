//! Plans of the frequent queries: each uses the intended index and reads no large table whole, with
//! statistics of the school and without.

mod queries;

use std::collections::BTreeSet;

use ledger_core::{Role, SchoolId};
use ledger_projections::{TenantRead, Viewer};
use ledger_store::Database;
use ledger_test_postgres::Postgres;
use queries::{HOT_QUERIES, HotQuery, Reader};
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _};
use uuid::Uuid;

/// Tables of few rows: the read models, pools, and claims of half a minute.
const SMALL_TABLES: [&str; 3] = ["projection", "balance_pool", "catch_up_claim"];

#[tokio::test]
async fn frequent_queries_use_their_indexes_with_and_without_statistics() {
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let (analyzed, new) = fill(&postgres.superuser().await).await;
    let mut wrong = Vec::new();
    for (school, state) in [(analyzed, "with statistics"), (new, "of a new school")] {
        for query in HOT_QUERIES {
            for mode in ["force_custom_plan", "force_generic_plan"] {
                let plan = plan(&database, query, school, mode).await;
                for fault in faults(query, &plan) {
                    wrong.push(format!(
                        "{} ({state}, {mode}): {fault}\n{plan:#}",
                        query.name
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Fills three schools among many small ones, gathers statistics and then fills a fourth. Returns
/// one of the three and the fourth.
async fn fill(superuser: &PgPool) -> (SchoolId, SchoolId) {
    let no_vacuum = "DO $$
        DECLARE name regclass;
        BEGIN
            FOR name IN SELECT oid FROM pg_class
                         WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
                EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = false)', name);
            END LOOP;
        END $$";
    run(superuser, no_vacuum).await;
    run(superuser, include_str!("fill_others.sql")).await;
    let schools = [(); 4].map(|()| SchoolId(Uuid::new_v4()));
    for school in &schools[..3] {
        run(superuser, &filled(*school)).await;
    }
    run(superuser, "ANALYZE").await;
    run(superuser, &filled(schools[3])).await;
    (schools[1], schools[3])
}

fn filled(school: SchoolId) -> String {
    include_str!("fill.sql").replace("{school}", &school.0.to_string())
}

async fn run(superuser: &PgPool, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(superuser)
        .await
        .unwrap();
}

/// The plan of a query as its role in production gets it.
async fn plan(database: &Database, query: &HotQuery, school: SchoolId, mode: &str) -> Value {
    match query.reader {
        Reader::Tenant => {
            let viewer = Viewer {
                school_id: school,
                role: Role::Principal,
                member_id: None,
            };
            let mut read = TenantRead::begin(database, &viewer).await.unwrap();
            explain(read.connection(), query, school, mode).await
        }
        Reader::Service(role) => {
            let mut tx = database.pool(role).begin().await.unwrap();
            explain(&mut tx, query, school, mode).await
        }
    }
}

async fn explain(
    connection: &mut PgConnection,
    query: &HotQuery,
    school: SchoolId,
    mode: &str,
) -> Value {
    let arguments = query.arguments.replace("{school}", &school.0.to_string());
    let prepare = format!(
        "DEALLOCATE ALL; SET LOCAL plan_cache_mode = {mode}; {}; PREPARE hot AS {}",
        query.settings, query.sql
    );
    sqlx::raw_sql(AssertSqlSafe(prepare))
        .execute(&mut *connection)
        .await
        .unwrap_or_else(|error| panic!("{}: {error}", query.name));
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE hot({arguments})");
    sqlx::raw_sql(AssertSqlSafe(explain))
        .fetch_one(connection)
        .await
        .unwrap_or_else(|error| panic!("{}: {error}", query.name))
        .get(0)
}

/// The reasons why a plan is not the intended one.
fn faults(query: &HotQuery, plan: &Value) -> Vec<String> {
    let (mut indexes, mut faults) = (BTreeSet::new(), Vec::new());
    visit(plan, &mut |node| {
        let text = |field: &str| node[field].as_str().unwrap_or_default();
        if !text("Index Name").is_empty() {
            let _ = indexes.insert(text("Index Name").to_owned());
        }
        let table = text("Relation Name");
        if text("Node Type") == "Seq Scan" && !SMALL_TABLES.contains(&table) {
            faults.push(format!("reads all of {table}"));
        }
    });
    for index in query.indexes {
        if !indexes.contains(*index) {
            faults.push(format!("does not use {index}"));
        }
    }
    faults
}

fn visit(value: &Value, node: &mut impl FnMut(&Value)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| visit(item, node)),
        Value::Object(fields) => {
            node(value);
            fields.values().for_each(|field| visit(field, node));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Functions hide their plans: their scans are counted instead.
#[tokio::test]
async fn department_sums_read_no_large_table_whole() {
    let postgres = Postgres::start().await;
    let superuser = postgres.superuser().await;
    let (analyzed, new) = fill(&superuser).await;
    for school in [analyzed, new] {
        for (function, arguments) in [
            ("ledger_department_pools", "d, '2026-03-02Z'"),
            (
                "ledger_department_pools_of",
                "'2026-02-01Z', d, '2026-03-02Z'",
            ),
        ] {
            let sql = format!(
                "SET LOCAL ROLE ledger_reader; SET LOCAL app.school_id = '{0}';
                 SET LOCAL app.role = 'principal';
                 SELECT p.* FROM CAST(md5('{0}d' || 4) AS uuid) AS d,
                        LATERAL {function}({arguments}) AS p;
                 RESET ROLE",
                school.0
            );
            let mut tx = superuser.begin().await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut *tx)
                .await
                .unwrap();
            let read_whole: Vec<String> = sqlx::query_scalar(
                "SELECT relname::text FROM pg_stat_xact_user_tables
                  WHERE seq_scan > 0 AND relname <> ALL ($1)",
            )
            .bind(SMALL_TABLES)
            .fetch_all(&mut *tx)
            .await
            .unwrap();
            assert!(read_whole.is_empty(), "{function}: {read_whole:?}");
        }
    }
}
