//! The rows that each viewer sees, on one snapshot.

use ledger_core::{Role, SchoolId, Seq};
use ledger_projections::history::read::HistoryFilter;
use ledger_projections::roster::read::MembersFilter;
use ledger_projections::{ProjectionName, balance, history, roster, usage};

use super::usage::by_member;
use super::{ADVANCED, as_principal, as_teacher, busy, fold_all, read};
use crate::support::database::test_database;
use crate::support::school::{Ledger, member, start};

#[tokio::test]
async fn a_teacher_sees_their_own_rows() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = busy(&ledger, ADVANCED).await;
    fold_all(&db).await;
    let now = start();

    let mut teacher = as_teacher(&db, &school, 1).await;
    assert!(
        balance::read::member(&mut teacher, member(1), now)
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        balance::read::member(&mut teacher, member(2), now)
            .await
            .unwrap()
            .is_none()
    );
    let seen = balance::read::school(&mut teacher, now)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(seen.services, [], "no pools in a school that allocates");
    let mine = roster::read::members(&mut teacher, MembersFilter::default(), 9)
        .await
        .unwrap();
    assert_eq!(mine.members.len(), 1);
    let all = HistoryFilter::default();
    let mine = history::read::page(&mut teacher, &all, 99).await.unwrap();
    assert!(
        mine.entries
            .iter()
            .all(|entry| entry.member_id == Some(member(1)))
    );
    let mine = usage::read::rollup(&mut teacher, &by_member(), 99)
        .await
        .unwrap();
    assert_eq!(mine.rows.len(), 1);
}

#[tokio::test]
async fn a_proxy_sees_balances_and_nothing_else() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = busy(&ledger, ADVANCED).await;
    fold_all(&db).await;
    let (now, all) = (start(), HistoryFilter::default());
    let mut proxy = read(&db, school.id, Role::Proxy, None).await;
    assert!(
        balance::read::school(&mut proxy, now)
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        balance::read::member(&mut proxy, member(2), now)
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        roster::read::school(&mut proxy, start())
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        history::read::page(&mut proxy, &all, 99)
            .await
            .unwrap()
            .entries,
        []
    );
    assert_eq!(
        usage::read::rollup(&mut proxy, &by_member(), 99)
            .await
            .unwrap()
            .rows,
        []
    );
}

#[tokio::test]
async fn no_viewer_sees_another_school_with_any_query() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let (school, other) = (busy(&ledger, ADVANCED).await, busy(&ledger, ADVANCED).await);
    fold_all(&db).await;
    let now = start();
    let mut principal = as_principal(&db, &school).await;
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM balance_line WHERE school_id = $1")
        .bind(other.id.0)
        .fetch_one(principal.connection())
        .await
        .unwrap();
    assert_eq!(rows, 0);
    let mut stranger = read(&db, SchoolId(uuid::Uuid::nil()), Role::Principal, None).await;
    assert!(
        balance::read::school(&mut stranger, now)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        stranger.seq_of(ProjectionName::Usage).await.unwrap(),
        Seq::ZERO
    );
}

#[tokio::test]
async fn a_read_has_one_snapshot_and_cannot_write() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = busy(&ledger, ADVANCED).await;
    fold_all(&db).await;
    let mut reader = as_principal(&db, &school).await;
    let before = balance::read::school(&mut reader, start()).await.unwrap();
    school.debits("meanwhile", member(1), 2).await;
    fold_all(&db).await;
    assert_eq!(
        balance::read::school(&mut reader, start()).await.unwrap(),
        before
    );
    let written = sqlx::query("DELETE FROM balance_line")
        .execute(reader.connection())
        .await;
    assert!(written.is_err());
}
