//! The writer applies each command once and in order, with concurrent writers.

use std::time::Duration;

use ledger_core::catalog::Event;
use ledger_core::school::SchoolEvent;
use ledger_core::usage::UsageEvent;
use ledger_core::{ExternalId, Refusal, Role, SchoolId, Seq, ServiceId, fold};
use ledger_store::writer::{Answer, Receipt, RefusedBy, Writer, WriterSettings, load_as_of};
use ledger_store::{DatabaseRole, feed};
use ledger_tests::postgres::{Postgres, number, role};
use ledger_tests::school::{
    CLAUDE, School, allocate, debit, enrol, hold, now, register, release, settle, writer,
};
use sqlx::PgPool;

fn refusal(answer: Answer) -> Refusal {
    match answer.unwrap_err().reason {
        RefusedBy::Rule(refusal) => *refusal,
        RefusedBy::KeyReused | RefusedBy::VersionMoved { .. } => panic!("not refused by a rule"),
    }
}

fn accepted(answer: Answer) -> Receipt {
    answer.unwrap()
}

/// Folds the log from its first event; its head must equal the number of events.
async fn folded(pool: &PgPool, school: &School) -> ledger_core::SchoolState {
    let mut conn = pool.acquire().await.unwrap();
    let events = feed::read_after(&mut conn, school.id, Seq::ZERO, i64::MAX, None)
        .await
        .unwrap();
    for (index, event) in events.iter().enumerate() {
        assert_eq!(
            event.seq.0,
            i64::try_from(index).unwrap() + 1,
            "seq has a gap"
        );
    }
    fold(&events)
}

#[tokio::test]
async fn a_repeated_command_gets_its_first_outcome_unless_the_body_differs() {
    let postgres = Postgres::start().await;
    let (writer, _tasks) = writer(&postgres.database(), WriterSettings::default());
    let school = School::register(&writer, 100, 1, 10).await;
    let member = school.members[0];

    let first = accepted(school.send(&writer, debit("a", member, 3)).await);
    accepted(school.send(&writer, debit("b", member, 3)).await);
    let again = accepted(school.send(&writer, debit("a", member, 3)).await);
    assert!(!first.replayed && again.replayed);
    assert_eq!((first.seq, &first.events), (again.seq, &again.events));

    let other = school
        .send(&writer, debit("a", member, 4))
        .await
        .unwrap_err();
    assert!(matches!(other.reason, RefusedBy::KeyReused));

    // In one batch, and after a refusal of the first.
    let batch = vec![
        debit("c", member, 1),
        debit("c", member, 1),
        debit("d", member, 99),
    ];
    let answers = writer.submit_all(school.id, batch).await.unwrap();
    let [c, c_again, d] = <[Answer; 3]>::try_from(answers).unwrap();
    let (c, c_again) = (accepted(c), accepted(c_again));
    assert!(!c.replayed && c_again.replayed);
    assert_eq!(c.events, c_again.events);
    assert!(matches!(refusal(d), Refusal::Shortfall(_)));
    accepted(school.send(&writer, debit("d", member, 3)).await);
}

#[tokio::test]
async fn the_receipt_of_a_registration_has_its_first_period() {
    let postgres = Postgres::start().await;
    let (writer, _tasks) = writer(&postgres.database(), WriterSettings::default());
    let id = SchoolId(uuid::Uuid::now_v7());
    let request = register(100);

    for _ in 0..2 {
        let answer = writer.submit(id, request.clone()).await.unwrap();
        let receipt = accepted(answer);
        let Event::School(SchoolEvent::Registered(registered)) = &receipt.events[0].event else {
            panic!("{:?}", receipt.events);
        };
        assert_eq!(receipt.period, registered.period);
    }
}

#[tokio::test]
async fn a_repeated_batch_returns_all_its_events() {
    let postgres = Postgres::start().await;
    let (writer, _tasks) = writer(&postgres.database(), WriterSettings::default());
    let school = School::register(&writer, 100_000, 100, 10).await;
    let rows = school
        .members
        .iter()
        .map(|member| ledger_core::allocation::AllocationRow {
            holder: (*member).into(),
            service: CLAUDE.to_owned(),
            change: ledger_core::allocation::Change::Add(ledger_tests::school::units(5)),
            priority: None,
            auto_renew: None,
        });
    let batch = ledger_tests::school::envelope(
        ledger_core::CommandKey::Request(ledger_tests::school::key("import 1")),
        ledger_core::Action::Allocation(ledger_core::allocation::AllocationCommand::Apply {
            rows: rows.collect(),
            reason: ledger_tests::school::reason(),
            as_batch: true,
        }),
    );
    let first = accepted(school.send(&writer, batch.clone()).await);
    accepted(school.send(&writer, debit("x", school.members[0], 1)).await);
    let again = accepted(school.send(&writer, batch).await);
    assert_eq!(first.events.len(), 100);
    assert!(again.replayed);
    assert_eq!((first.seq, first.events), (again.seq, again.events));
}

