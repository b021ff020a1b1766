//! Periods end at their instant and once, in busy and idle schools, and the closed books are
//! correct.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use ledger_core::catalog::Event;
use ledger_core::period::{PeriodClosed, PeriodEvent};
use ledger_core::usage::{
    AttributeUsage, CallFacts, CorrectUsage, Report, UsageCommand, UsageEvent,
};
use ledger_core::{
    Action, Attribute, CommandKey, EventId, MemberId, Owner, Recorded, Role, Seq, Timestamp, fold,
};
use ledger_projections::timekeeper::{CLAIM, Timekeeper, TimekeeperSettings};
use ledger_projections::{Registry, WorkerSettings, catch_up};
use ledger_store::writer::{Answer, Envelope, Receipt, Writer, WriterSettings, load_as_of};
use ledger_store::{Database, DatabaseRole, feed};
use ledger_tests::books;
use ledger_tests::postgres::{Postgres, number, role};
use ledger_tests::school::{
    CLAUDE, School, allocate_at, debit_at, envelope_at, fresh, hold, key, reason, settle, units,
    writer,
};
use ledger_tests::server::{Server, eventually};
use serde_json::json;
use uuid::Uuid;

fn at(text: &str) -> Timestamp {
    Timestamp::new(text.parse().unwrap())
}

fn accepted(answer: Answer) -> Receipt {
    answer.unwrap()
}

fn start() -> Timestamp {
    at("2026-01-20T08:00:00Z")
}

async fn log(database: &Database, school: &School) -> Vec<Recorded> {
    let mut conn = role(database, DatabaseRole::Writer)
        .acquire()
        .await
        .unwrap();
    let events = feed::read_after(&mut conn, school.id, Seq::ZERO, i64::MAX, None)
        .await
        .unwrap();
    let numbered = events
        .iter()
        .zip(1..)
        .all(|(event, seq)| event.seq.0 == seq);
    assert!(numbered, "seq has a gap");
    events
}

fn rollovers(events: &[Recorded]) -> Vec<&PeriodClosed> {
    events
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Event::Period(PeriodEvent::Closed(closed)) => Some(closed),
            Event::Period(PeriodEvent::Renewed(_))
            | Event::School(_)
            | Event::Department(_)
            | Event::Allocation(_)
            | Event::Request(_)
            | Event::Usage(_) => None,
        })
        .collect()
}

async fn apply_all(database: &Database) {
    catch_up(database, &Registry::standard(), &WorkerSettings::default())
        .await
        .unwrap();
}

/// A month whose end has an open hold, a hold that is settled late, and an expired one.
async fn month(writer: &Writer, school: &School, name: &str, from: Timestamp, end: Timestamp) {
    let [one, two] = [school.members[0], school.members[1]];
    let id = |what: &str| format!("{name} {what}");
    let before = |seconds: i64| end.plus_seconds(-seconds);
    for request in [
        debit_at(from, &id("debit"), one, 7),
        hold(before(500), &id("late"), one, 3, 60),
        hold(before(400), &id("out"), two, 2, 60),
        hold(before(30), &id("open"), one, 5, 300),
        hold(before(20), &id("over"), two, 5, 300),
        debit_at(end, &id("first"), one, 1),
        settle(end.plus_seconds(5), &id("open"), 4),
        settle(end.plus_seconds(6), &id("over"), 9),
        settle(end.plus_seconds(7), &id("late"), 3),
    ] {
        accepted(school.send(writer, request).await);
    }
}

