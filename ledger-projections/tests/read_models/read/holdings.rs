//! The lines of all members that the viewer may see, page by page.

use ledger_core::fold;
use ledger_projections::balance::holdings;

use super::{ADVANCED, DIRECT, as_principal, as_teacher, busy, fold_all};
use crate::support::compare::log;
use crate::support::database::test_database;
use crate::support::school::{Ledger, member, start};

#[tokio::test]
async fn members_lines_equal_the_fold_at_any_clock() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = busy(&ledger, ADVANCED).await;
    fold_all(&db).await;
    let events = log(&db.admin, school.id).await;
    // The two open holds expire 60 s and 80 s after the start.
    for now in [40, 59, 60, 79, 80].map(|seconds| start().plus_seconds(seconds)) {
        let mut state = fold(&events);
        while let Some(due) = ledger_core::due(&state, now) {
            let mut expiry = events[0].clone();
            expiry.seq = state.head().next();
            expiry.event = due.fact.event;
            ledger_core::evolve(&mut state, &expiry);
        }
        let mut reader = as_principal(&db, &school).await;
        let page = holdings::page(&mut reader, None, now).await.unwrap();
        assert_eq!(page.len(), 2 * 3);
        assert!(page.is_sorted_by_key(|h| (h.member_id, h.line.service.clone())));
        for holding in &page {
            let seen = &holding.line;
            let line = state.member(holding.member_id).unwrap().line(&seen.service);
            assert_eq!(
                (seen.allocated, seen.used, seen.held, seen.available),
                (line.allocated, line.used, line.held, line.available()),
                "{now}"
            );
            assert_eq!(
                (seen.priority, seen.auto_renew),
                (line.priority, line.auto_renew)
            );
        }
        let rest = holdings::page(&mut reader, Some(member(1)), now)
            .await
            .unwrap();
        assert_eq!(rest, page[3..]);
        let end = holdings::page(&mut reader, Some(member(2)), now)
            .await
            .unwrap();
        assert_eq!(end, []);
    }
    let mut reader = as_teacher(&db, &school, 1).await;
    let own = holdings::page(&mut reader, None, start()).await.unwrap();
    assert!(own.iter().all(|holding| holding.member_id == member(1)));
}

#[tokio::test]
async fn there_are_no_lines_where_members_draw_on_the_pool() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = busy(&ledger, DIRECT).await;
    fold_all(&db).await;
    let mut reader = as_principal(&db, &school).await;
    let page = holdings::page(&mut reader, None, start()).await.unwrap();
    assert_eq!(page, []);
}
