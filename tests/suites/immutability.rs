//! Recorded events cannot be changed.

use ledger_store::DatabaseRole;
use ledger_store::writer::WriterSettings;
use ledger_tests::postgres::{Postgres, number, role};
use ledger_tests::school::{School, writer};
use sqlx::PgPool;

const CHANGES: [&str; 4] = [
    "UPDATE event SET units = 0",
    "UPDATE event SET units = 0 WHERE false",
    "DELETE FROM event",
    "TRUNCATE event",
];

async fn refusal(pool: &PgPool, sql: &'static str) -> String {
    let error = sqlx::query(sql).execute(pool).await.unwrap_err();
    error.into_database_error().unwrap().to_string()
}

#[tokio::test]
async fn no_role_can_change_events_not_even_their_owner() {
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let (writer, tasks) = writer(&database, WriterSettings::default());
    School::register(&writer, 100, 2, 10).await;
    let superuser = postgres.superuser().await;
    let before = number(&superuser, "SELECT count(*) FROM event").await;
    assert!(before > 0);

    for service in [
        DatabaseRole::Writer,
        DatabaseRole::Projector,
        DatabaseRole::Reader,
        DatabaseRole::Authenticator,
    ] {
        let pool = role(&database, service);
        for change in CHANGES {
            let refusal = refusal(&pool, change).await;
            assert!(
                refusal.contains("permission denied"),
                "{service:?}: {change}: {refusal}"
            );
        }
    }
    // The superuser bypasses privileges and policies, as the owner of a table does, but no trigger.
    for change in CHANGES {
        let refusal = refusal(&superuser, change).await;
        assert!(
            refusal.contains("events are immutable"),
            "superuser: {change}: {refusal}"
        );
    }
    sqlx::query("SET session_replication_role = replica")
        .execute(&superuser)
        .await
        .unwrap();
    let in_replica_mode = refusal(&superuser, "DELETE FROM event").await;
    assert!(
        in_replica_mode.contains("events are immutable"),
        "{in_replica_mode}"
    );

    assert_eq!(
        number(&superuser, "SELECT count(*) FROM event").await,
        before
    );
    drop(writer);
    tasks.finish().await;
}