#[tokio::test]
async fn the_books_of_every_period_are_the_sum_of_the_log() {
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let (writer, _tasks) = writer(&database, WriterSettings::default());
    let school = School::register_at(start(), &writer, 1_000, (3, 100, Some(true))).await;
    let months = [
        ("january", start(), at("2026-02-01T00:00:00Z")),
        (
            "february",
            at("2026-02-10T00:00:00Z"),
            at("2026-03-01T00:00:00Z"),
        ),
        // No usage in March and April.
        (
            "may",
            at("2026-05-10T00:00:00Z"),
            at("2026-06-01T00:00:00Z"),
        ),
    ];
    for (name, from, end) in months {
        month(&writer, &school, name, from, end).await;
        apply_all(&database).await;
    }
    let events = log(&database, &school).await;
    let closed: Vec<_> = rollovers(&events)
        .iter()
        .map(|roll| roll.closed.end.get().format("%m-%d").to_string())
        .collect();
    assert_eq!(closed, ["02-01", "03-01", "04-01", "05-01", "06-01"]);
    // A hold counts in the period in which it was placed; an expired one does not count.
    let pool = postgres.superuser().await;
    for (start, used) in [("2026-01-01", 23), ("2026-02-01", 24), ("2026-05-01", 23)] {
        let closed: (i64, i64) = sqlx::query_as(
            "SELECT used, held FROM balance_closed_pool
              WHERE service = 'claude_messages' AND period_start = ($1 || ' 00:00Z')::timestamptz",
        )
        .bind(start)
        .fetch_one(&pool)
        .await
        .unwrap();
        assert_eq!(closed, (used, 0), "{start}");
    }
    books::check(&postgres, school.id.0).await;

    // Loading from a snapshot equals folding the whole log.
    let mut conn = role(&database, DatabaseRole::Writer)
        .acquire()
        .await
        .unwrap();
    let loaded = load_as_of(&mut conn, school.id, None).await.unwrap();
    assert_eq!(loaded, fold(&events));
}

/// A report, sent at `now`, of usage that occurred at `at`.
fn report(now: Timestamp, id: &str, who: Option<MemberId>, n: i64, at: Timestamp) -> Envelope {
    let attribute = |text: &str| Attribute::new(text).unwrap();
    let command = Report {
        id: attribute(id),
        source: attribute("/gateway"),
        owner: who.map(Owner::Member),
        subject: None,
        service: attribute(CLAUDE),
        units: Some(units(n)),
        occurred_at: Some(at),
        call: CallFacts::default(),
    };
    let key = reported(id);
    envelope_at(now, key, Action::Usage(UsageCommand::Report(command)))
}

fn reported(id: &str) -> CommandKey {
    let attribute = |text: &str| Attribute::new(text).unwrap();
    CommandKey::Reported {
        source: attribute("/gateway"),
        id: attribute(id),
    }
}

fn refund(now: Timestamp, usage: &CommandKey, n: i64) -> Envelope {
    let command = CorrectUsage {
        usage_id: usage.first_event_id(),
        units: Some(units(n)),
        reason: reason(),
    };
    envelope_at(now, fresh(), Action::Usage(UsageCommand::Correct(command)))
}

fn attribute_to(now: Timestamp, usage: &CommandKey, member_id: MemberId) -> Envelope {
    let command = AttributeUsage {
        usage_id: usage.first_event_id(),
        member_id,
        service: None,
        reason: reason(),
    };
    envelope_at(
        now,
        fresh(),
        Action::Usage(UsageCommand::Attribute(command)),
    )
}

#[tokio::test]
async fn late_usage_of_a_closed_period_changes_only_its_books() {
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let (writer, _tasks) = writer(&database, WriterSettings::default());
    let school = School::register_at(start(), &writer, 1_000, (3, 100, Some(true))).await;
    let [one, two] = [school.members[0], school.members[1]];
    let january = at("2026-01-25T08:00:00Z");
    let now = at("2026-02-10T08:00:00Z");
    let debit = CommandKey::Debit(key("debit"));
    for request in [
        debit_at(january, "debit", one, 7),
        hold(at("2026-01-31T23:59:00Z"), "open", two, 5, 300),
        // The period has ended.
        debit_at(now, "february", one, 1),
        report(now, "late", Some(one), 20, january),
        report(now, "open", Some(one), 2, now),
        refund(now, &debit, 3),
        refund(now, &reported("late"), 4),
        refund(now, &CommandKey::Debit(key("february")), 1),
        report(now, "nobody's", None, 11, january),
        attribute_to(now, &reported("nobody's"), one),
        attribute_to(now, &reported("nobody's"), two),
        refund(now, &reported("nobody's"), 1),
        // Before the registration of the school.
        report(now, "before", Some(two), 9, at("2025-06-01T08:00:00Z")),
        refund(now, &reported("before"), 9),
    ] {
        accepted(school.send(&writer, request).await);
    }
    apply_all(&database).await;
    let pool = postgres.superuser().await;
    let lines: Vec<(String, i64)> = sqlx::query_as(
        "SELECT to_char(period_start AT TIME ZONE 'UTC', 'YYYY-MM'), used FROM (
             SELECT period_start, holder_id, service, used FROM balance_closed_line
             UNION ALL
             SELECT s.period_start, l.holder_id, l.service, l.used
               FROM balance_line AS l JOIN balance_school AS s USING (school_id, build)
         ) AS lines WHERE holder_id = ANY ($1) AND service = $2 ORDER BY period_start, holder_id",
    )
    .bind([one.0, two.0])
    .bind(CLAUDE)
    .fetch_all(&pool)
    .await
    .unwrap();
    let expected = [
        ("2025-06", 0),
        ("2026-01", 7 + 20 - 3 - 4),
        ("2026-01", 11 - 1),
        ("2026-02", 2),
        ("2026-02", 0),
    ];
    assert_eq!(
        lines,
        expected.map(|(month, used)| (month.to_owned(), used))
    );
    books::check(&postgres, school.id.0).await;
}

