//! The read models equal the log for any page size, any number of processes and after any crash.

use crate::support;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::support::compare::assert_equals_log;
use crate::support::database::{TestDatabase, test_database};
use crate::support::random::{Dice, Life};
use crate::support::school::{Ledger, SERVICES, School, department, member, units};
use ledger_core::allocation::Change;
use ledger_core::catalog::Kind;
use ledger_core::usage::UsageEvent;
use ledger_core::{Event, OrgType, Quota, Role, Tier};
use ledger_projections::{
    Progress, ProjectionName, Registry, Worker, WorkerSettings, catch_up, wait_for,
};
use tokio_util::sync::CancellationToken;

/// One school of each kind of management, with members.
async fn lives(ledger: &Ledger, seed: u64) -> Vec<Life> {
    let kinds = [
        ((OrgType::K12, Tier::Enterprise), "America/New_York"),
        ((OrgType::Preschool, Tier::Pro), "Africa/Johannesburg"),
        ((OrgType::K12, Tier::Basic), "Asia/Kathmandu"),
    ];
    let mut lives = Vec::new();
    for (n, (plan, zone)) in (0..).zip(kinds) {
        let school = ledger.school(plan, zone, Quota::Finite(units(300))).await;
        for n in 0..5 {
            school.enrol(member(n), Role::Teacher).await;
        }
        if plan == (OrgType::K12, Tier::Enterprise) {
            open_departments(&school).await;
        }
        lives.push(Life::new(school, seed * 10 + n));
    }
    lives
}

/// Two departments with an allocation of each service, which members without one draw on.
async fn open_departments(school: &School) {
    school.let_draw_on_departments().await;
    for n in 0..2 {
        school.open(department(n), "Mathematics").await;
        for service in SERVICES {
            let some = Change::Set(Quota::Finite(units(60)));
            let allocated = school.allocate(department(n), service, some).await;
            allocated.unwrap();
        }
    }
}

async fn assert_all_equal(db: &TestDatabase, lives: &[Life]) {
    for life in lives {
        assert_equals_log(&db.admin, life.school.id).await;
    }
}

/// Some of the read models, so that their checkpoints differ.
fn some(dice: &mut Dice) -> Registry {
    let all = Registry::standard();
    let some: Vec<_> = all
        .iter()
        .filter(|_| !dice.one_in(3))
        .map(Arc::clone)
        .collect();
    Registry::new(some)
}

#[tokio::test]
async fn random_lives_are_folded_exactly_in_pages_of_any_size() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let (mut kinds, mut levels) = (BTreeSet::new(), BTreeSet::new());
    for seed in 1..=7 {
        let mut lives = lives(&ledger, seed).await;
        let mut dice = Dice::new(seed);
        for _ in 0..12 {
            for life in &mut lives {
                let commands = 1 + usize::try_from(dice.below(30)).unwrap();
                life.live(commands).await;
            }
            let settings = WorkerSettings {
                page_events: 1 + dice.amount(40),
                ..WorkerSettings::default()
            };
            let registry = some(&mut dice);
            catch_up(&db.database, &registry, &settings).await.unwrap();
        }
        let settings = WorkerSettings::default();
        catch_up(&db.database, &Registry::standard(), &settings)
            .await
            .unwrap();
        assert_all_equal(&db, &lives).await;
        for life in &lives {
            let log = support::compare::log(&db.admin, life.school.id).await;
            kinds.extend(log.iter().map(|recorded| recorded.event.kind()));
            levels.extend(log.iter().filter_map(|recorded| {
                let Event::Usage(UsageEvent::Debited(debited)) = &recorded.event else {
                    return None;
                };
                Some(debited.account.level.as_str())
            }));
            for written in &life.written {
                let at = usize::try_from(written.seq.0 - 1).unwrap();
                assert_eq!(&log[at], written, "the log has the written events");
            }
        }
    }
    assert_eq!(Vec::from_iter(kinds), Kind::ALL, "every kind of event");
    assert_eq!(Vec::from_iter(levels), ["department", "member", "pool"]);
}

#[tokio::test]
async fn a_worker_that_is_killed_anywhere_applies_each_event_once() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let mut lives = lives(&ledger, 9).await;
    let settings = WorkerSettings {
        page_events: 7,
        pace: Duration::ZERO,
        ..WorkerSettings::default()
    };
    let mut dice = Dice::new(9);
    for _ in 0..25 {
        let (progress, never) = (Progress::default(), CancellationToken::new());
        let registry = Registry::standard();
        let worker = Worker::spawn(
            &db.database,
            &ledger.wakes,
            registry,
            &progress,
            settings,
            never,
        );
        for life in &mut lives {
            life.live(usize::try_from(dice.below(12)).unwrap()).await;
        }
        // Aborted without a shutdown, at any point.
        worker.abort();
        assert!(worker.await.unwrap_err().is_cancelled());
    }
    catch_up(&db.database, &Registry::standard(), &settings)
        .await
        .unwrap();
    assert_all_equal(&db, &lives).await;
}

#[tokio::test]
async fn two_processes_fold_the_same_schools_side_by_side() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let mut lives = lives(&ledger, 5).await;
    let settings = WorkerSettings {
        page_events: 10,
        pace: Duration::from_millis(1),
        poll: Duration::from_millis(10),
        ..WorkerSettings::default()
    };
    let (progress, stop) = (Progress::default(), CancellationToken::new());
    let workers: Vec<_> = [db.another(), db.another()]
        .iter()
        .map(|database| {
            Worker::spawn(
                database,
                &ledger.wakes,
                Registry::standard(),
                &progress,
                settings,
                stop.clone(),
            )
        })
        .collect();
    for _ in 0..40 {
        for life in &mut lives {
            life.live(8).await;
        }
    }
    for life in &lives {
        let head = support::compare::log(&db.admin, life.school.id).await.len();
        let head = ledger_core::Seq(i64::try_from(head).unwrap());
        for name in ProjectionName::ALL {
            let limit = Duration::from_secs(5);
            wait_for(&db.database, &progress, life.school.id, name, head, limit)
                .await
                .unwrap();
        }
    }
    stop.cancel();
    for worker in workers {
        worker.await.unwrap();
    }
    assert_all_equal(&db, &lives).await;
}

#[tokio::test]
async fn a_worker_finds_appends_of_another_process_and_stops_when_cancelled() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = ledger
        .school((OrgType::K12, Tier::Enterprise), "UTC", Quota::Unlimited)
        .await;
    let (progress, stop) = (Progress::default(), CancellationToken::new());
    // Wake-ups of another process: these appends send none.
    let other_wakes = ledger_store::Wakes::default();
    let registry = Registry::standard();
    let settings = WorkerSettings {
        poll: Duration::from_millis(10),
        ..WorkerSettings::default()
    };
    let worker = Worker::spawn(
        &db.database,
        &other_wakes,
        registry,
        &progress,
        settings,
        stop.clone(),
    );
    let seq = school.enrol(member(1), Role::Teacher).await.seq;
    let limit = Duration::from_secs(5);
    let name = ProjectionName::Roster;
    wait_for(&db.database, &progress, school.id, name, seq, limit)
        .await
        .unwrap();
    stop.cancel();
    worker.await.unwrap();
    assert_equals_log(&db.admin, school.id).await;
}
