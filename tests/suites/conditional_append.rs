//! An append without a lock is as safe as one with a lock.

use futures::future::join_all;
use ledger_core::catalog::Event;
use ledger_core::usage::UsageEvent;
use ledger_core::{Refusal, Role, Seq};
use ledger_store::writer::{Answer, Receipt, RefusedBy, Writer, WriterSettings};
use ledger_store::{DatabaseRole, feed};
use ledger_tests::books;
use ledger_tests::postgres::{Postgres, role};
use ledger_tests::school::{School, allocate, debit, hold, now, settle, writer};
use ledger_tests::server::{HttpSchool, Server};

/// More consecutive batches than the writer requires before it appends without locks.
const CALM: usize = 40;

fn done(answer: Answer) -> Receipt {
    answer.unwrap()
}

fn is_shortfall(answer: Answer) -> bool {
    matches!(
        answer.unwrap_err().reason,
        RefusedBy::Rule(refusal) if matches!(*refusal, Refusal::Shortfall(_))
    )
}

/// Sends debits one after another, each a batch of its own.
async fn without_locks(writer: &Writer, school: &School, name: &str) {
    for n in 0..CALM {
        let debit = debit(&format!("{name}{n}"), school.members[0], 1);
        done(school.send(writer, debit).await);
    }
}

#[tokio::test]
async fn concurrent_writes_of_another_writer_are_detected() {
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let (here, _tasks) = writer(&database, WriterSettings::default());
    let (there, _more_tasks) = writer(&database, WriterSettings::default());
    let school = School::register(&here, 1_000, 1, 200).await;
    let member = school.members[0];

    without_locks(&here, &school, "a").await;
    let before = done(school.send(&here, debit("here", member, 1)).await).seq;
    assert_eq!(
        done(school.send(&there, debit("there", member, 1)).await).seq,
        before.next()
    );
    assert_eq!(
        done(school.send(&here, debit("here again", member, 1)).await).seq,
        before.next().next()
    );

    // The member has no units left, which only the other writer knows.
    without_locks(&here, &school, "b").await;
    let used = i64::try_from(2 * CALM + 3).unwrap();
    done(school.send(&there, allocate(member, used)).await);
    assert!(is_shortfall(
        school.send(&here, debit("too much", member, 1)).await
    ));

    // The member has units again, which only the other writer knows.
    done(school.send(&there, allocate(member, 300)).await);
    done(school.send(&here, debit("too much", member, 1)).await);

    // Two writers at the same time, both without locks.
    let clients = (0..64).map(|n| {
        let writer = if n % 8 == 0 { &there } else { &here };
        school.send(writer, debit(&format!("both{n}"), member, 3))
    });
    let spent = join_all(clients).await;
    let spent = spent.into_iter().filter(Result::is_ok).count();
    assert_eq!(spent, 64);

    let mut conn = role(&database, DatabaseRole::Writer)
        .acquire()
        .await
        .unwrap();
    let events = feed::read_after(&mut conn, school.id, Seq::ZERO, i64::MAX, None)
        .await
        .unwrap();
    let in_order = events
        .iter()
        .zip(1..)
        .all(|(event, seq)| event.seq.0 == seq);
    assert!(in_order, "seq has a gap");
    let Event::Usage(UsageEvent::Debited(last)) = &events.last().unwrap().event else {
        panic!("the last event is not a debit");
    };
    assert_eq!(last.balance.used.get(), used + 1 + 64 * 3);
}

#[tokio::test]
async fn a_repeated_command_is_applied_once() {
    let postgres = Postgres::start().await;
    let (writer, _tasks) = writer(&postgres.database(), WriterSettings::default());
    let school = School::register(&writer, 1_000, 1, 200).await;
    let member = school.members[0];

    let first = done(school.send(&writer, debit("x", member, 2)).await);
    without_locks(&writer, &school, "a").await;
    let again = done(school.send(&writer, debit("x", member, 2)).await);
    assert!(again.replayed && !first.replayed);
    assert_eq!((first.seq, first.events), (again.seq, again.events));

    // Another body with a used key is refused, whether or not it fits the quota.
    without_locks(&writer, &school, "b").await;
    for units in [3, 500] {
        let other = school.send(&writer, debit("x", member, units)).await;
        assert!(matches!(other.unwrap_err().reason, RefusedBy::KeyReused));
    }

    // Concurrent repetitions: one is applied, the others get its outcome.
    without_locks(&writer, &school, "c").await;
    let same = (0..16).map(|_| school.send(&writer, debit("y", member, 1)));
    let answers: Vec<_> = join_all(same).await.into_iter().map(done).collect();
    assert!(answers.windows(2).all(|pair| pair[0].seq == pair[1].seq));
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);

    // A hold is settled once, even if the state no longer contains it.
    without_locks(&writer, &school, "d").await;
    let at = now();
    done(school.send(&writer, hold(at, "h", member, 5, 60)).await);
    let settled = done(school.send(&writer, settle(at, "h", 4)).await);
    let again = done(school.send(&writer, settle(at, "h", 4)).await);
    assert!(again.replayed);
    assert_eq!(settled.events, again.events);
}

#[tokio::test]
async fn a_calm_stream_is_appended_without_a_lock_until_a_command_is_repeated() {
    let postgres = Postgres::start().await;
    let server = Server::start(&postgres).await;
    let school = HttpSchool::register(&server, 1_000, 1, 500).await;
    let proxy = server.as_role(Role::Proxy, Some(school.id));
    let debit = |n: usize| school.debit(&format!("d{n}"), school.members[0], 1);
    for n in 0..CALM {
        let _ = proxy.post(&school.path("/debits"), debit(n)).await.ok();
    }
    let without = batches(&server.base, "conditional").await;
    assert!(without > 0, "{CALM} debits were all written under locks");

    // After a repetition the writer takes locks again.
    assert_eq!(
        proxy.post(&school.path("/debits"), debit(0)).await.ok()["replayed"],
        true
    );
    let _ = proxy.post(&school.path("/debits"), debit(CALM)).await.ok();
    assert_eq!(batches(&server.base, "conditional").await, without);
    books::check(&postgres, school.id).await;
    server.stop().await;
}

/// The number of batches that the server wrote in this way, from its metrics.
async fn batches(base: &str, way: &str) -> u64 {
    let page = reqwest::get(format!("{base}/metrics")).await.unwrap();
    let page = page.text().await.unwrap();
    let name = format!("ledger_batch_seconds_count{{way=\"{way}\"}} ");
    page.lines()
        .find_map(|line| line.strip_prefix(&name)?.parse().ok())
        .unwrap_or(0)
}
