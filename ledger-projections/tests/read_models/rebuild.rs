//! Rebuilds beside the live build, and swaps.

use crate::support;
use std::time::Duration;

use crate::support::brittle::broken_usage;
use crate::support::compare::assert_equals_log;
use crate::support::database::{TestDatabase, test_database};
use crate::support::random::Life;
use crate::support::school::{Ledger, member, units};
use ledger_core::{Role, Seq};
use ledger_projections::rebuild::{RebuildError, Rebuilt, rebuild};
use ledger_projections::{
    Build, Progress, ProjectionName, Registry, TenantRead, Viewer, Worker, WorkerSettings, balance,
    catch_up,
};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

async fn builds(admin: &PgPool, name: ProjectionName) -> (i32, Option<i32>) {
    sqlx::query_as("SELECT live_build, next_build FROM projection WHERE name = $1")
        .bind(name.as_str())
        .fetch_one(admin)
        .await
        .unwrap()
}

async fn rebuild_all(db: &TestDatabase) -> Vec<Rebuilt> {
    let (registry, never) = (Registry::standard(), CancellationToken::new());
    let mut rebuilt = Vec::new();
    for name in ProjectionName::ALL {
        rebuilt.push(
            rebuild(&db.database, &registry, name, &never)
                .await
                .unwrap(),
        );
    }
    rebuilt
}

#[tokio::test]
async fn a_rebuild_repairs_a_damaged_read_model_and_deletes_the_old_rows() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let mut lives = Vec::new();
    for seed in 0..3 {
        let mut life = Life::new(ledger.roomy_school().await, seed);
        life.live(150).await;
        lives.push(life);
    }
    let settings = WorkerSettings::default();
    catch_up(&db.database, &Registry::standard(), &settings)
        .await
        .unwrap();
    sqlx::raw_sql(
        "UPDATE balance_pool SET used = used + 1; DELETE FROM balance_line;
         DELETE FROM balance_department;
         UPDATE usage_rollup SET requests = 7; DELETE FROM roster_member;
         UPDATE request SET status = 'granted';
         UPDATE history_entry SET cause = 'a mistake', seq = seq + 100000",
    )
    .execute(&db.admin)
    .await
    .unwrap();

    let rebuilt = rebuild_all(&db).await;

    assert!(rebuilt.iter().all(|rebuilt| rebuilt.build == Build(2)));
    for life in &lives {
        assert_equals_log(&db.admin, life.school.id).await;
    }
    for table in [
        "projection_checkpoint",
        "roster_school",
        "roster_member",
        "roster_department",
        "balance_school",
        "balance_pool",
        "balance_member",
        "balance_line",
        "balance_hold",
        "balance_department",
        "balance_closed_period",
        "balance_closed_pool",
        "balance_closed_line",
        "balance_closed_member",
        "history_entry",
        "request",
        "usage_calendar",
        "usage_rollup",
    ] {
        let sql = format!("SELECT count(*) FROM {table} WHERE build = 1");
        let left: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_one(&db.admin)
            .await
            .unwrap();
        assert_eq!(left, 0, "{table}");
    }
}

#[tokio::test]
async fn reads_never_go_back_during_the_rebuild_of_a_busy_school() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = ledger.roomy_school().await;
    school.debits("before", member(1), 4_000).await;
    let settings = WorkerSettings {
        pace: Duration::from_millis(1),
        page_events: 500,
        ..WorkerSettings::default()
    };
    let (progress, stop) = (Progress::default(), CancellationToken::new());
    let registry = Registry::standard();
    let worker = Worker::spawn(
        &db.database,
        &ledger.wakes,
        registry.clone(),
        &progress,
        settings,
        stop.clone(),
    );
    let writing = {
        let (school, stop) = (school.clone(), stop.clone());
        tokio::spawn(async move {
            for n in 0.. {
                if stop.is_cancelled() {
                    break;
                }
                school.debits(&format!("during-{n}"), member(1), 40).await;
            }
        })
    };
    let reading = {
        let (database, school_id, stop) = (db.another(), school.id, stop.clone());
        tokio::spawn(async move { read_forward(&database, school_id, &stop).await })
    };
    let never = CancellationToken::new();
    for build in 2..6 {
        let name = ProjectionName::Balance;
        let rebuilt = rebuild(&db.database, &registry, name, &never)
            .await
            .unwrap();
        assert_eq!(rebuilt.build, Build(build));
    }
    stop.cancel();
    writing.await.unwrap();
    worker.await.unwrap();
    assert!(reading.await.unwrap() > 10, "reads during the rebuild");
    catch_up(&db.database, &registry, &settings).await.unwrap();
    assert_equals_log(&db.admin, school.id).await;
}

