//! Acknowledged commands survive exactly once if the server or Postgres is killed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ledger_core::Role;
use ledger_tests::books;
use ledger_tests::postgres::Postgres;
use ledger_tests::server::{HttpSchool, Person, Server, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Method, StatusCode};
use sqlx::PgPool;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use uuid::Uuid;

const CLIENTS: usize = 16;
const KILLS: usize = 3;

/// The clients' record: for each debit sent, the acknowledged seq, if any.
type Book = Arc<Mutex<BTreeMap<String, Option<i64>>>>;

/// Clients that debit until they are stopped, and retry unanswered calls.
struct Clients {
    book: Book,
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Clients {
    fn start(school: &HttpSchool, book: &Book, round: usize, proxy: &Person) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let tasks = (0..CLIENTS)
            .map(|client| {
                let (school, book) = (school.clone(), Arc::clone(book));
                let (stop, proxy) = (Arc::clone(&stop), proxy.clone());
                tokio::spawn(async move {
                    for call in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let id = format!("{round}-{client}-{call}");
                        book.lock().await.insert(id.clone(), None);
                        let member = school.members[client % school.members.len()];
                        if !debit(&school, &proxy, &book, &id, member).await {
                            return; // the server is gone
                        }
                    }
                })
            })
            .collect();
        Self {
            book: Arc::clone(book),
            stop,
            tasks,
        }
    }

    async fn acknowledged(&self) -> usize {
        self.book.lock().await.values().flatten().count()
    }

    async fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

/// Sends a debit and records its seq; returns false if there is no answer.
async fn debit(school: &HttpSchool, proxy: &Person, book: &Book, id: &str, member: Uuid) -> bool {
    let body = school.debit(id, member, 1);
    match proxy
        .try_send(Method::POST, &school.path("/debits"), Some(&body))
        .await
    {
        Ok(answer) if answer.status.is_success() => {
            let seq = answer.body["seq"].as_i64().unwrap();
            let known = book.lock().await.insert(id.to_owned(), Some(seq)).flatten();
            assert!(
                known.is_none_or(|known| known == seq),
                "{id} was acknowledged twice"
            );
            true
        }
        // The database is unavailable: to be sent again.
        Ok(answer) => {
            assert_eq!(
                answer.status,
                StatusCode::SERVICE_UNAVAILABLE,
                "{}",
                answer.body
            );
            true
        }
        Err(_) => false,
    }
}

/// Sends all unacknowledged debits again, and checks that the log contains each id once, at the
/// acknowledged position.
async fn resend_and_check(school: &HttpSchool, proxy: &Person, book: &Book, pool: &PgPool) {
    let open: Vec<String> = {
        let book = book.lock().await;
        book.iter()
            .filter(|(_, seq)| seq.is_none())
            .map(|(id, _)| id.clone())
            .collect()
    };
    for id in open {
        let client: usize = id.split('-').nth(1).unwrap().parse().unwrap();
        let member = school.members[client % school.members.len()];
        assert!(debit(school, proxy, book, &id, member).await);
    }
    let logged: BTreeMap<String, i64> = sqlx::query_as::<_, (String, i64)>(
        "SELECT key, seq FROM event WHERE school_id = $1 AND kind = 'usage_debited'",
    )
    .bind(school.id)
    .fetch_all(pool)
    .await
    .unwrap()
    .into_iter()
    .collect();
    let book = book.lock().await;
    assert_eq!(
        book.len(),
        logged.len(),
        "a debit is missing from the log or recorded twice"
    );
    for (id, seq) in book.iter() {
        assert_eq!(*seq, logged.get(id).copied(), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_loses_and_repeats_nothing() {
    let postgres = Postgres::start_durable().await;
    let pool = postgres.superuser().await;
    let mut server = Server::start(&postgres).await;
    let school = HttpSchool::register(&server, 1_000_000, 4, 250_000).await;
    let book = Book::default();
    for round in 0..KILLS {
        let proxy = server.as_role(Role::Proxy, Some(school.id));
        let clients = Clients::start(&school, &book, round, &proxy);
        let enough = clients.acknowledged().await + 300;
        eventually("load", || async { clients.acknowledged().await >= enough }).await;
        server.kill_9().await;
        clients.finish().await;
        server = Server::start(&postgres).await;
    }
    let proxy = server.as_role(Role::Proxy, Some(school.id));
    resend_and_check(&school, &proxy, &book, &pool).await;
    books::check(&postgres, school.id).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_postgres_loses_and_repeats_nothing() {
    let mut postgres = Postgres::start_durable().await;
    let server = Server::start(&postgres).await;
    let school = HttpSchool::register(&server, 1_000_000, 4, 250_000).await;
    let proxy = server.as_role(Role::Proxy, Some(school.id));
    let book = Book::default();
    for round in 0..KILLS {
        let clients = Clients::start(&school, &book, round, &proxy);
        let enough = clients.acknowledged().await + 300;
        eventually("load", || async { clients.acknowledged().await >= enough }).await;
        kill(Pid::from_raw(postgres.pid()), Signal::SIGKILL).unwrap();
        postgres.restart().await;
        // The server recovers without a restart.
        let enough = clients.acknowledged().await + 300;
        eventually("load after the crash", || async {
            clients.acknowledged().await >= enough
        })
        .await;
        clients.finish().await;
    }
    let pool = postgres.superuser().await;
    resend_and_check(&school, &proxy, &book, &pool).await;
    books::check(&postgres, school.id).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_server_answers_all_accepted_requests() {
    let postgres = Postgres::start_durable().await;
    let server = Server::start(&postgres).await;
    let school = HttpSchool::register(&server, 1_000_000, 1, 1_000_000).await;
    let proxy = server.as_role(Role::Proxy, Some(school.id));
    let debits: Vec<_> = (0..5_000)
        .map(|n| school.debit(&n.to_string(), school.members[0], 1))
        .collect();
    let path = school.path("/debits/batch");
    let batch = tokio::spawn(async move {
        proxy
            .post(&path, serde_json::Value::Array(debits))
            .await
            .ok()
    });
    let pool = postgres.superuser().await;
    let begun = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ledger_writer'
                    AND state <> 'idle'";
    // The batch is being written, or is written.
    eventually("the batch", || async {
        batch.is_finished() || ledger_tests::postgres::number(&pool, begun).await > 0
    })
    .await;
    server.stop().await;
    assert_eq!(batch.await.unwrap()["accepted"], 5_000);
    let logged = "SELECT count(*) FROM event WHERE kind = 'usage_debited'";
    assert_eq!(ledger_tests::postgres::number(&pool, logged).await, 5_000);
}
