//! Decisions that meet: on an old version, a second time, at two servers at once.

use ledger_core::request::{
    ApproveRequest, FileRequest, RequestCommand, RequestStatus, TTL_SECONDS, Urgency,
};
use ledger_core::{Action, Refusal, RequestId, Role, Timestamp};
use ledger_store::writer::{Envelope, RefusedBy, WriterSettings};
use ledger_tests::postgres::Postgres;
use ledger_tests::school::{CLAUDE, School, envelope_at, fresh, now, reason, units, writer};
use ledger_tests::server::{Answer, Person, Server};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Request, World, ask};

#[tokio::test]
async fn a_decision_is_made_on_the_version_that_was_read() {
    let world = World::start().await;
    let request = world.asks_for(20).await;
    let no = json!({"reason": "no"});
    let stale = [("if-match", "\"1\"")];
    let answer = request
        .post_with(&world.principal, "reject", &stale, &no)
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem()),
        (412, "precondition-failed".to_owned())
    );
    assert_eq!(format!("\"{}\"", answer.body["version"]), request.etag);
    let read = [("if-match", request.etag.as_str())];
    let rejected = request
        .post_with(&world.principal, "reject", &read, &no)
        .await;
    assert_eq!(rejected.status, 200, "{}", rejected.body);
    assert_ne!(rejected.headers["etag"].to_str().unwrap(), request.etag);
    assert_eq!(
        request.read_after(&world.teacher, &rejected).await.headers["etag"],
        rejected.headers["etag"]
    );
    let late = request
        .post_with(&world.principal, "approve", &read, &json!({}))
        .await;
    assert_eq!(late.problem(), "precondition-failed");
    let any = [("if-match", "*")];
    let late = request
        .post_with(&world.principal, "approve", &any, &json!({}))
        .await;
    assert_eq!(late.problem(), "request-closed");
    world.server.stop().await;
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_answered_again_and_done_once() {
    let world = World::start().await;
    let path = world.school.path("/requests");
    let key = [("idempotency-key", "ask-1")];
    let file = async |who: &Person, body: &Value| {
        let response = who.send_with(Method::POST, &path, &key, Some(body)).await;
        Answer::of(response).await.unwrap()
    };
    let first = file(&world.teacher, &ask(20)).await;
    let again = file(&world.teacher, &ask(20)).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 200));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    for name in ["request_id", "seq", "event_id", "version", "expires_at"] {
        assert_eq!(first.body[name], again.body[name], "{name}");
    }
    let other = file(&world.teacher, &ask(21)).await;
    assert_eq!(other.problem(), "idempotency-key-reused");
    // The same words of somebody else are another request.
    let school = Some(world.school.id);
    let colleague = world
        .server
        .person(Role::Teacher, school, world.school.members[1]);
    assert_eq!(
        file(&colleague, &ask(20)).await.problem(),
        "idempotency-key-reused"
    );

    let request = Request::of(&world, &first);
    let key = [("idempotency-key", "approve-1")];
    let body = json!({"reason": "well earned"});
    let first = request
        .post_with(&world.principal, "approve", &key, &body)
        .await;
    let again = request
        .post_with(&world.principal, "approve", &key, &body)
        .await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (200, 200));
    assert!(!first.headers.contains_key("idempotent-replayed"));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(first.body["allocations"], again.body["allocations"]);
    assert_eq!(first.headers["etag"], again.headers["etag"]);
    let otherwise = request
        .post_with(&world.principal, "reject", &key, &body)
        .await;
    assert_eq!(otherwise.problem(), "idempotency-key-reused");
    assert_eq!(world.allocated().await, 30);
    world.server.stop().await;
}

#[tokio::test]
async fn two_principals_at_two_servers_grant_once() {
    let world = World::start().await;
    let there = Server::start(&world.postgres).await;
    let other = there.as_role(Role::Principal, Some(world.school.id));
    for round in 1..=8_i64 {
        let request = world.asks_for(1).await;
        let (here, elsewhere) = tokio::join!(
            request.post(&world.principal, "approve", json!({})),
            request.post(&other, "approve", json!({})),
        );
        let mut statuses = [here.status.as_u16(), elsewhere.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{} {}", here.body, elsewhere.body);
        let late = if here.status == 409 { here } else { elsewhere };
        assert_eq!(late.problem(), "request-closed");
        assert_eq!(late.body["request_status"], "approved");
        assert_eq!(world.allocated().await, 10 + round);
    }
    world.server.stop().await;
    there.stop().await;
}

fn asks(school: &School, request_id: RequestId, at: Timestamp) -> Envelope {
    let file = RequestCommand::File(FileRequest {
        request_id,
        member_id: school.members[0],
        units: vec![(CLAUDE.to_owned(), units(5))],
        justification: reason(),
        urgency: Urgency::Normal,
    });
    envelope_at(at, fresh(), Action::Request(file))
}

fn approves(request_id: RequestId, at: Timestamp) -> Envelope {
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
async fn how_a_request_ended_is_known_in_its_batch_after_it_and_to_another_process() {
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let (here, _tasks) = writer(&database, WriterSettings::default());
    let (there, _more_tasks) = writer(&database, WriterSettings::default());
    let school = School::register(&here, 100, 1, 10).await;
    let [one, other, unknown] = [1, 2, 3].map(|n| RequestId(Uuid::from_u128(n)));
    let at = now();
    let closed = |request_id, status| Refusal::RequestClosed { request_id, status };

    // In one batch.
    let batch = vec![asks(&school, one, at), approves(one, at), approves(one, at)];
    let mut answers = here.submit_all(school.id, batch).await.unwrap();
    let late = refusal(answers.pop().unwrap());
    assert_eq!(late, closed(one, RequestStatus::Approved));
    assert!(answers.into_iter().all(|answer| answer.is_ok()));
    // After it, here and elsewhere.
    for writer in [&here, &there] {
        let late = refusal(school.send(writer, approves(one, at)).await);
        assert_eq!(late, closed(one, RequestStatus::Approved));
        let nothing = refusal(school.send(writer, approves(unknown, at)).await);
        assert_eq!(
            nothing,
            Refusal::RequestNotFound {
                request_id: unknown
            }
        );
    }
    // Running out is recorded by whoever comes first, and the refusal says it.
    let filed = school.send(&here, asks(&school, other, at)).await.unwrap();
    let later = at.plus_seconds(TTL_SECONDS);
    let before = approves(other, later.plus_seconds(-1)).with_dry_run(true);
    assert_eq!(school.send(&here, before).await.unwrap().events.len(), 2);
    let late = refusal(school.send(&there, approves(other, later)).await);
    assert_eq!(late, closed(other, RequestStatus::Expired));
    let read = approves(other, later).with_version(Some(filed.seq));
    let moved = school.send(&here, read).await.unwrap_err().reason;
    assert!(matches!(moved, RefusedBy::VersionMoved { .. }), "{moved:?}");
    let late = refusal(school.send(&here, approves(other, later)).await);
    assert_eq!(late, closed(other, RequestStatus::Expired));
}