#[tokio::test]
async fn a_rollover_is_part_of_an_append_without_locks_and_other_processes_load_it() {
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let (here, _tasks) = writer(&database, WriterSettings::default());
    let (there, _more_tasks) = writer(&database, WriterSettings::default());
    let school = School::register_at(start(), &here, 1_000, (1, 100, Some(true))).await;
    let member = school.members[0];
    // Both have the state; one of them appends without locks.
    accepted(
        school
            .send(&there, debit_at(start(), "there", member, 1))
            .await,
    );
    for n in 0..40 {
        let debit = debit_at(start(), &format!("calm {n}"), member, 1);
        accepted(school.send(&here, debit).await);
    }
    // A year later, all due events are appended with the debit.
    let now = at("2027-01-20T08:00:00Z");
    let receipt = accepted(
        school
            .send(&here, debit_at(now, "a year later", member, 100))
            .await,
    );
    assert_eq!(receipt.period.start, at("2027-01-01T00:00:00Z"));
    assert_eq!(
        receipt.events.len(),
        1,
        "a receipt has the command's own events"
    );
    let Event::Usage(UsageEvent::Debited(debited)) = &receipt.events[0].event else {
        panic!("a debit");
    };
    assert_eq!(debited.balance.used, units(100));
    // The clock and the state of the other writer are behind.
    let behind = debit_at(start(), "behind", member, 0);
    let receipt = accepted(school.send(&there, behind).await);
    assert_eq!(receipt.period.start, at("2027-01-01T00:00:00Z"));
    let events = log(&database, &school).await;
    assert_eq!(rollovers(&events).len(), 12);
    let ids: BTreeSet<EventId> = events.iter().map(|event| event.event_id).collect();
    assert_eq!(ids.len(), events.len());
}

#[tokio::test]
async fn concurrent_processes_record_a_rollover_once() {
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let writers: Vec<_> = (0..3)
        .map(|_| writer(&database, WriterSettings::default()))
        .collect();
    let school = School::register_at(start(), &writers[0].0, 1_000, (4, 100, Some(true))).await;
    let end = at("2026-02-01T00:00:00Z");
    for (n, (writer, _)) in writers.iter().enumerate() {
        let debit = debit_at(start(), &format!("before {n}"), school.members[n], 10);
        accepted(school.send(writer, debit).await);
    }
    let clients = (0..60).map(|n| {
        let (writer, _) = &writers[n % 3];
        // Half of the clocks have passed the end of the period.
        let now = end.plus_seconds(if n % 2 == 0 { 1 } else { -1 });
        school.send(
            writer,
            debit_at(now, &format!("debit {n}"), school.members[n % 4], 1),
        )
    });
    for answer in join_all(clients).await {
        accepted(answer);
    }
    let events = log(&database, &school).await;
    let [roll] = rollovers(&events)[..] else {
        panic!("one rollover");
    };
    let closed = roll
        .pools
        .iter()
        .find(|pool| pool.service.as_str() == "claude_messages");
    let state = fold(&events);
    let opened = state.pool(&closed.unwrap().service).used.get();
    assert_eq!(
        closed.unwrap().used.get() + opened,
        90,
        "nothing is lost or doubled"
    );
    apply_all(&database).await;
    books::check(&postgres, school.id.0).await;
}

