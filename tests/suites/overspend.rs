//! Concurrent clients cannot spend more than the quota.

use futures::future::join_all;
use ledger_core::Role;
use ledger_tests::books;
use ledger_tests::postgres::Postgres;
use ledger_tests::server::{HttpSchool, Server};
use reqwest::StatusCode;

const UNITS: i64 = 1_000;
const CLIENTS: usize = 64;
/// 64 clients with 20 calls each: 280 calls more than there are units.
const CALLS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_as_many_calls_of_64_clients_on_two_servers_succeed_as_there_are_units() {
    let postgres = Postgres::start().await;
    let servers = [
        Server::start(&postgres).await,
        Server::start(&postgres).await,
    ];
    let school = HttpSchool::register(&servers[0], UNITS, 1, UNITS).await;
    let member = school.members[0];

    let clients = (0..CLIENTS).map(|client| {
        let proxy = servers[client % 2].as_role(Role::Proxy, Some(school.id));
        let school = school.clone();
        tokio::spawn(async move {
            let mut statuses = Vec::new();
            for call in 0..CALLS {
                let debit = school.debit(&format!("{client}-{call}"), member, 1);
                statuses.push(proxy.post(&school.path("/debits"), debit).await.status);
            }
            statuses
        })
    });
    let statuses: Vec<StatusCode> = join_all(clients)
        .await
        .into_iter()
        .flat_map(Result::unwrap)
        .collect();
    let count = |status| statuses.iter().filter(|s| **s == status).count();
    assert_eq!(count(StatusCode::CREATED), 1_000);
    assert_eq!(
        count(StatusCode::TOO_MANY_REQUESTS),
        CLIENTS * CALLS - 1_000
    );

    // Both servers agree with the log.
    let head = books::check(&postgres, school.id).await;
    for server in &servers {
        let auditor = server.as_role(Role::Auditor, Some(school.id));
        let path = school.path(&format!("/members/{member}/balance?min_seq={head}"));
        let balance = auditor.get(&path).await.ok();
        let services = balance["services"].as_array().unwrap();
        let claude = services
            .iter()
            .find(|s| s["service"] == "claude_messages")
            .unwrap();
        assert_eq!(
            (&claude["used"], &claude["available"]),
            (&1_000.into(), &0.into())
        );
    }
    for server in servers {
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_holds_debits_and_allocations_break_no_rule() {
    let postgres = Postgres::start().await;
    let server = Server::start(&postgres).await;
    let school = HttpSchool::register(&server, 500, 5, 50).await;
    let clients = (0..32).map(|client: usize| {
        let proxy = server.as_role(Role::Proxy, Some(school.id));
        let principal = server.as_role(Role::Principal, Some(school.id));
        let school = school.clone();
        tokio::spawn(async move {
            for call in 0..15_usize {
                let member = school.members[(client + call) % school.members.len()];
                let id = format!("{client}-{call}");
                match (client + call) % 4 {
                    0 => {
                        let units = 30 + (client * call) % 120;
                        let path = format!("/members/{member}/allocations/claude_messages");
                        let body = serde_json::json!({"units": units, "reason": "back and forth"});
                        principal.put(&school.path(&path), body).await;
                    }
                    1 => {
                        let hold = school.debit(&id, member, 5);
                        if proxy
                            .post(&school.path("/holds"), hold)
                            .await
                            .status
                            .is_success()
                        {
                            let units = serde_json::json!({"units": call % 9});
                            let path = school.path(&format!("/holds/{id}/settle"));
                            let _ = proxy.post(&path, units).await.ok();
                        }
                    }
                    _ => {
                        let debit = school.debit(&id, member, 2);
                        proxy.post(&school.path("/debits"), debit).await;
                    }
                }
            }
        })
    });
    for client in join_all(clients).await {
        client.unwrap();
    }
    books::check(&postgres, school.id).await;
    server.stop().await;
}
