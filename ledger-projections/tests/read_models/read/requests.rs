//! Requests, as of the reader's clock.

use ledger_core::request::{
    ApproveRequest, FileRequest, RejectRequest, RequestCommand, RequestStatus, TTL_SECONDS, Urgency,
};
use ledger_core::{Action, RequestId, Role, Timestamp};
use ledger_projections::requests::read::{RequestView, RequestsFilter, page, request};
use ledger_projections::{TenantRead, history};
use uuid::Uuid;

use super::{ADVANCED, as_principal, as_teacher, busy, fold_all, read};
use crate::support::database::test_database;
use crate::support::school::{Ledger, SERVICES, School, member, reason, start, units};

fn id(n: u128) -> RequestId {
    RequestId(Uuid::from_u128(n))
}

async fn file(school: &School, n: u128, who: u128, urgency: Urgency, at: Timestamp) {
    let service = SERVICES[usize::try_from(n % 3).unwrap()];
    let file = RequestCommand::File(FileRequest {
        request_id: id(n),
        member_id: member(who),
        units: vec![(service.to_owned(), units(5))],
        justification: reason("the science fair"),
        urgency,
    });
    school.act(Action::Request(file), at).await.unwrap();
}

/// Five requests of two teachers, one approved and one rejected.
async fn file_five(school: &School) {
    let at = |seconds: i64| start().plus_seconds(60 + seconds);
    file(school, 0, 1, Urgency::Low, at(0)).await;
    file(school, 1, 1, Urgency::High, at(1)).await;
    file(school, 2, 1, Urgency::Normal, at(2)).await;
    file(school, 3, 2, Urgency::High, at(3)).await;
    file(school, 4, 2, Urgency::Low, at(4)).await;
    let approve = RequestCommand::Approve(ApproveRequest {
        request_id: id(2),
        units: Some(vec![(SERVICES[2].to_owned(), units(3))]),
        reason: Some(reason("well earned")),
    });
    school.act(Action::Request(approve), at(9)).await.unwrap();
    let reject = RequestCommand::Reject(RejectRequest {
        request_id: id(4),
        reason: reason("not this month"),
    });
    school.act(Action::Request(reject), at(9)).await.unwrap();
}

async fn ids(reader: &mut TenantRead, filter: RequestsFilter, now: Timestamp) -> Vec<u128> {
    let page = page(reader, &filter, 99, now).await.unwrap();
    assert_eq!(page.next_after, None);
    let ids = page.requests.iter().map(|seen| seen.request_id.0.as_u128());
    ids.collect()
}

fn status(status: RequestStatus) -> RequestsFilter {
    RequestsFilter {
        status: Some(status),
        ..RequestsFilter::default()
    }
}

#[tokio::test]
async fn the_queue_is_sorted_by_urgency_and_then_by_age() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = busy(&ledger, ADVANCED).await;
    file_five(&school).await;
    fold_all(&db).await;
    let now = start().plus_seconds(100);
    let mut reader = as_principal(&db, &school).await;

    let pending = status(RequestStatus::Pending);
    assert_eq!(ids(&mut reader, pending, now).await, [1, 3, 0]);
    let all = RequestsFilter::default();
    assert_eq!(ids(&mut reader, all, now).await, [4, 3, 2, 1, 0]);
    let of_one = RequestsFilter {
        member_id: Some(member(1)),
        ..pending
    };
    assert_eq!(ids(&mut reader, of_one, now).await, [1, 0]);
    let approved = status(RequestStatus::Approved);
    assert_eq!(ids(&mut reader, approved, now).await, [2]);

    for mut filter in [pending, all] {
        let whole = ids(&mut reader, filter, now).await;
        let mut walked = Vec::new();
        loop {
            let page = page(&mut reader, &filter, 1, now).await.unwrap();
            walked.extend(page.requests.iter().map(|r| r.request_id.0.as_u128()));
            filter.after = page.next_after;
            if filter.after.is_none() {
                break;
            }
        }
        assert_eq!(walked, whole, "one by one");
    }
}

