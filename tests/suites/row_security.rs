//! The rows that each role can read, by SQL and by HTTP.

use ledger_core::Role;
use ledger_store::DatabaseRole;
use ledger_tests::books;
use ledger_tests::postgres::{Postgres, number, role};
use ledger_tests::server::{HttpSchool, Server};
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool, Row as _};
use uuid::Uuid;

#[tokio::test]
async fn every_table_has_forced_row_security_and_a_policy_for_each_privilege() {
    let postgres = Postgres::start().await;
    let pool = postgres.superuser().await;
    let bare: Vec<String> = sqlx::query_scalar(
        "SELECT c.oid::regclass::text FROM pg_class AS c
          WHERE c.relkind IN ('r', 'p') AND c.relnamespace NOT IN (
                'pg_catalog'::regnamespace, 'information_schema'::regnamespace,
                'pg_toast'::regnamespace)
            AND NOT (c.relrowsecurity AND c.relforcerowsecurity)",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert!(
        bare.is_empty(),
        "without forced row-level security: {bare:?}"
    );

    // With a privilege but no policy a table looks empty, which is a mistake.
    let silent: Vec<(String, String)> = sqlx::query_as(
        "SELECT g.grantee::text, g.table_name::text
           FROM information_schema.role_table_grants AS g
          WHERE g.grantee LIKE 'ledger_%' AND g.grantee <> 'ledger_owner'
            AND g.table_schema = 'public' -- views have no policies: they are their reader's
            AND NOT EXISTS (
                SELECT FROM pg_policies AS p
                 WHERE p.tablename = g.table_name AND g.grantee = ANY (p.roles)
                   AND p.cmd IN ('ALL', g.privilege_type))",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert!(silent.is_empty(), "granted without a policy: {silent:?}");

    // No role bypasses the policies, and no foreign key crosses schools.
    let passing = "SELECT count(*) FROM pg_roles
                    WHERE rolname LIKE 'ledger_%' AND (rolbypassrls OR rolsuper OR rolcanlogin)";
    assert_eq!(number(&pool, passing).await, 0);
    let crossing = "SELECT count(*) FROM pg_index AS i
                      JOIN pg_class AS c ON c.oid = i.indrelid
                     WHERE c.relnamespace = 'public'::regnamespace AND i.indisunique
                       AND c.relname NOT IN ('projection', '_sqlx_migrations')
                       AND (SELECT attname FROM pg_attribute
                             WHERE attrelid = i.indrelid AND attnum = i.indkey[0]) <> 'school_id'";
    assert_eq!(number(&pool, crossing).await, 0);
    assert_eq!(
        number(
            &pool,
            "SELECT count(*) FROM pg_constraint WHERE contype = 'f'"
        )
        .await,
        0
    );
}

/// A reader by SQL.
#[derive(Clone, Copy)]
struct Reader<'a> {
    role: &'a str,
    school: Uuid,
    member: Option<Uuid>,
}