#[tokio::test]
async fn a_hold_closes_once_also_after_its_expiry_and_a_reload() {
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let (writer, _tasks) = writer(&database, WriterSettings::default());
    let school = School::register(&writer, 100, 1, 10).await;
    let member = school.members[0];
    let start = now();

    accepted(school.send(&writer, hold(start, "h1", member, 4, 60)).await);
    accepted(school.send(&writer, hold(start, "h2", member, 4, 60)).await);
    accepted(
        school
            .send(&writer, hold(start, "h3", member, 2, 600))
            .await,
    );
    let full = refusal(school.send(&writer, hold(start, "h4", member, 1, 60)).await);
    assert!(matches!(full, Refusal::Shortfall(_)));

    // h1 and h2 expire, also for another writer, which loads the log.
    let later = start.plus_seconds(60);
    let (other, _other_tasks) = ledger_tests::school::writer(&database, WriterSettings::default());
    accepted(school.send(&other, hold(later, "h5", member, 8, 600)).await);
    let late = accepted(school.send(&other, settle(later, "h1", 3)).await);
    let Event::Usage(UsageEvent::HoldSettled(settled)) = &late.events[0].event else {
        panic!("{late:?}");
    };
    assert!(settled.late && settled.overage);
    assert!(accepted(school.send(&writer, settle(later, "h1", 3)).await).replayed);
    assert!(matches!(
        refusal(school.send(&writer, release(later, "h1")).await),
        Refusal::HoldClosed { .. }
    ));

    // The release of an expired hold changes nothing; an unknown one is not found.
    assert!(
        accepted(school.send(&writer, release(later, "h2")).await)
            .events
            .is_empty()
    );
    assert!(matches!(
        refusal(school.send(&writer, release(later, "nothing")).await),
        Refusal::HoldNotFound { .. }
    ));
    assert_eq!(
        accepted(school.send(&writer, release(later, "h3")).await)
            .events
            .len(),
        1
    );
    assert!(accepted(school.send(&other, release(later, "h3")).await).replayed);
}

