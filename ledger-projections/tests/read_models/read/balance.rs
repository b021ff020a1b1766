//! Balances of pools and of lines, at any clock.

use ledger_core::allocation::Change;
use ledger_core::{Seq, Timestamp, fold};
use ledger_projections::balance;
use serde_json::json;

use super::{ADVANCED, DIRECT, as_principal, as_teacher, busy, fold_all};
use crate::support::compare::log;
use crate::support::database::test_database;
use crate::support::school::{Ledger, member, start};

/// 30 s and 70 s after the start one and both holds have expired, without a recorded expiry.
fn clocks() -> [Timestamp; 4] {
    [40, 59, 60, 80].map(|seconds| start().plus_seconds(seconds))
}

#[tokio::test]
async fn balances_equal_the_fold_at_any_clock() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    for plan in [ADVANCED, DIRECT] {
        let school = busy(&ledger, plan).await;
        fold_all(&db).await;
        let events = log(&db.admin, school.id).await;
        for now in clocks() {
            let mut state = fold(&events);
            while let Some(due) = ledger_core::due(&state, now) {
                let mut expiry = events[0].clone();
                expiry.seq = state.head().next();
                expiry.event = due.fact.event;
                ledger_core::evolve(&mut state, &expiry);
            }
            let mut reader = as_principal(&db, &school).await;
            let seen = balance::read::school(&mut reader, now)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(seen.seq, Seq(i64::try_from(events.len()).unwrap()));
            assert_eq!(seen.services.len(), 3);
            for service in &seen.services {
                let pool = state.pool(&service.service);
                assert_eq!(service.total, pool.total);
                assert_eq!(service.allocated, pool.allocated());
                assert_eq!(service.unallocated, pool.unallocated());
                assert_eq!((service.used, service.held), (pool.used, pool.held));
                assert_eq!(service.available, pool.available());
            }
            for n in [1, 2] {
                let mut reader = as_teacher(&db, &school, n).await;
                let seen = balance::read::member(&mut reader, member(n), now).await;
                let seen = seen.unwrap().unwrap();
                let names: Vec<_> = seen.services.iter().map(|s| s.service.as_str()).collect();
                assert_eq!(
                    names,
                    ["assessment_ai", "claude_messages", "content_generation"]
                );
                for service in &seen.services {
                    let line = if plan == DIRECT {
                        state.pool(&service.service).direct()
                    } else {
                        state.member(member(n)).unwrap().line(&service.service)
                    };
                    assert_eq!(service.allocated, line.allocated, "{now}");
                    assert_eq!(
                        (service.used, service.held),
                        (line.used, line.held),
                        "{now}"
                    );
                    assert_eq!(service.available, line.available());
                    assert_eq!(service.priority, line.priority);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_balance_serializes_as_in_the_contract() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = busy(&ledger, ADVANCED).await;
    school
        .allocate(member(1), "assessment_ai", Change::Revoke(None))
        .await
        .unwrap();
    fold_all(&db).await;
    let mut reader = as_principal(&db, &school).await;
    let seen = balance::read::school(&mut reader, start()).await.unwrap();
    let seen = serde_json::to_value(seen).unwrap();
    assert_eq!(seen["period"]["start"], "2026-11-15T00:00:00Z");
    assert_eq!(
        seen["services"][1],
        json!({ "service": "claude_messages", "total": 100, "allocated": 20, "unallocated": 80,
                "used": 5, "held": 6, "available": 89 })
    );
    let seen = balance::read::member(&mut reader, member(1), start())
        .await
        .unwrap();
    let seen = serde_json::to_value(seen).unwrap();
    assert_eq!(seen["status"], "active");
    assert_eq!(
        seen["services"][0],
        json!({ "service": "assessment_ai", "level": "member", "allocated": 0,
               "used": 0, "held": 0, "available": 0,
                "priority": "normal", "auto_renew": false })
    );
}