/// Counts the rows of a table that a reader can see.
async fn seen(pool: &PgPool, reader: Reader<'_>, table: &str) -> i64 {
    let mut tx = pool.begin().await.unwrap();
    let member = reader
        .member
        .map_or_else(String::new, |m| format!("SET LOCAL app.member_id = '{m}';"));
    let set = format!(
        "SET LOCAL app.school_id = '{}'; SET LOCAL app.role = '{}'; {member}",
        reader.school, reader.role
    );
    sqlx::raw_sql(AssertSqlSafe(set))
        .execute(&mut *tx)
        .await
        .unwrap();
    let sql = format!("SELECT count(*) FROM {table}");
    sqlx::query(AssertSqlSafe(sql))
        .fetch_one(&mut *tx)
        .await
        .unwrap()
        .get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_shows_each_reader_only_their_rows() {
    let postgres = Postgres::start().await;
    let server = Server::start(&postgres).await;
    let school = HttpSchool::register(&server, 1_000, 2, 100).await;
    let other = HttpSchool::register(&server, 1_000, 1, 100).await;
    for (school, id) in [(&school, "a"), (&other, "b")] {
        let proxy = server.as_role(Role::Proxy, Some(school.id));
        for (n, member) in school.members.iter().enumerate() {
            let debit = school.debit(&format!("{id}{n}"), *member, 1);
            let _ = proxy.post(&school.path("/debits"), debit).await.ok();
            let teacher = server.person(Role::Teacher, Some(school.id), *member);
            let ask = json!({"units": {"claude_messages": 1}, "justification": "for the test"});
            let _ = teacher.post(&school.path("/requests"), ask).await.ok();
        }
    }
    let principal = server.as_role(Role::Principal, Some(school.id));
    let transfer = json!({"reason": "for the test", "items": [{
        "op": "transfer", "member_id": school.members[0], "to_member_id": school.members[1],
        "service": "claude_messages", "units": 1,
    }]});
    let _ = principal
        .post(&school.path("/allocations/batch"), transfer)
        .await
        .ok();
    let superuser = postgres.superuser().await;
    books::caught_up(&superuser).await;
    let pool = role(&postgres.database(), DatabaseRole::Reader);
    let me = school.members[0];
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.role_table_grants
          WHERE grantee = 'ledger_reader' AND privilege_type = 'SELECT'
            AND table_schema = 'public' AND table_name <> 'projection'",
    )
    .fetch_all(&superuser)
    .await
    .unwrap();
    assert!(tables.len() >= 15, "{tables:?}");

    for table in &tables {
        // No rows without a tenant, and none of another school.
        let nobody = sqlx::query(AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(nobody.get::<i64, _>(0), 0, "{table} without a tenant");
        for role in ["principal", "auditor", "proxy", "teacher"] {
            let member = (role == "teacher").then_some(me);
            let stranger = Reader {
                role,
                school: Uuid::now_v7(),
                member,
            };
            assert_eq!(
                seen(&pool, stranger, table).await,
                0,
                "{table} as a strange {role}"
            );
            let mine = Reader {
                role,
                school: school.id,
                member,
            };
            let theirs = format!("{table} WHERE school_id <> '{}'", school.id);
            assert_eq!(seen(&pool, mine, &theirs).await, 0, "{table} as {role}");
        }
    }
    let teacher = Reader {
        role: "teacher",
        school: school.id,
        member: Some(me),
    };
    let proxy = Reader {
        role: "proxy",
        school: school.id,
        member: None,
    };
    let principal = Reader {
        role: "principal",
        school: school.id,
        member: None,
    };
    // A transfer reveals the other member's units: a teacher sees it in the history only.
    let transferred = "event WHERE kind = 'units_transferred'";
    assert_eq!(seen(&pool, principal, transferred).await, 1);
    assert_eq!(seen(&pool, teacher, transferred).await, 0);
    let own_history = "history_entry WHERE kind = 'units_transferred'";
    assert_eq!(seen(&pool, teacher, own_history).await, 1);
    for (table, member) in [
        ("event", "member_id"),
        ("balance_line", "holder_id"),
        ("balance_member", "member_id"),
        ("history_entry", "member_id"),
        ("request", "member_id"),
        ("usage_rollup", "member_id"),
    ] {
        let others = format!("{table} WHERE {member} IS DISTINCT FROM '{me}'");
        assert_eq!(seen(&pool, teacher, &others).await, 0, "{table}");
        assert!(seen(&pool, teacher, table).await > 0, "{table}");
        assert!(
            seen(&pool, principal, table).await > seen(&pool, teacher, table).await,
            "{table}"
        );
    }
    for table in [
        "event",
        "history_entry",
        "request",
        "usage_rollup",
        "free_text",
        "member_directory",
    ] {
        assert_eq!(seen(&pool, proxy, table).await, 0, "{table}");
    }
    assert!(seen(&pool, proxy, "balance_line").await > 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_shows_each_reader_only_their_data() {
    let postgres = Postgres::start().await;
    let server = Server::start(&postgres).await;
    let school = HttpSchool::register(&server, 1_000, 2, 100).await;
    let other = HttpSchool::register(&server, 1_000, 1, 100).await;
    let [me, colleague] = <[Uuid; 2]>::try_from(school.members.clone()).unwrap();
    let teacher = server.person(Role::Teacher, Some(school.id), me);
    let mine = school.path(&format!("/members/{me}/balance"));
    let theirs = school.path(&format!("/members/{colleague}/balance"));
    let strange = other.path(&format!("/members/{}/balance", other.members[0]));
    let head = books::check(&postgres, school.id).await;

    let balance = teacher.get(&format!("{mine}?min_seq={head}")).await.ok();
    assert_eq!(balance["status"], "active");
    assert_eq!(teacher.get(&theirs).await.problem(), "member-not-found");
    assert_eq!(teacher.get(&strange).await.problem(), "school-not-found");
    assert_eq!(
        teacher.get(&school.path("/balance")).await.problem(),
        "forbidden"
    );
    assert_eq!(
        teacher.get(&school.path("/events")).await.problem(),
        "forbidden"
    );

    for role in [Role::Principal, Role::Auditor, Role::PrincipalAdmin] {
        let reader = server.as_role(role, Some(school.id));
        let _ = reader.get(&school.path("/balance")).await.ok();
        let _ = reader.get(&theirs).await.ok();
        let events = reader.get(&school.path("/events?limit=1000")).await.ok();
        let events = events["events"].as_array().unwrap().clone();
        assert_eq!(i64::try_from(events.len()).unwrap(), head);
        assert!(
            events
                .iter()
                .all(|e| e["school_id"] == school.id.to_string())
        );
        assert_eq!(
            reader.get(&other.path("/balance")).await.problem(),
            "school-not-found"
        );
    }
    let proxy = server.as_role(Role::Proxy, Some(school.id));
    let _ = proxy.get(&mine).await.ok();
    for path in [
        "/history",
        "/requests",
        "/events",
        "/usage?granularity=day",
        "/members",
    ] {
        assert_eq!(
            proxy.get(&school.path(path)).await.problem(),
            "forbidden",
            "{path}"
        );
    }
    server.stop().await;
}