/// Reads repeatedly as a principal, asserts that reads do not go back, and returns their number.
async fn read_forward(
    database: &ledger_store::Database,
    school_id: ledger_core::SchoolId,
    stop: &CancellationToken,
) -> usize {
    let viewer = Viewer {
        school_id,
        role: Role::Principal,
        member_id: None,
    };
    let (mut last, mut reads) = ((Seq::ZERO, units(0)), 0);
    while !stop.is_cancelled() {
        let mut read = TenantRead::begin(database, &viewer).await.unwrap();
        let now = support::school::start();
        let Some(seen) = balance::read::school(&mut read, now).await.unwrap() else {
            assert_eq!(last.0, Seq::ZERO, "a school that was seen is gone");
            continue;
        };
        read.finish().await.unwrap();
        let used = seen
            .services
            .iter()
            .find(|s| s.service.as_str() == "claude_messages");
        let seen = (seen.seq, used.unwrap().used);
        assert!(seen >= last, "{seen:?} after {last:?}");
        last = seen;
        reads += 1;
    }
    reads
}

#[tokio::test]
async fn a_concurrent_rebuild_of_the_same_read_model_is_refused() {
    let db = test_database().await;
    let mut other = db.projector().acquire().await.unwrap();
    sqlx::query("SELECT pg_advisory_lock(hashtextextended('ledger.rebuild.usage', 0))")
        .execute(&mut *other)
        .await
        .unwrap();
    let (registry, never) = (Registry::standard(), CancellationToken::new());
    let name = ProjectionName::Usage;
    let refused = rebuild(&db.database, &registry, name, &never)
        .await
        .unwrap_err();
    assert!(matches!(
        refused,
        RebuildError::InProgress(ProjectionName::Usage)
    ));
    assert_eq!(builds(&db.admin, name).await, (1, None));
    let name = ProjectionName::Roster;
    rebuild(&db.database, &registry, name, &never)
        .await
        .unwrap();
    assert_eq!(builds(&db.admin, name).await, (2, None));
}

#[tokio::test]
async fn an_interrupted_or_killed_rebuild_is_continued_also_by_workers() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = ledger.roomy_school().await;
    school.debits("before", member(1), 6_000).await;
    let (registry, settings) = (Registry::standard(), WorkerSettings::default());
    catch_up(&db.database, &registry, &settings).await.unwrap();

    let (name, cancelled) = (ProjectionName::Usage, CancellationToken::new());
    cancelled.cancel();
    let interrupted = rebuild(&db.database, &registry, name, &cancelled)
        .await
        .unwrap_err();
    assert!(matches!(interrupted, RebuildError::Interrupted));
    assert_eq!(builds(&db.admin, name).await, (1, Some(2)));

    let killed = {
        let (database, registry) = (db.another(), registry.clone());
        let never = CancellationToken::new();
        tokio::spawn(async move {
            rebuild(&database, &registry, name, &never)
                .await
                .map(|_| ())
        })
    };
    let stand = "SELECT coalesce(max(seq), 0) FROM projection_checkpoint WHERE build = 2";
    while sqlx::query_scalar::<_, i64>(stand)
        .fetch_one(&db.admin)
        .await
        .unwrap()
        == 0
    {}
    killed.abort();
    let _ = killed.await;

    // Any worker folds the build in progress.
    catch_up(&db.database, &registry, &settings).await.unwrap();
    let lagging = "SELECT count(*) FROM projection_checkpoint
                     JOIN stream USING (school_id) WHERE seq < head_seq";
    let lagging: i64 = sqlx::query_scalar(lagging)
        .fetch_one(&db.admin)
        .await
        .unwrap();
    assert_eq!(lagging, 0);

    let never = CancellationToken::new();
    let rebuilt = loop {
        // The lock of the killed rebuild ends once the server notices.
        match rebuild(&db.database, &registry, name, &never).await {
            Err(RebuildError::InProgress(_)) => tokio::task::yield_now().await,
            rebuilt => break rebuilt.unwrap(),
        }
    };
    let (live, next) = builds(&db.admin, name).await;
    assert_eq!((rebuilt.build, next), (Build(live), None));
    assert_equals_log(&db.admin, school.id).await;
}

#[tokio::test]
async fn a_halted_rebuild_fails_and_does_not_change_the_live_build() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = ledger.roomy_school().await;
    let at_fault = school.debits("before", member(1), 30).await;
    school.debits("after", member(1), 30).await;
    let settings = WorkerSettings::default();
    catch_up(&db.database, &Registry::standard(), &settings)
        .await
        .unwrap();

    let (name, never) = (ProjectionName::Usage, CancellationToken::new());
    let broken = broken_usage(school.id, at_fault, Some(Build(2)));
    let stopped = rebuild(&db.database, &broken.registry, name, &never)
        .await
        .unwrap_err();
    let RebuildError::Halted {
        school_id,
        failed_seq,
        ..
    } = stopped
    else {
        panic!("{stopped}")
    };
    assert_eq!((school_id, failed_seq), (school.id, at_fault));
    assert_eq!(builds(&db.admin, name).await, (1, Some(2)));
    assert_equals_log(&db.admin, school.id).await;

    // A program that can apply the event continues the rebuild.
    let registry = Registry::standard();
    let rebuilt = rebuild(&db.database, &registry, name, &never)
        .await
        .unwrap();
    assert_eq!(rebuilt.build, Build(2));
    assert_equals_log(&db.admin, school.id).await;
}