#[tokio::test]
async fn a_request_has_its_units_outcome_and_texts() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = busy(&ledger, ADVANCED).await;
    file_five(&school).await;
    fold_all(&db).await;
    let now = start().plus_seconds(100);
    let mut reader = as_principal(&db, &school).await;
    let seen = request(&mut reader, id(2), now).await.unwrap().unwrap();
    let of = |n| [(ledger_core::ServiceId::new(SERVICES[2]).unwrap(), units(n))].into();
    let RequestView {
        status,
        units,
        granted,
        justification,
        reason,
        ..
    } = &seen;
    assert_eq!(
        (*status, units, granted.as_ref()),
        (RequestStatus::Approved, &of(5), Some(&of(3)))
    );
    assert_eq!(justification.as_deref(), Some("the science fair"));
    assert_eq!(reason.as_deref(), Some("well earned"));
    assert_eq!(seen.decided_at, Some(start().plus_seconds(69)));
    assert_eq!(seen.decided_by.map(|by| by.role), Some(Role::Principal));
    assert_eq!(seen.expires_in_seconds, None);

    let grant = &history::read::page(&mut reader, &history::read::HistoryFilter::default(), 9)
        .await
        .unwrap()
        .entries[1];
    assert_eq!(grant.kind, "units_allocated");
    assert_eq!(grant.cause.as_deref(), Some("request"));
    assert_eq!(grant.request_id, Some(id(2)));
    assert!(request(&mut reader, id(9), now).await.unwrap().is_none());
}

#[tokio::test]
async fn a_request_is_expired_from_its_instant_on_recorded_or_not() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = busy(&ledger, ADVANCED).await;
    file_five(&school).await;
    fold_all(&db).await;
    let filed_at = start().plus_seconds(61);
    let expires_at = filed_at.plus_seconds(TTL_SECONDS);
    let mut reader = as_principal(&db, &school).await;

    let before = request(&mut reader, id(1), expires_at.plus_seconds(-1));
    let before = before.await.unwrap().unwrap();
    assert_eq!(before.status, RequestStatus::Pending);
    assert_eq!(before.expires_in_seconds, Some(1));
    assert_eq!((before.created_at, before.decided_at), (filed_at, None));
    let at = request(&mut reader, id(1), expires_at)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(at.status, RequestStatus::Expired);
    assert_eq!(
        (at.expires_in_seconds, at.decided_at),
        (None, Some(expires_at))
    );
    let pending = status(RequestStatus::Pending);
    assert_eq!(ids(&mut reader, pending, expires_at).await, [3]);
    let expired = status(RequestStatus::Expired);
    assert_eq!(ids(&mut reader, expired, expires_at).await, [1, 0]);

    // A command a day later records the expiry: the request differs in its version only.
    let later = expires_at.plus_seconds(24 * 3_600);
    school.debit("later", member(1), 1, later).await.unwrap();
    fold_all(&db).await;
    let mut reader = as_principal(&db, &school).await;
    let recorded = request(&mut reader, id(1), later).await.unwrap().unwrap();
    assert!(recorded.version > at.version);
    let version = at.version;
    assert_eq!(
        RequestView {
            version,
            ..recorded
        },
        at
    );
    assert_eq!(ids(&mut reader, expired, later).await, [3, 1, 0]);
}

#[tokio::test]
async fn a_teacher_sees_their_own_requests_with_texts_and_a_proxy_sees_none() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = busy(&ledger, ADVANCED).await;
    file_five(&school).await;
    fold_all(&db).await;
    let now = start().plus_seconds(100);
    let all = RequestsFilter::default();
    let mut teacher = as_teacher(&db, &school, 2).await;
    let mine = page(&mut teacher, &all, 9, now).await.unwrap();
    assert!(mine.requests.iter().all(|r| r.member_id == member(2)));
    let [rejected, pending] = &mine.requests[..] else {
        panic!("{mine:?}")
    };
    assert_eq!(rejected.reason.as_deref(), Some("not this month"));
    assert_eq!(pending.justification.as_deref(), Some("the science fair"));
    assert!(request(&mut teacher, id(1), now).await.unwrap().is_none());
    let mut proxy = read(&db, school.id, Role::Proxy, None).await;
    assert_eq!(ids(&mut proxy, all, now).await, [0; 0]);
    let mut auditor = read(&db, school.id, Role::Auditor, None).await;
    assert_eq!(ids(&mut auditor, all, now).await.len(), 5);
}
