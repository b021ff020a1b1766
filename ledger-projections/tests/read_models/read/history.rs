//! The history of changes.

use ledger_core::allocation::Change;
use ledger_core::catalog::Kind;
use ledger_core::{Quota, ServiceId};
use ledger_projections::history;
use ledger_projections::history::read::HistoryFilter;
use serde_json::json;

use super::{ADVANCED, as_principal, as_teacher, busy, fold_all};
use crate::support::database::test_database;
use crate::support::school::{Ledger, SERVICES, School, member, units};

/// A transfer between two members, and an allocation to the second.
async fn change(school: &School) {
    let transfer = Change::Transfer {
        units: units(4),
        to: member(2).into(),
    };
    school
        .allocate(member(1), SERVICES[0], transfer)
        .await
        .unwrap();
    let set = Change::Set(Quota::Finite(units(30)));
    school.allocate(member(2), SERVICES[0], set).await.unwrap();
}

#[tokio::test]
async fn the_history_has_actor_change_and_reason_in_pages() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = busy(&ledger, ADVANCED).await;
    change(&school).await;
    fold_all(&db).await;

    let mut reader = as_principal(&db, &school).await;
    let whole = history::read::page(&mut reader, &HistoryFilter::default(), 999)
        .await
        .unwrap();
    assert_eq!(whole.next_before, None);
    let [set, given, taken, ..] = &whole.entries[..] else {
        panic!("{whole:?}")
    };
    assert_eq!(set.kind, "units_allocated");
    assert_eq!(set.reason.as_deref(), Some("the science fair"));
    assert!(set.reason_commitment.is_some());
    assert_eq!(set.before, Some(json!({ "allocated": 14 })));
    assert_eq!(
        set.after,
        Some(json!({ "allocated": 30, "priority": "normal", "auto_renew": false }))
    );
    assert_eq!((given.seq, given.member_id), (taken.seq, Some(member(1))));
    assert_eq!(given.before, Some(json!({ "allocated": 10 })));
    let after = json!({ "allocated": 6, "units": 4, "to_member_id": member(2) });
    assert_eq!(given.after, Some(after));
    assert_eq!(taken.member_id, Some(member(2)));
    let after = json!({ "allocated": 14, "units": 4, "from_member_id": member(1) });
    assert_eq!(taken.after, Some(after));

    for limit in 1..=4 {
        let (mut walked, mut filter) = (Vec::new(), HistoryFilter::default());
        loop {
            let page = history::read::page(&mut reader, &filter, limit)
                .await
                .unwrap();
            assert!(page.entries.len() <= limit as usize + 1);
            walked.extend(page.entries);
            filter.before = page.next_before;
            if filter.before.is_none() {
                break;
            }
        }
        assert_eq!(walked, whole.entries, "in pages of {limit}");
    }
}

#[tokio::test]
async fn the_history_is_filtered_and_a_teacher_reads_their_own_reasons() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = busy(&ledger, ADVANCED).await;
    change(&school).await;
    fold_all(&db).await;
    let mut reader = as_principal(&db, &school).await;
    let filter = HistoryFilter {
        member_id: Some(member(2)),
        kind: Some(Kind::UnitsAllocated),
        service: Some(ServiceId::new(SERVICES[0]).unwrap()),
        ..HistoryFilter::default()
    };
    let page = history::read::page(&mut reader, &filter, 9).await.unwrap();
    let causes: Vec<_> = page.entries.iter().map(|e| e.cause.as_deref()).collect();
    assert_eq!(causes, [None, Some("enrolment")]);
    // The teacher's own reason is visible, the other member's entry of a transfer is not.
    let mut teacher = as_teacher(&db, &school, 2).await;
    let mine = history::read::page(&mut teacher, &HistoryFilter::default(), 2)
        .await
        .unwrap();
    assert_eq!(mine.entries[0].reason.as_deref(), Some("the science fair"));
    assert_eq!(mine.entries[1].member_id, Some(member(2)));
}
