//! The load generator: keep-alive HTTP/1.1 connections on a thread of their own, so that as little
//! as possible of the machine goes into asking.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

use super::installation::{Installation, School};
use super::report::Round;

/// The largest answer that is read: a batch's, which lists nothing when all went well.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// How fast it is asked.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// Each connection asks again as soon as it is answered.
    Closed,
    /// So many calls a second over all connections. Latency counts from when a call was due, so
    /// that a stall is not hidden by the calls that it held back.
    PerSecond(f64),
}

type NextCall = Arc<dyn Fn(usize, u64) -> Option<Vec<u8>> + Send + Sync>;

/// What is asked.
#[derive(Clone)]
pub struct Load {
    address: SocketAddr,
    /// The bytes of a connection's n-th call; `None` ends the connection.
    next: NextCall,
    /// How many things a call does.
    each: u64,
}

impl Load {
    /// Any calls.
    pub fn new(
        address: SocketAddr,
        next: impl Fn(usize, u64) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            address,
            next: Arc::new(next),
            each: 1,
        }
    }

    /// New debits, one a call, on the members in turn.
    pub fn debits(installation: &Installation, school: &School) -> Self {
        let call = installation.call(
            "POST",
            &format!("/v1/schools/{}/debits", school.id),
            &installation.proxy,
        );
        let members = school.members.clone();
        Self::new(installation.address, move |connection, n| {
            let turn = usize::try_from(n).unwrap_or(0).wrapping_add(connection);
            let member = members[turn % members.len()];
            Some(call.with(&debit(&Uuid::new_v4().to_string(), member)))
        })
    }

    /// Debits that were done before: each connection repeats one.
    pub fn replays(installation: &Installation, school: &School) -> Self {
        let call = installation.call(
            "POST",
            &format!("/v1/schools/{}/debits", school.id),
            &installation.proxy,
        );
        let members = school.members.clone();
        let run = Uuid::new_v4();
        Self::new(installation.address, move |connection, _| {
            let member = members[connection % members.len()];
            Some(call.with(&debit(&format!("{run}/{connection}"), member)))
        })
    }

    /// Debits, 1,000 a call.
    pub fn batches(installation: &Installation, school: &School) -> Self {
        let path = format!("/v1/schools/{}/debits/batch", school.id);
        let call = installation.call("POST", &path, &installation.proxy);
        let members = school.members.clone();
        let next = move |_, _| {
            let debits: Vec<String> = (0..1_000)
                .map(|n| debit(&Uuid::new_v4().to_string(), members[n % members.len()]))
                .collect();
            Some(call.with(&format!("[{}]", debits.join(","))))
        };
        Self {
            each: 1_000,
            ..Self::new(installation.address, next)
        }
    }

    /// Reads of these paths in turn.
    pub fn reads(installation: &Installation, paths: &[String]) -> Self {
        let calls: Vec<_> = paths
            .iter()
            .map(|path| installation.call("GET", path, &installation.principal))
            .collect();
        Self::new(installation.address, move |connection, n| {
            let turn = usize::try_from(n).unwrap_or(0).wrapping_add(connection);
            Some(calls[turn % calls.len()].with(""))
        })
    }

    /// At most so many calls on each connection.
    pub fn times(self, most: u64) -> Self {
        let next = Arc::clone(&self.next);
        Self {
            next: Arc::new(move |connection, n| (n < most).then(|| next(connection, n)).flatten()),
            ..self
        }
    }

    /// Changes of allocations, one a call, on the members in turn.
    pub fn allocations(installation: &Installation, school: &School) -> Self {
        let calls: Vec<_> = school
            .members
            .iter()
            .map(|member| {
                let path = format!(
                    "/v1/schools/{}/members/{member}/allocations/claude_messages",
                    school.id
                );
                installation.call("PUT", &path, &installation.principal)
            })
            .collect();
        Self::new(installation.address, move |connection, n| {
            let turn = usize::try_from(n).unwrap_or(0) * 7 + connection;
            let units = 20_000_000 + n;
            let body = format!(r#"{{"units":{units},"reason":"bench"}}"#);
            Some(calls[turn % calls.len()].with(&body))
        })
    }

    /// Asks on so many connections for so long.
    pub fn run(self, connections: usize, pace: Pace, round: Duration) -> anyhow::Result<Round> {
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(self.run_here(connections, pace, round))
        })
        .join()
        .map_err(|_| anyhow::anyhow!("the load generator panicked"))?
    }

    async fn run_here(
        self,
        connections: usize,
        pace: Pace,
        round: Duration,
    ) -> anyhow::Result<Round> {
        let started = Instant::now();
        let end = started + round;
        let local = tokio::task::LocalSet::new();
        let asking: Vec<_> = (0..connections)
            .map(|connection| {
                let start = match pace {
                    Pace::Closed => None,
                    #[expect(clippy::cast_precision_loss, reason = "some tens of connections")]
                    Pace::PerSecond(rate) => {
                        Some(Duration::from_secs_f64(connections as f64 / rate))
                    }
                };
                local.spawn_local(ask(self.clone(), connection, connections, start, end))
            })
            .collect();
        let mut total = Round {
            done: 0,
            failed: 0,
            took: round,
            latency_us: Histogram::new(3).context("a histogram")?,
        };
        local
            .run_until(async {
                for asked in asking {
                    let asked = asked.await.context("a connection panicked")??;
                    total.done += asked.done * self.each;
                    total.failed += asked.failed * self.each;
                    total.latency_us.add(asked.latency_us)?;
                }
                anyhow::Ok(())
            })
            .await?;
        total.took = started.elapsed();
        Ok(total)
    }
}

