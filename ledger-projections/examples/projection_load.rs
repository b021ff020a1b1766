//! scratch: measures the projections under load
#![allow(clippy::unwrap_used, missing_docs)]
#[path = "../tests/support/mod.rs"]
mod support;
use ledger_core::usage::*;
use ledger_core::*;
use ledger_projections::*;
use ledger_store::*;
use std::time::{Duration, Instant};
use support::random::Dice;
use support::school::*;
use tokio_util::sync::CancellationToken;

fn cpu(pid: &str) -> f64 {
    let s = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some(rest) = s.rsplit_once(") ") else {
        return 0.0;
    };
    let f: Vec<&str> = rest.1.split(' ').collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}

async fn backends(admin: &sqlx::PgPool, app: &str) -> f64 {
    let pids: Vec<i32> = sqlx::query_scalar("SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()").bind(app).fetch_all(admin).await.unwrap();
    pids.iter().map(|p| cpu(&p.to_string())).sum()
}

fn registry() -> Registry {
    let Ok(names) = std::env::var("REG") else {
        return Registry::standard();
    };
    let all = Registry::standard();
    Registry::new(
        names
            .split(',')
            .map(|n| all.get(n.parse().unwrap()).unwrap().clone())
            .collect(),
    )
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let url = args[2].clone();
    let database = Database::connect(&url, ledger_store::database::PoolSizes::default()).unwrap();
    let admin = sqlx::PgPool::connect(&url).await.unwrap();
    match args[1].as_str() {
        "work" => {
            let secs: u64 = args[3].parse().unwrap();
            let pace: u64 = args[4].parse().unwrap();
            let stop = CancellationToken::new();
            let progress = Progress::default();
            let settings = WorkerSettings {
                pace: Duration::from_millis(pace),
                poll: Duration::from_millis(pace),
                ..Default::default()
            };
            let w = Worker::spawn(
                &database,
                &Wakes::default(),
                registry(),
                &progress,
                settings,
                stop.clone(),
            );
            tokio::time::sleep(Duration::from_secs(2)).await;
            let sum = || async {
                let s: (i64,i64) = sqlx::query_as("SELECT coalesce(sum(c.seq),0)::bigint, coalesce(sum(s.head_seq),0)::bigint FROM projection_checkpoint c JOIN stream s USING (school_id) WHERE name='balance'").fetch_one(&admin).await.unwrap();
                s
            };
            let (c0, b0, t0, e0) = (
                cpu("self"),
                backends(&admin, "ledger_projector").await,
                Instant::now(),
                sum().await.0,
            );
            let mut lags = vec![];
            while t0.elapsed() < Duration::from_secs(secs) {
                tokio::time::sleep(Duration::from_millis(500)).await;
                let s = sum().await;
                lags.push(s.1 - s.0);
            }
            let dt = t0.elapsed().as_secs_f64();
            let (c, b, e) = (
                cpu("self") - c0,
                backends(&admin, "ledger_projector").await - b0,
                sum().await.0 - e0,
            );
            println!(
                "events/s {:.0}  worker cpu {:.1}%  backends cpu {:.1}%  max lag {:?} avg lag {}",
                e as f64 / dt,
                100.0 * c / dt,
                100.0 * b / dt,
                lags.iter().max(),
                lags.iter().sum::<i64>() / lags.len() as i64
            );
            stop.cancel();
            w.await.unwrap();
        }
        "write" => {
            let (rate, secs, schools, members): (usize, u64, usize, u64) = (
                args[3].parse().unwrap(),
                args[4].parse().unwrap(),
                args[5].parse().unwrap(),
                args[6].parse().unwrap(),
            );
            let ledger = Ledger::start(&database);
            let mut all = vec![];
            for _ in 0..schools {
                let s = ledger.roomy_school().await;
                for n in 2..members {
                    s.enrol(member(n.into()), Role::Teacher).await;
                    let rows = SERVICES
                        .iter()
                        .map(|sv| ledger_core::allocation::AllocationRow {
                            member_id: member(n.into()),
                            service: (*sv).to_owned(),
                            change: ledger_core::allocation::Change::Set(Quota::Finite(units(100))),
                            priority: None,
                            auto_renew: None,
                        })
                        .collect();
                    let c = ledger_core::allocation::AllocationCommand::Apply {
                        rows,
                        reason: reason("x"),
                        as_batch: true,
                    };
                    let _ = s.act(Action::Allocation(c), start()).await;
                }
                let s2 = s.clone();
                let caps = ledger_core::school::ChangeSettings {
                    member_cap: SERVICES.map(|s| (s.to_owned(), Quota::Unlimited)).to_vec(),
                    ..Default::default()
                };
                s2.act(
                    Action::School(ledger_core::school::SchoolCommand::ChangeSettings(caps)),
                    start(),
                )
                .await
                .unwrap();
                for n in 1..members {
                    let rows = SERVICES
                        .iter()
                        .map(|sv| ledger_core::allocation::AllocationRow {
                            member_id: member(n.into()),
                            service: (*sv).to_owned(),
                            change: ledger_core::allocation::Change::Set(Quota::Unlimited),
                            priority: None,
                            auto_renew: None,
                        })
                        .collect();
                    let c = ledger_core::allocation::AllocationCommand::Apply {
                        rows,
                        reason: reason("x"),
                        as_batch: true,
                    };
                    s2.act(Action::Allocation(c), start()).await.unwrap();
                }
                all.push(s);
            }
            let wakes = ledger.wakes.clone();
            let (u2, secs2) = (url.clone(), secs);
            let meter = std::thread::spawn(move || {
                let rt = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(2)
                    .enable_all()
                    .thread_name("proj")
                    .build()
                    .unwrap();
                rt.block_on(async move {
                    let database = Database::connect(&u2, ledger_store::database::PoolSizes::default()).unwrap();
                    let admin = sqlx::PgPool::connect(&u2).await.unwrap();
                    let stop = CancellationToken::new();
                    let progress = Progress::default();
                    let w = Worker::spawn(&database, &wakes, registry(), &progress, WorkerSettings::default(), stop.clone());
                    tokio::time::sleep(Duration::from_secs(4)).await;
                    let threads = || -> f64 { std::fs::read_dir("/proc/self/task").unwrap().map(|e| { let tid = e.unwrap().file_name().into_string().unwrap();
                        let comm = std::fs::read_to_string(format!("/proc/self/task/{tid}/comm")).unwrap_or_default();
                        if comm.trim() == "proj" { cpu(&format!("self/task/{tid}")) } else { 0.0 } }).sum() };
                    let sum = || async { let s: (i64,i64) = sqlx::query_as("SELECT coalesce(sum(c.seq),0)::bigint, coalesce(sum(s.head_seq),0)::bigint FROM projection_checkpoint c JOIN stream s USING (school_id) WHERE name='balance'").fetch_one(&admin).await.unwrap(); s };
                    let (c0, b0, t0, e0) = (threads(), backends(&admin, "ledger_projector").await, Instant::now(), sum().await.0);
                    let w0 = backends(&admin, "ledger_writer").await;
                    let mut lags = vec![];
                    while t0.elapsed() < Duration::from_secs(secs2 - 6) { tokio::time::sleep(Duration::from_millis(500)).await; let s = sum().await; lags.push(s.1 - s.0); }
                    let dt = t0.elapsed().as_secs_f64();
                    let (c, b, e) = (threads() - c0, backends(&admin, "ledger_projector").await - b0, sum().await.0 - e0);
                    let wb = backends(&admin, "ledger_writer").await - w0;
                    println!("events/s {:.0}  worker cpu {:.1}%  backends cpu {:.1}%  (writer backends {:.1}%) max lag {:?} avg lag {}", e as f64 / dt, 100.0*c/dt, 100.0*b/dt, 100.0*wb/dt, lags.iter().max(), lags.iter().sum::<i64>()/lags.len() as i64);
                    stop.cancel(); w.await.unwrap();
                });
            });
            eprintln!("schools ready");
            let mut dice = Dice::new(std::process::id().into());
            let t0 = Instant::now();
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            let mut sent = 0usize;
            let run = uuid::Uuid::new_v4().simple().to_string();
            while t0.elapsed() < Duration::from_secs(secs) {
                tick.tick().await;
                let due = (t0.elapsed().as_secs_f64() * rate as f64) as usize;
                while sent < due {
                    let n = (due - sent).min(20.max(rate / 1000));
                    let s = all[dice.below(all.len() as u64) as usize].clone();
                    let reqs = (0..n)
                        .map(|i| {
                            let call = CallFacts {
                                model: Some(
                                    dice.pick(&["claude-sonnet-4", "claude-opus-4"]).into(),
                                ),
                                input_tokens: Some(units(812)),
                                output_tokens: Some(units(344)),
                                cached_tokens: Some(units(0)),
                                cost_micros: Some(MicroUsd(units(5400))),
                                latency_ms: Some(units(900)),
                                outcome: Some(if dice.one_in(20) {
                                    Outcome::Error
                                } else {
                                    Outcome::Success
                                }),
                                request_id: None,
                                session_id: None,
                            };
                            let mut d = debit(
                                &format!("{run}-{}", sent + i),
                                member((1 + dice.below(members - 1)).into()),
                                1,
                                call,
                            );
                            d.service = dice.pick(&SERVICES).to_owned();
                            s.request(Action::Usage(UsageCommand::Debit(d)), start())
                        })
                        .collect::<Vec<_>>();
                    sent += n;
                    tokio::spawn(async move {
                        s.ledger.writer.submit_all(s.id, reqs).await.unwrap();
                    });
                }
            }
            meter.join().unwrap();
            println!("sent {sent} in {:.1}s", t0.elapsed().as_secs_f64());
        }
        _ => panic!(),
    }
}
