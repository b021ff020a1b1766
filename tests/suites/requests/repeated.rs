//! Concurrent and repeated decisions: stale versions, retries and two servers.

use ledger_core::request::{
    ApproveRequest, FileRequest, RequestCommand, RequestStatus, TTL_SECONDS, Urgency,
};
use ledger_core::{Action, Refusal, RequestId, Role, Timestamp};
use ledger_store::writer::{Envelope, RefusedBy, WriterSettings};
use ledger_tests::postgres::Postgres;
use ledger_tests::school::{CLAUDE, School, envelope_at, fresh, now, reason, units, writer};
use ledger_tests::server::{Person, Server};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Request, request_for, start};
use crate::fixture::{assert_refused, send};

#[tokio::test]
async fn a_decision_applies_only_to_the_version_that_was_read() {
    let fixture = start().await;
    let request = fixture.filed_request(20).await;
    let no = json!({"reason": "no"});
    let stale = [("if-match", "\"1\"")];
    let answer = request
        .post_with(&fixture.principal, "reject", &stale, &no)
        .await;
    assert_refused(&answer, 412, "precondition-failed");
    assert_eq!(format!("\"{}\"", answer.body["version"]), request.etag);
    let read = [("if-match", request.etag.as_str())];
    let rejected = request
        .post_with(&fixture.principal, "reject", &read, &no)
        .await;
    assert_eq!(rejected.status, 200, "{}", rejected.body);
    assert_ne!(rejected.headers["etag"].to_str().unwrap(), request.etag);
    assert_eq!(
        request
            .read_after(&fixture.requester(), rejected.seq())
            .await
            .headers["etag"],
        rejected.headers["etag"]
    );
    let late = request
        .post_with(&fixture.principal, "approve", &read, &json!({}))
        .await;
    assert_eq!(late.problem(), "precondition-failed");
    let any = [("if-match", "*")];
    let late = request
        .post_with(&fixture.principal, "approve", &any, &json!({}))
        .await;
    assert_eq!(late.problem(), "request-closed");
    fixture.stop().await;
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_answer_and_takes_effect_once() {
    let fixture = start().await;
    let path = fixture.path("/requests");
    let key = [("idempotency-key", "ask-1")];
    let file =
        async |caller: &Person, body: &Value| send(caller, Method::POST, &path, &key, body).await;
    let first = file(&fixture.requester(), &request_for(20)).await;
    let again = file(&fixture.requester(), &request_for(20)).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 200));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    for name in ["request_id", "seq", "event_id", "version", "expires_at"] {
        assert_eq!(first.body[name], again.body[name], "{name}");
    }
    let other = file(&fixture.requester(), &request_for(21)).await;
    assert_eq!(other.problem(), "idempotency-key-reused");
    // The same body from another caller is another request.
    let colleague = fixture.teacher(fixture.school.members[1]);
    assert_eq!(
        file(&colleague, &request_for(20)).await.problem(),
        "idempotency-key-reused"
    );

    let request = Request::of(&fixture, &first);
    let key = [("idempotency-key", "approve-1")];
    let body = json!({"reason": "well earned"});
    let first = request
        .post_with(&fixture.principal, "approve", &key, &body)
        .await;
    let again = request
        .post_with(&fixture.principal, "approve", &key, &body)
        .await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (200, 200));
    assert!(!first.headers.contains_key("idempotent-replayed"));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(first.body["allocations"], again.body["allocations"]);
    assert_eq!(first.headers["etag"], again.headers["etag"]);
    let otherwise = request
        .post_with(&fixture.principal, "reject", &key, &body)
        .await;
    assert_eq!(otherwise.problem(), "idempotency-key-reused");
    assert_eq!(fixture.allocated().await, 30);
    fixture.stop().await;
}

