//! Past balances of every holder equal those of `ledger replay`.

use ledger_core::Role;
use ledger_tests::books;
use ledger_tests::postgres::Postgres;
use ledger_tests::server::{HttpSchool, Server};
use serde_json::{Value, json};

/// The services of a balance, in the form that `ledger replay` prints too.
fn services(balance: &Value) -> &Value {
    &balance["services"]
}

#[tokio::test]
async fn a_balance_as_of_an_event_equals_the_replay() {
    let postgres = Postgres::start().await;
    let server = Server::start(&postgres).await;
    let school = HttpSchool::register(&server, 1_000, 2, 100).await;
    let [ada, bob] = [school.members[0], school.members[1]];
    let principal = server.as_role(Role::Principal, Some(school.id));
    let proxy = server.as_role(Role::Proxy, Some(school.id));
    for n in 0..5 {
        let debit = school.debit(&format!("d{n}"), ada, 3);
        let _ = proxy.post(&school.path("/debits"), debit).await.ok();
        let hold = school.debit(&format!("h{n}"), bob, 2);
        let _ = proxy.post(&school.path("/holds"), hold).await.ok();
        let path = school.path(&format!("/members/{bob}/allocations/claude_messages"));
        let set = json!({"units": 100 + n, "reason": "r"});
        let _ = principal.put(&path, set).await.ok();
    }
    let teacher = server.person(Role::Teacher, Some(school.id), ada);
    let head = books::check(&postgres, school.id).await;
    for seq in [1, 2, head / 2, head - 1, head] {
        let replayed = books::replay_to(&postgres, school.id, Some(seq)).await;
        let path = school.path(&format!("/balance?as_of_seq={seq}"));
        let then = principal.get(&path).await.ok();
        assert_eq!(then["seq"], seq);
        assert_eq!(services(&then), services(&replayed), "the school at {seq}");
        for member in replayed["members"].as_array().unwrap() {
            let id = member["member_id"].as_str().unwrap();
            let path = school.path(&format!("/members/{id}/balance?as_of_seq={seq}"));
            let then = principal.get(&path).await.ok();
            assert_eq!(services(&then), services(member), "{id} at {seq}");
        }
    }
    // A teacher reads their own past, which is folded from events that they cannot read.
    let own = school.path(&format!("/members/{ada}/balance?as_of_seq={head}"));
    assert_eq!(teacher.get(&own).await.ok()["seq"], head);
    let other = school.path(&format!("/members/{bob}/balance?as_of_seq={head}"));
    assert_eq!(teacher.get(&other).await.problem(), "member-not-found");
    // Before the enrolment the member does not exist.
    let early = school.path(&format!("/members/{bob}/balance?as_of_seq=1"));
    assert_eq!(principal.get(&early).await.problem(), "member-not-found");
    server.stop().await;
}

#[tokio::test]
async fn a_balance_as_of_an_instant_counts_the_events_recorded_by_then() {
    let postgres = Postgres::start().await;
    let server = Server::start(&postgres).await;
    let school = HttpSchool::register(&server, 1_000, 1, 100).await;
    let ada = school.members[0];
    let proxy = server.as_role(Role::Proxy, Some(school.id));
    let auditor = server.as_role(Role::Auditor, Some(school.id));
    for n in 0..6 {
        let debit = school.debit(&format!("d{n}"), ada, 1);
        let _ = proxy.post(&school.path("/debits"), debit).await.ok();
    }
    let head = books::check(&postgres, school.id).await;
    let events = auditor.get(&school.path("/events?limit=1000")).await.ok();
    for event in events["events"].as_array().unwrap() {
        // `+` in an instant would be a space.
        let at = event["recorded_at"].as_str().unwrap();
        assert!(at.ends_with('Z'));
        let path = school.path(&format!("/balance?as_of={at}"));
        let then = auditor.get(&path).await.ok();
        // If several events have the same instant, the last of them counts.
        assert!(then["seq"].as_i64() >= event["seq"].as_i64(), "{then}");
        let by_seq = school.path(&format!("/balance?as_of_seq={}", then["seq"]));
        assert_eq!(services(&auditor.get(&by_seq).await.ok()), services(&then));
    }
    for (query, problem) in [
        ("as_of=2020-01-01T00:00:00Z", "school-not-found"),
        ("as_of=2999-01-01T00:00:00Z", "invalid-request"),
        ("as_of=yesterday", "invalid-request"),
        ("as_of_seq=0", "school-not-found"),
        ("as_of_seq=1&as_of=2026-01-01T00:00:00Z", "invalid-request"),
        ("as_of_seq=1&period=2026-01-01", "invalid-request"),
        (&format!("as_of_seq={}", head + 1), "invalid-request"),
    ] {
        let answer = auditor
            .get(&school.path(&format!("/balance?{query}")))
            .await;
        assert_eq!(answer.problem(), problem, "{query}");
    }
    server.stop().await;
}