#[tokio::test]
async fn rollovers_of_idle_schools_are_recorded_by_one_worker_each() {
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let (writer, _tasks) = writer(&database, WriterSettings::default());
    let mut schools = Vec::new();
    for _ in 0..5 {
        schools.push(School::register_at(start(), &writer, 100, (1, 50, None)).await);
    }
    let one = schools[0].members[0];
    let ttl = 60;
    accepted(
        schools[0]
            .send(&writer, hold(start(), "out", one, 5, ttl))
            .await,
    );
    apply_all(&database).await;
    let keeper = || {
        let settings = TimekeeperSettings::default();
        Timekeeper::new(postgres.database(), writer.clone(), settings)
    };
    // The expiry of a hold is recorded a minute later.
    let later = start().plus_seconds(ttl + 6);
    assert_eq!(
        keeper().poll(start().plus_seconds(ttl + 1)).await.unwrap(),
        0
    );
    assert_eq!(keeper().poll(later).await.unwrap(), 1);
    apply_all(&database).await;
    let pool = postgres.superuser().await;
    assert_eq!(number(&pool, "SELECT count(*) FROM balance_hold").await, 0);

    // The month ends in all schools, and two workers look at the same time.
    let end = at("2026-02-01T00:00:00Z");
    let (first, second) = (keeper(), keeper());
    let (first, second) = tokio::join!(first.poll(end), second.poll(end));
    assert_eq!(first.unwrap() + second.unwrap(), 5);
    // A claim lasts until the read model has applied the events; then nothing is due.
    assert_eq!(keeper().poll(end).await.unwrap(), 0);
    apply_all(&database).await;
    let claim = i64::try_from(CLAIM.as_secs()).unwrap();
    assert_eq!(keeper().poll(end.plus_seconds(claim + 1)).await.unwrap(), 0);
    for school in &schools {
        let events = log(&database, school).await;
        assert_eq!(rollovers(&events).len(), 1);
        books::check(&postgres, school.id.0).await;
    }
}