#[tokio::test]
async fn an_external_id_identifies_its_member_until_removal() {
    let postgres = Postgres::start().await;
    let (writer, _tasks) = writer(&postgres.database(), WriterSettings::default());
    let school = School::register(&writer, 100, 1, 10).await;
    let ada = ledger_core::MemberId(uuid::Uuid::now_v7());
    let bob = ledger_core::MemberId(uuid::Uuid::now_v7());
    let external_id = ExternalId::new("proxy|42").unwrap();
    let by_subject = |id: &str| debit(id, external_id.clone(), 1);

    assert!(matches!(
        refusal(school.send(&writer, by_subject("1")).await),
        Refusal::MemberNotFound { member_id: None }
    ));
    accepted(
        school
            .send(&writer, enrol(ada, Role::Teacher, &["proxy|42", "ada@x"]))
            .await,
    );
    accepted(school.send(&writer, allocate(ada, 10)).await);
    let debited = accepted(school.send(&writer, by_subject("1")).await);
    assert_eq!(debited.events[0].event.member_id(), Some(ada));

    // Taken, also within one batch; free again after the removal.
    let taken = refusal(
        school
            .send(&writer, enrol(bob, Role::Teacher, &["proxy|42"]))
            .await,
    );
    assert!(matches!(taken, Refusal::ExternalIdTaken { .. }));
    let both = vec![
        enrol(bob, Role::Teacher, &["shared"]),
        enrol(
            ledger_core::MemberId(uuid::Uuid::now_v7()),
            Role::Teacher,
            &["shared"],
        ),
    ];
    let answers = writer.submit_all(school.id, both).await.unwrap();
    assert!(answers[0].is_ok() && answers[1].is_err());
    let leave = ledger_core::school::SchoolCommand::RemoveMember { member_id: ada };
    let leave = ledger_tests::school::envelope(
        ledger_tests::school::fresh(),
        ledger_core::Action::School(leave),
    );
    accepted(school.send(&writer, leave).await);
    let gone = refusal(school.send(&writer, by_subject("2")).await);
    assert!(matches!(gone, Refusal::MemberNotFound { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_writers_on_one_school_never_overspend_or_leave_a_gap() {
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let writers: Vec<_> = (0..2)
        .map(|_| writer(&database, WriterSettings::default()))
        .collect();
    let school = School::register(&writers[0].0, 1_000, 1, 1_000).await;
    let member = school.members[0];

    let clients = (0..64).map(|client| {
        let writer: Writer = writers[client % 2].0.clone();
        let school = school.clone();
        tokio::spawn(async move {
            let mut accepted = 0;
            for call in 0..30 {
                let answer = school.send(&writer, debit(&format!("{client}/{call}"), member, 1));
                accepted += i64::from(answer.await.is_ok());
            }
            accepted
        })
    });
    let accepted: i64 = futures::future::join_all(clients)
        .await
        .into_iter()
        .map(Result::unwrap)
        .sum();
    assert_eq!(accepted, 1_000);

    let superuser = postgres.superuser().await;
    let state = folded(&role(&database, DatabaseRole::Writer), &school).await;
    let line = state
        .member(member)
        .unwrap()
        .line(&ServiceId::new(CLAUDE).unwrap());
    assert_eq!((line.used.get(), line.held.get()), (1_000, 0));
    assert_eq!(
        number(
            &superuser,
            "SELECT count(*) FROM event WHERE kind = 'usage_debited'"
        )
        .await,
        1_000
    );
}

#[tokio::test]
async fn deleting_every_snapshot_changes_no_answer() {
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let settings = WriterSettings {
        snapshot_every: 10,
        ..WriterSettings::default()
    };
    let (writer, tasks) = writer(&database, settings);
    let school = School::register(&writer, 100_000, 3, 10_000).await;
    for n in 0..200 {
        let member = school.members[n % 3];
        accepted(school.send(&writer, debit(&n.to_string(), member, 1)).await);
    }
    drop(writer);
    tasks.finish().await;

    let superuser = postgres.superuser().await;
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while number(&superuser, "SELECT count(*) FROM snapshot").await == 0 {
        assert!(
            std::time::Instant::now() < deadline,
            "no snapshot was taken"
        );
        tokio::task::yield_now().await;
    }
    let pool = role(&database, DatabaseRole::Writer);
    let expected = folded(&pool, &school).await;
    let mut conn = pool.acquire().await.unwrap();
    assert_eq!(
        load_as_of(&mut conn, school.id, None).await.unwrap(),
        expected
    );
    let early = load_as_of(&mut conn, school.id, Some(Seq(100)))
        .await
        .unwrap();
    sqlx::query("DELETE FROM snapshot")
        .execute(&superuser)
        .await
        .unwrap();
    assert_eq!(
        load_as_of(&mut conn, school.id, None).await.unwrap(),
        expected
    );
    assert_eq!(
        load_as_of(&mut conn, school.id, Some(Seq(100)))
            .await
            .unwrap(),
        early
    );
    assert_eq!(early.head(), Seq(100));
}

#[tokio::test]
async fn an_unreadable_event_halts_only_its_school() {
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let (first, _first_tasks) = writer(&database, WriterSettings::default());
    let broken = School::register(&first, 100, 1, 10).await;
    let sound = School::register(&first, 100, 1, 10).await;
    let superuser = postgres.superuser().await;
    sqlx::query(
        "WITH last AS (UPDATE stream SET head_seq = head_seq + 1 WHERE school_id = $1
                       RETURNING school_id, head_seq)
         INSERT INTO event (school_id, seq, event_id, kind, version, actor_role, actor_id,
                            occurred_at, recorded_at, payload)
         SELECT school_id, head_seq, gen_random_uuid(), 'from_the_future', 1, 'system', school_id,
                now(), now(), '{}' FROM last",
    )
    .bind(broken.id.0)
    .execute(&superuser)
    .await
    .unwrap();

    // One shard, so that both schools are in one batch.
    let settings = WriterSettings {
        shards: 1,
        ..WriterSettings::default()
    };
    let (second, _second_tasks) = writer(&database, settings);
    let (of_broken, of_sound) = tokio::join!(
        second.submit(broken.id, debit("1", broken.members[0], 1)),
        second.submit(sound.id, debit("1", sound.members[0], 1)),
    );
    assert!(of_broken.is_err());
    assert!(of_sound.unwrap().is_ok());
}

#[tokio::test]
async fn a_dry_run_returns_the_events_and_appends_none() {
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let (writer, _tasks) = writer(&database, WriterSettings::default());
    let school = School::register(&writer, 100, 1, 10).await;
    let before = folded(&role(&database, DatabaseRole::Writer), &school).await;
    let would = allocate(school.members[0], 50).with_dry_run(true);
    let receipt = accepted(school.send(&writer, would.clone()).await);
    assert_eq!((receipt.events.len(), receipt.seq), (1, before.head()));
    assert_eq!(
        folded(&role(&database, DatabaseRole::Writer), &school).await,
        before
    );
    assert!(!accepted(school.send(&writer, would.with_dry_run(false)).await).replayed);
}