/// Two loads at the same time, each with its connections and pace.
pub fn run_both(
    first: (Load, usize, Pace),
    second: (Load, usize, Pace),
    round: Duration,
) -> anyhow::Result<(Round, Round)> {
    let (load, connections, pace) = second;
    let beside = std::thread::spawn(move || load.run(connections, pace, round));
    let first = first.0.run(first.1, first.2, round)?;
    let second = beside
        .join()
        .map_err(|_| anyhow::anyhow!("the load generator panicked"))??;
    Ok((first, second))
}

/// The calls of one connection.
async fn ask(
    load: Load,
    connection: usize,
    connections: usize,
    interval: Option<Duration>,
    end: Instant,
) -> anyhow::Result<Round> {
    let mut stream = TcpStream::connect(load.address)
        .await
        .context("connecting")?;
    stream.set_nodelay(true)?;
    let mut round = Round {
        done: 0,
        failed: 0,
        took: Duration::ZERO,
        latency_us: Histogram::new(3)?,
    };
    let mut answer = Vec::with_capacity(4_096);
    let started = Instant::now();
    for n in 0.. {
        let due = match interval {
            None => Instant::now(),
            Some(interval) => {
                // The connections' turns are spread over the interval.
                let share = interval.mul_f64(share(connection, connections));
                let due = started + share + interval.saturating_mul(u32::try_from(n)?);
                tokio::time::sleep_until(due.into()).await;
                due
            }
        };
        if due >= end {
            break;
        }
        let Some(call) = (load.next)(connection, n) else {
            break;
        };
        stream.write_all(&call).await?;
        let status = read_answer(&mut stream, &mut answer).await?;
        if (200..300).contains(&status) {
            round.done += 1;
        } else {
            round.failed += 1;
        }
        round
            .latency_us
            .record(u64::try_from(due.elapsed().as_micros())?)?;
    }
    Ok(round)
}

#[expect(clippy::cast_precision_loss, reason = "some tens of connections")]
fn share(connection: usize, connections: usize) -> f64 {
    connection as f64 / connections as f64
}

/// Reads one answer and says its status.
async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<u16> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        if let httparse::Status::Complete(head) = response.parse(buffer)? {
            let length: usize = response
                .headers
                .iter()
                .find(|header| header.name.eq_ignore_ascii_case("content-length"))
                .and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok())
                .context("an answer without content-length")?;
            let status = response.code.unwrap_or(0);
            while buffer.len() < head + length {
                if stream.read_buf(buffer).await? == 0 {
                    bail!("the server closed the connection");
                }
            }
            return Ok(status);
        }
        if buffer.len() > ANSWER_BYTES_MAX {
            bail!("an answer is too large");
        }
    }
}

fn debit(id: &str, member: Uuid) -> String {
    format!(
        r#"{{"id":"{id}","member_id":"{member}","service":"claude_messages","units":1,"model":"claude-sonnet-4","input_tokens":812,"output_tokens":344,"cost_micros":5400,"latency_ms":900,"outcome":"success"}}"#
    )
}