#[tokio::test]
async fn concurrent_approvals_at_two_servers_grant_once() {
    let fixture = start().await;
    let other_server = Server::start(&fixture.postgres).await;
    let other = other_server.as_role(Role::Principal, Some(fixture.school.id));
    for round in 1..=8_i64 {
        let request = fixture.filed_request(1).await;
        let (first, second) =
            tokio::join!(request.approve(&fixture.principal), request.approve(&other),);
        let mut statuses = [first.status.as_u16(), second.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{} {}", first.body, second.body);
        let late = if first.status == 409 { first } else { second };
        assert_eq!(late.problem(), "request-closed");
        assert_eq!(late.body["request_status"], "approved");
        assert_eq!(fixture.allocated().await, 10 + round);
    }
    fixture.stop().await;
    other_server.stop().await;
}

fn file_envelope(school: &School, request_id: RequestId, at: Timestamp) -> Envelope {
    let file = RequestCommand::File(FileRequest {
        request_id,
        member_id: school.members[0],
        units: vec![(CLAUDE.to_owned(), units(5))],
        justification: reason(),
        urgency: Urgency::Normal,
    });
    envelope_at(at, fresh(), Action::Request(file))
}

fn approve_envelope(request_id: RequestId, at: Timestamp) -> Envelope {
    let approve = RequestCommand::Approve(ApproveRequest {
        request_id,
        units: None,
        reason: None,
    });
    envelope_at(at, fresh(), Action::Request(approve))
}

fn refusal(answer: ledger_store::writer::Answer) -> Refusal {
    match answer.unwrap_err().reason {
        RefusedBy::Rule(refusal) => *refusal,
        other @ (RefusedBy::KeyReused | RefusedBy::VersionMoved { .. }) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_late_decision_is_refused_with_the_outcome_in_any_batch_and_process() {
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let (here, _tasks) = writer(&database, WriterSettings::default());
    let (there, _more_tasks) = writer(&database, WriterSettings::default());
    let school = School::register(&here, 100, 1, 10).await;
    let [one, other, unknown] = [1, 2, 3].map(|n| RequestId(Uuid::from_u128(n)));
    let at = now();
    let closed = |request_id, status| Refusal::RequestClosed { request_id, status };

    // Within one batch.
    let batch = vec![
        file_envelope(&school, one, at),
        approve_envelope(one, at),
        approve_envelope(one, at),
    ];
    let mut answers = here.submit_all(school.id, batch).await.unwrap();
    let late = refusal(answers.pop().unwrap());
    assert_eq!(late, closed(one, RequestStatus::Approved));
    assert!(answers.into_iter().all(|answer| answer.is_ok()));
    // After the batch, in this process and in another.
    for writer in [&here, &there] {
        let late = refusal(school.send(writer, approve_envelope(one, at)).await);
        assert_eq!(late, closed(one, RequestStatus::Approved));
        let not_found = refusal(school.send(writer, approve_envelope(unknown, at)).await);
        assert_eq!(
            not_found,
            Refusal::RequestNotFound {
                request_id: unknown
            }
        );
    }
    // The first command after the expiry records it, and the refusal has it.
    let filed = school
        .send(&here, file_envelope(&school, other, at))
        .await
        .unwrap();
    let later = at.plus_seconds(TTL_SECONDS);
    let before = approve_envelope(other, later.plus_seconds(-1)).with_dry_run(true);
    assert_eq!(school.send(&here, before).await.unwrap().events.len(), 2);
    let late = refusal(school.send(&there, approve_envelope(other, later)).await);
    assert_eq!(late, closed(other, RequestStatus::Expired));
    let read = approve_envelope(other, later).with_version(Some(filed.seq));
    let moved = school.send(&here, read).await.unwrap_err().reason;
    assert!(matches!(moved, RefusedBy::VersionMoved { .. }), "{moved:?}");
    let late = refusal(school.send(&here, approve_envelope(other, later)).await);
    assert_eq!(late, closed(other, RequestStatus::Expired));
}
