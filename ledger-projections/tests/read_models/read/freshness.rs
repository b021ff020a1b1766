//! Waiting for an event to be applied.

use std::time::Duration;

use ledger_core::Seq;
use ledger_projections::{FreshnessError, Progress, ProjectionName, wait_for};

use super::{ADVANCED, busy, fold_all};
use crate::support::database::test_database;
use crate::support::school::{Ledger, member};

#[tokio::test]
async fn a_read_waits_for_the_requested_event_and_fails_without_it() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = busy(&ledger, ADVANCED).await;
    let progress = Progress::default();
    let (name, limit) = (ProjectionName::Balance, Duration::from_millis(30));
    let wait = |seq| wait_for(&db.database, &progress, school.id, name, seq, limit);
    wait(Seq::ZERO).await.unwrap();
    let behind = wait(Seq(1)).await.unwrap_err();
    let FreshnessError::ProjectionBehind { at, asked } = behind else {
        panic!("{behind}")
    };
    assert_eq!((at, asked), (Seq::ZERO, Seq(1)));
    fold_all(&db).await;
    wait(Seq(1)).await.unwrap();
    // Without a worker in this process, progress of another one is found by polling.
    let seq = school.debits("later", member(1), 1).await;
    let long = Duration::from_secs(5);
    let waiting = wait_for(&db.database, &progress, school.id, name, seq, long);
    let (waited, ()) = tokio::join!(waiting, fold_all(&db));
    waited.unwrap();
}