#[tokio::test]
async fn a_rollover_of_many_allocations_is_few_events_and_an_entry_for_each() {
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let (writer, _tasks) = writer(&database, WriterSettings::default());
    let school = School::register_at(start(), &writer, 2_000, (1_001, 1, Some(true))).await;
    let end = at("2026-02-01T00:00:00Z");
    let kept = school.members[0];
    let caught_up = accepted(school.send(&writer, Envelope::catch_up(end)).await);
    assert!(caught_up.events.is_empty());
    accepted(school.send(&writer, allocate_at(end, kept, 2, None)).await);
    apply_all(&database).await;
    let events = log(&database, &school).await;
    let kinds: Vec<_> = events
        .iter()
        .rev()
        .take(4)
        .map(|e| e.event.kind().as_str())
        .collect();
    assert_eq!(
        kinds,
        [
            "units_allocated",
            "allocations_renewed",
            "allocations_renewed",
            "period_closed"
        ]
    );
    let pool = postgres.superuser().await;
    let renewed = "SELECT count(*) FROM history_entry
                    WHERE kind = 'allocations_renewed' AND cause = 'period_roll'
                      AND before = after - 'priority' AND service = 'claude_messages'";
    assert_eq!(number(&pool, renewed).await, 1_001);
    books::check(&postgres, school.id.0).await;

    // Pages of the history contain all entries of an event.
    let server = Server::start(&postgres).await;
    let principal = server.as_role(Role::Principal, Some(school.id.0));
    let path = |rest: &str| format!("/v1/schools/{}{rest}", school.id);
    // By the server's clock more months have passed; a read of a balance records their ends.
    let _ = principal.get(&path("/balance")).await.ok();
    books::caught_up(&pool).await;
    let (mut entries, mut next) = (0, path("/history?kind=allocations_renewed&limit=100"));
    loop {
        let page = principal.get(&next).await.ok();
        entries += page["entries"].as_array().unwrap().len();
        let Some(cursor) = page["next"].as_str() else {
            break;
        };
        next = path(&format!(
            "/history?kind=allocations_renewed&limit=100&cursor={cursor}"
        ));
    }
    let recorded = "SELECT count(*) FROM history_entry WHERE kind = 'allocations_renewed'";
    let recorded = usize::try_from(number(&pool, recorded).await).unwrap();
    assert!(
        entries == recorded && recorded > 2_000,
        "{entries} of {recorded}"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_read_after_the_end_shows_the_new_period_and_by_day_the_old_one() {
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let (writer, _tasks) = writer(&database, WriterSettings::default());
    let school = School::register_at(start(), &writer, 1_000, (2, 100, Some(true))).await;
    let [one, two] = [school.members[0], school.members[1]];
    accepted(school.send(&writer, debit_at(start(), "a", one, 30)).await);
    // The read models are in January; the server's clock is later.
    let server = Server::start_with(&postgres, &[("LEDGER_WORKERS", "1")]).await;
    let principal = server.as_role(Role::Principal, Some(school.id.0));
    let proxy = server.as_role(Role::Proxy, Some(school.id.0));
    let teacher = server.person(Role::Teacher, Some(school.id.0), one.0);
    let path = |rest: &str| format!("/v1/schools/{}{rest}", school.id);
    let own = path(&format!("/members/{one}/balance"));
    books::caught_up(&postgres.superuser().await).await;

    let balance = principal.get(&path("/balance")).await.ok();
    let claude = &balance["services"][1];
    assert_eq!(
        (&claude["allocated"], &claude["used"]),
        (&json!(200), &json!(0))
    );
    let ends = at(balance["period"]["end"].as_str().unwrap());
    assert!(ends > Timestamp::new(chrono::Utc::now()));
    let mine = teacher.get(&own).await.ok();
    assert_eq!(mine["services"][1]["available"], 100);
    assert_eq!(mine["period"], balance["period"]);
    let read = principal.get(&path("")).await.ok();
    assert_eq!(read["period"], balance["period"]);
    // `ledger replay` has the same period, recorded or not.
    let replayed = books::replay(&postgres, school.id.0).await;
    assert_eq!(replayed["period"], balance["period"]);

    // January, by any of its days, for every role that may read balances.
    for reader in [&principal, &proxy] {
        let january = reader.get(&path("/balance?period=2026-01-31")).await.ok();
        assert_eq!(january["period"]["end"], "2026-02-01T00:00:00Z");
        let claude = &january["services"][1];
        assert_eq!(
            (&claude["allocated"], &claude["used"]),
            (&json!(200), &json!(30))
        );
    }
    let january = teacher.get(&format!("{own}?period=2026-01-01")).await.ok();
    let claude = &january["services"][1];
    assert_eq!(
        (&claude["allocated"], &claude["used"]),
        (&json!(100), &json!(30))
    );
    assert_eq!(claude["auto_renew"], true);
    let other = path(&format!("/members/{two}/balance?period=2026-01-01"));
    assert_eq!(teacher.get(&other).await.problem(), "member-not-found");
    for day in ["2025-12-31", "2999-01-01"] {
        let none = principal
            .get(&path(&format!("/balance?period={day}")))
            .await;
        assert_eq!(none.problem(), "period-not-found", "{day}");
    }
    let wrong = principal.get(&path("/balance?period=january")).await;
    assert_eq!(wrong.problem(), "invalid-request");
    let nowhere = format!("/v1/schools/{}/balance?period=2026-01-01", Uuid::now_v7());
    let nowhere = server
        .as_role(Role::PlatformAdmin, None)
        .get(&nowhere)
        .await;
    assert_eq!(nowhere.problem(), "school-not-found");

    let events = principal.get(&path("/events?limit=1000")).await.ok();
    let types = events["events"].as_array().unwrap().iter();
    let types: BTreeSet<_> = types.map(|e| e["type"].as_str().unwrap()).collect();
    assert!(types.contains("period_closed") && types.contains("allocations_renewed"));
    let roll = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e["type"] == "period_closed");
    let roll = roll.unwrap();
    assert_eq!(
        (&roll["cause"], &roll["occurred_at"]),
        (&json!("period_roll"), &json!("2026-02-01T00:00:00Z"))
    );
    assert_eq!(roll["actor"]["role"], "system");
    server.stop().await;
}

#[tokio::test]
async fn a_worker_records_due_events_without_a_server() {
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let (writer, _tasks) = writer(&database, WriterSettings::default());
    let school = School::register_at(start(), &writer, 100, (1, 50, None)).await;
    let mut worker = tokio::process::Command::new(ledger_tests::server::executable())
        .arg("worker")
        .env("DATABASE_URL", postgres.url())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let pool = postgres.superuser().await;
    let is_current = "SELECT count(*) FROM balance_school WHERE period_end > now()";
    eventually("the idle school's new period", || async {
        number(&pool, is_current).await == 1
    })
    .await;
    let pid = nix::unistd::Pid::from_raw(worker.id().unwrap().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(30), worker.wait()).await;
    assert!(ended.unwrap().unwrap().success());
    assert!(rollovers(&log(&database, &school).await).len() > 1);
}
