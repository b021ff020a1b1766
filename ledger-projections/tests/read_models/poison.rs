//! An event that cannot be applied halts its school's projection, visibly, and no other.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::support::brittle::broken_usage;
use crate::support::compare::assert_equals_log;
use crate::support::database::test_database;
use crate::support::school::{Ledger, member, start};
use ledger_core::{SchoolId, Seq};
use ledger_projections::{
    FreshnessError, Progress, ProjectionName, Registry, Worker, WorkerSettings, catch_up, wait_for,
};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

/// (name, seq, failed_seq) of each read model of a school.
async fn checkpoints(admin: &PgPool, school_id: SchoolId) -> Vec<(String, i64, Option<i64>)> {
    sqlx::query_as(
        "SELECT name, seq, failed_seq FROM projection_checkpoint
          WHERE school_id = $1 ORDER BY name",
    )
    .bind(school_id.0)
    .fetch_all(admin)
    .await
    .unwrap()
}

/// Whether a projection of a school is halted.
async fn is_halted(admin: &PgPool, school_id: SchoolId, name: &str) -> bool {
    let checkpoints = checkpoints(admin, school_id).await;
    let checkpoint = checkpoints.iter().find(|(of, ..)| of == name);
    checkpoint.is_some_and(|(.., failed)| failed.is_some())
}

/// Appends an event of a kind of a newer program.
async fn append_unknown(admin: &PgPool, school_id: SchoolId) -> i64 {
    sqlx::query_scalar(
        "WITH head AS (
             UPDATE stream SET head_seq = head_seq + 1 WHERE school_id = $1 RETURNING head_seq
         )
         INSERT INTO event (seq, occurred_at, recorded_at, school_id, event_id, actor_id, version,
                            kind, actor_role, payload)
         SELECT head_seq, $2, $2, $1, gen_random_uuid(), gen_random_uuid(), 1, 'units_borrowed',
                'principal', '{}'
           FROM head
         RETURNING seq",
    )
    .bind(school_id.0)
    .bind(start().get())
    .fetch_one(admin)
    .await
    .unwrap()
}

#[tokio::test]
async fn an_event_of_a_newer_program_halts_its_school_and_no_other() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let (hurt, sound) = (ledger.roomy_school().await, ledger.roomy_school().await);
    let last_good = hurt.debits("before", member(1), 9).await;
    let unknown = append_unknown(&db.admin, hurt.id).await;
    sound.debits("beside", member(1), 9).await;

    let settings = WorkerSettings::default();
    catch_up(&db.database, &Registry::standard(), &settings)
        .await
        .unwrap();

    assert_equals_log(&db.admin, sound.id).await;
    let halted: Vec<_> = [
        "balance",
        "history",
        "requests",
        "roster",
        "unattributed",
        "usage",
    ]
    .map(|name| (name.to_owned(), last_good.0, Some(unknown)))
    .to_vec();
    assert_eq!(checkpoints(&db.admin, hurt.id).await, halted);
    let failure: String = sqlx::query_scalar(
        "SELECT failure FROM projection_checkpoint WHERE school_id = $1 AND name = 'history'",
    )
    .bind(hurt.id.0)
    .fetch_one(&db.admin)
    .await
    .unwrap();
    assert!(failure.contains("units_borrowed"), "{failure}");

    // A read does not wait for a halted projection.
    let (progress, limit) = (Progress::default(), Duration::from_secs(5));
    let (name, asked) = (ProjectionName::Balance, Seq(unknown));
    let waited = wait_for(&db.database, &progress, hurt.id, name, asked, limit).await;
    let behind = FreshnessError::ProjectionBehind {
        at: last_good,
        asked,
    };
    assert_eq!(waited.unwrap_err().to_string(), behind.to_string());
}

#[tokio::test]
async fn one_projection_halts_without_the_others_and_resumes_once_it_can() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let (hurt, sound) = (ledger.roomy_school().await, ledger.roomy_school().await);
    let before = hurt.debits("before", member(1), 700).await;
    let at_fault = before.next();
    let head = hurt.debits("after", member(1), 500).await;
    sound.debits("beside", member(1), 9).await;

    let broken = broken_usage(hurt.id, at_fault, None);
    let settings = WorkerSettings::default();
    catch_up(&db.database, &broken.registry, &settings)
        .await
        .unwrap();

    assert_equals_log(&db.admin, sound.id).await;
    let expected: Vec<_> = [
        ("balance", head, None),
        ("history", head, None),
        ("requests", head, None),
        ("roster", head, None),
        ("unattributed", head, None),
        ("usage", before, Some(at_fault.0)),
    ]
    .map(|(name, seq, failed)| (name.to_owned(), seq.0, failed))
    .to_vec();
    assert_eq!(checkpoints(&db.admin, hurt.id).await, expected);

    // Another process can apply the event.
    broken.is_broken.store(false, Ordering::Relaxed);
    catch_up(&db.database, &broken.registry, &settings)
        .await
        .unwrap();
    assert_equals_log(&db.admin, hurt.id).await;
}

#[tokio::test]
async fn a_worker_retries_a_halted_projection_after_a_pause() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let hurt = ledger.roomy_school().await;
    let at_fault = hurt.debits("one", member(1), 1).await;
    let broken = broken_usage(hurt.id, at_fault, None);
    let pause = Duration::from_millis(300);
    let settings = WorkerSettings {
        pace: Duration::from_millis(1),
        poll: Duration::from_millis(5),
        halted_retry: pause,
        ..WorkerSettings::default()
    };
    let (progress, stop) = (Progress::default(), CancellationToken::new());
    let registry = broken.registry.clone();
    let worker = Worker::spawn(
        &db.database,
        &ledger.wakes,
        registry,
        &progress,
        settings,
        stop.clone(),
    );
    let limit = Duration::from_secs(5);
    let wait = |name, seq| wait_for(&db.database, &progress, hurt.id, name, seq, limit);
    wait(ProjectionName::Balance, at_fault).await.unwrap();
    while !is_halted(&db.admin, hurt.id, "usage").await {}
    let (started, failures) = (Instant::now(), broken.failures.load(Ordering::Relaxed));
    // The school is run for other projections without a retry of usage each time.
    for n in 0..20 {
        let seq = hurt.debits(&format!("more-{n}"), member(1), 1).await;
        wait(ProjectionName::Balance, seq).await.unwrap();
    }
    let tried = broken.failures.load(Ordering::Relaxed) - failures;
    // A retry halves the page until only the event at fault is left.
    let tries_per_retry = u128::from(settings.page_events.ilog2()) + 2;
    let retries = started.elapsed().as_millis() / pause.as_millis() + 1;
    let max = usize::try_from(retries * tries_per_retry).unwrap();
    assert!(tried <= max, "tried {tried} times, at most {max}");

    broken.is_broken.store(false, Ordering::Relaxed);
    while is_halted(&db.admin, hurt.id, "usage").await {}
    wait(ProjectionName::Usage, at_fault).await.unwrap();
    stop.cancel();
    worker.await.unwrap();
    let settings = WorkerSettings::default();
    catch_up(&db.database, &Registry::standard(), &settings)
        .await
        .unwrap();
    assert_equals_log(&db.admin, hurt.id).await;
}
