//! Refusals are counted and recorded once a minute.

use ledger_core::catalog::Event;
use ledger_core::usage::{RefusedFor, UsageEvent, UsageRefused};
use ledger_core::{MemberId, Role, Seq, Timestamp};
use ledger_store::writer::{Envelope, WriterSettings};
use ledger_store::{DatabaseRole, feed};
use ledger_tests::books;
use ledger_tests::postgres::{Postgres, role};
use ledger_tests::school::{School, debit, hold, writer};
use ledger_tests::server::{HttpSchool, Server};
use serde_json::json;

fn at(text: &str) -> Timestamp {
    Timestamp::new(text.parse().unwrap())
}

fn debit_at(now: &str, id: &str, member: MemberId, units: i64) -> Envelope {
    let mut envelope = debit(id, member, units);
    envelope.command.now = at(now);
    envelope
}

#[tokio::test]
async fn a_thousand_refusals_in_a_minute_are_one_event() {
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let (writer, tasks) = writer(&database, WriterSettings::default());
    let start = at("2099-01-01T07:00:00Z");
    let school = School::register_at(start, &writer, 100, (2, 10, None)).await;
    let [ada, bob] = [school.members[0], school.members[1]];

    for n in 0..1_000 {
        let debit = debit_at("2099-01-01T08:00:30Z", &format!("a{n}"), ada, 11);
        assert!(school.send(&writer, debit).await.is_err());
    }
    let late = debit_at("2099-01-01T08:01:00Z", "b", ada, 12);
    assert!(school.send(&writer, late).await.is_err());
    let too_large = hold(at("2099-01-01T08:01:59Z"), "c", bob, 99, 60);
    assert!(school.send(&writer, too_large).await.is_err());
    // Refusals of unknown members are not recorded: they could fill the log with ids.
    let stranger = MemberId(uuid::Uuid::now_v7());
    let nobody = debit_at("2099-01-01T08:01:59Z", "d", stranger, 1);
    assert!(school.send(&writer, nobody).await.is_err());
    // A debit that fits is not a refusal.
    let fits = debit_at("2099-01-01T08:02:00Z", "e", ada, 10);
    school.send(&writer, fits).await.unwrap();

    drop(writer);
    tasks.finish().await;
    let mut conn = role(&database, DatabaseRole::Writer)
        .acquire()
        .await
        .unwrap();
    let events = feed::read_after(&mut conn, school.id, Seq::ZERO, i64::MAX, None)
        .await
        .unwrap();
    let refused: Vec<_> = events
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Event::Usage(UsageEvent::Refused(refused)) => {
                assert_eq!(recorded.occurred_at, refused.minute);
                Some(summary(refused))
            }
            Event::School(_)
            | Event::Department(_)
            | Event::Allocation(_)
            | Event::Request(_)
            | Event::Usage(_)
            | Event::Period(_) => None,
        })
        .collect();
    let mut expected = vec![
        (ada, "2099-01-01T08:00:00Z".to_owned(), 1_000, 11_000),
        (ada, "2099-01-01T08:01:00Z".to_owned(), 1, 12),
        (bob, "2099-01-01T08:01:00Z".to_owned(), 1, 99),
    ];
    expected.sort();
    assert_eq!(refused, expected);
}

fn summary(refused: &UsageRefused) -> (MemberId, String, i64, i64) {
    assert_eq!(refused.reason, RefusedFor::QuotaExceeded);
    let minute = refused.minute.to_string();
    let (times, units) = (refused.times.get(), refused.units.get());
    (refused.member_id, minute, times, units)
}

#[tokio::test]
async fn refusals_are_in_the_rollups_and_in_the_history() {
    let postgres = Postgres::start().await;
    let server = Server::start(&postgres).await;
    let school = HttpSchool::register(&server, 1_000, 1, 10).await;
    let member = school.members[0];
    let proxy = server.as_role(Role::Proxy, Some(school.id));
    let principal = server.as_role(Role::Principal, Some(school.id));
    for n in 0..3 {
        let debit = school.debit(&format!("large{n}"), member, 11);
        let refused = proxy.post(&school.path("/debits"), debit).await;
        assert_eq!(refused.problem(), "quota-exceeded");
    }
    let suspend = school.path(&format!("/members/{member}/suspend"));
    let _ = principal.post(&suspend, json!({"reason": "r"})).await.ok();
    let debit = school.debit("suspended", member, 1);
    let refused = proxy.post(&school.path("/debits"), debit).await;
    assert_eq!(refused.problem(), "member-suspended");
    // A server that stops records its counted refusals.
    server.stop().await;

    let server = Server::start(&postgres).await;
    let head = books::check(&postgres, school.id).await;
    let auditor = server.as_role(Role::Auditor, Some(school.id));
    let usage = school.path(&format!(
        "/usage?granularity=month&from=2020-01-01&to=2099-12-31&group_by=member&min_seq={head}"
    ));
    let usage = auditor.get(&usage).await.ok();
    let sum = |field: &str| -> i64 {
        let rows = usage["rows"].as_array().unwrap();
        rows.iter().map(|row| row[field].as_i64().unwrap()).sum()
    };
    assert_eq!(sum("refusals"), 4);
    assert_eq!((sum("requests"), sum("active_members")), (0, 0));

    let history = school.path(&format!("/history?kind=usage_refused&min_seq={head}"));
    let history = auditor.get(&history).await.ok();
    let times: i64 = history["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["after"]["times"].as_i64().unwrap())
        .sum();
    assert_eq!(times, 4, "{history}");
    server.stop().await;
}
