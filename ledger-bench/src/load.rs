//! The load generator: keep-alive HTTP/1.1 connections on one thread, with raw sockets, so that it
//! takes little of the machine.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::installation::{Call, Installation, School};
use crate::report::Round;

/// Size of a response. A successful batch lists nothing.
const RESPONSE_BYTES_MAX: usize = 1 << 20;

/// Debits per request of [`Load::batches`].
pub const BATCH: u64 = 1_000;

/// The rate of requests.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// Each connection sends its next request after the response.
    Closed,
    /// Requests per second over all connections. Latency counts from the scheduled time, so that a
    /// stall also counts for the requests that it delays.
    PerSecond(f64),
}

type NextRequest = Arc<dyn Fn(usize, u64) -> Option<Vec<u8>> + Send + Sync>;

/// The requests of a load.
#[derive(Clone)]
pub struct Load {
    address: SocketAddr,
    /// The bytes of a connection's n-th request; `None` ends the connection.
    next: NextRequest,
    /// Operations per request.
    operations: u64,
    connections: usize,
    pace: Pace,
}

impl Load {
    /// A load of any requests.
    pub fn new(
        address: SocketAddr,
        next: impl Fn(usize, u64) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            address,
            next: Arc::new(next),
            operations: 1,
            connections: 1,
            pace: Pace::Closed,
        }
    }

    /// The same load on several connections, at this rate.
    pub fn with(self, connections: usize, pace: Pace) -> Self {
        Self {
            connections,
            pace,
            ..self
        }
    }

    /// New debits, one per request, of the members in turn.
    pub fn debits(installation: &Installation, school: &School) -> Self {
        let call = post(installation, school, "debits");
        let members = school.members.clone();
        Self::new(installation.address, move |connection, n| {
            let member = members[turn(connection, n) % members.len()];
            Some(call.with(&debit(&Uuid::new_v4().to_string(), member)))
        })
    }

    /// Repeated debits: each connection repeats one.
    pub fn replays(installation: &Installation, school: &School) -> Self {
        let call = post(installation, school, "debits");
        let members = school.members.clone();
        let run = Uuid::new_v4();
        Self::new(installation.address, move |connection, _| {
            let member = members[connection % members.len()];
            Some(call.with(&debit(&format!("{run}/{connection}"), member)))
        })
    }

    /// New debits in batches of [`BATCH`].
    pub fn batches(installation: &Installation, school: &School) -> Self {
        let call = post(installation, school, "debits/batch");
        let members = school.members.clone();
        let next = move |_, _| {
            let members = members.iter().cycle();
            let debits: Vec<String> = (0..BATCH)
                .zip(members)
                .map(|(_, member)| debit(&Uuid::new_v4().to_string(), *member))
                .collect();
            Some(call.with(&format!("[{}]", debits.join(","))))
        };
        Self {
            operations: BATCH,
            ..Self::new(installation.address, next)
        }
    }

    /// Reads of these paths in turn.
    pub fn reads(installation: &Installation, paths: &[String]) -> Self {
        let calls: Vec<_> = paths
            .iter()
            .map(|path| installation.call("GET", path, &installation.admin))
            .collect();
        Self::new(installation.address, move |connection, n| {
            Some(calls[turn(connection, n) % calls.len()].with(""))
        })
    }

    /// Changes of allocations, one per request, of the members in turn.
    pub fn allocations(installation: &Installation, school: &School) -> Self {
        let calls: Vec<_> = school
            .members
            .iter()
            .map(|member| {
                let path = format!("members/{member}/allocations/claude_messages");
                let path = format!("/v1/schools/{}/{path}", school.id);
                installation.call("PUT", &path, &installation.admin)
            })
            .collect();
        Self::new(installation.address, move |connection, n| {
            let units = 20_000_000 + n;
            let body = format!(r#"{{"units":{units},"reason":"bench"}}"#);
            Some(calls[turn(connection, 7 * n) % calls.len()].with(&body))
        })
    }

    /// The same load with a maximum of requests per connection.
    pub fn times(self, max: u64) -> Self {
        let next = Arc::clone(&self.next);
        Self {
            next: Arc::new(move |connection, n| (n < max).then(|| next(connection, n)).flatten()),
            ..self
        }
    }

    /// Runs the load for the duration of a round.
    pub fn run(self, round: Duration) -> anyhow::Result<Round> {
        join(self.start(round))
    }

    /// Runs two loads concurrently.
    pub fn run_with(self, other: Self, round: Duration) -> anyhow::Result<(Round, Round)> {
        let (this, other) = (self.start(round), other.start(round));
        Ok((join(this)?, join(other)?))
    }

    /// Starts the load on a thread of its own.
    fn start(self, round: Duration) -> JoinHandle<anyhow::Result<Round>> {
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(tokio::task::LocalSet::new().run_until(self.send(round)))
        })
    }

    async fn send(self, round: Duration) -> anyhow::Result<Round> {
        let started = Instant::now();
        let interval = match self.pace {
            Pace::Closed => None,
            #[expect(clippy::cast_precision_loss, reason = "tens of connections")]
            Pace::PerSecond(rate) => Some(Duration::from_secs_f64(self.connections as f64 / rate)),
        };
        let connections: Vec<_> = (0..self.connections)
            .map(|index| {
                let load = self.clone();
                let connection = Connection { load, index };
                tokio::task::spawn_local(connection.run(interval, started + round))
            })
            .collect();
        let mut total = Round::new()?;
        for connection in connections {
            let connection = connection.await.context("a connection panicked")??;
            total.done += connection.done * self.operations;
            total.failed += connection.failed * self.operations;
            total.latency_us.add(connection.latency_us)?;
        }
        total.duration = started.elapsed();
        Ok(total)
    }
}

fn join(load: JoinHandle<anyhow::Result<Round>>) -> anyhow::Result<Round> {
    load.join()
        .map_err(|_| anyhow::anyhow!("the load generator panicked"))?
}

/// One connection of a load.
struct Connection {
    load: Load,
    index: usize,
}

impl Connection {
    async fn run(self, interval: Option<Duration>, end: Instant) -> anyhow::Result<Round> {
        let mut stream = TcpStream::connect(self.load.address)
            .await
            .context("connecting")?;
        stream.set_nodelay(true)?;
        let mut round = Round::new()?;
        let mut response = Vec::with_capacity(4_096);
        let started = Instant::now();
        for n in 0.. {
            let due = match interval {
                None => Instant::now(),
                Some(interval) => {
                    let due = started
                        + interval.mul_f64(self.offset())
                        + interval.saturating_mul(u32::try_from(n)?);
                    tokio::time::sleep_until(due.into()).await;
                    due
                }
            };
            if due >= end {
                break;
            }
            let Some(request) = (self.load.next)(self.index, n) else {
                break;
            };
            stream.write_all(&request).await?;
            let status = read_response(&mut stream, &mut response).await?;
            if (200..300).contains(&status) {
                round.done += 1;
            } else {
                round.failed += 1;
            }
            round.record(due.elapsed())?;
        }
        Ok(round)
    }

    /// The connection's share of the interval, so that the connections take turns.
    #[expect(clippy::cast_precision_loss, reason = "tens of connections")]
    fn offset(&self) -> f64 {
        self.index as f64 / self.load.connections as f64
    }
}

/// Reads one response and returns its status.
async fn read_response(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<u16> {
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
                .context("a response without content-length")?;
            let status = response.code.unwrap_or(0);
            while buffer.len() < head + length {
                if stream.read_buf(buffer).await? == 0 {
                    bail!("the server closed the connection");
                }
            }
            return Ok(status);
        }
        if buffer.len() > RESPONSE_BYTES_MAX {
            bail!("the response is too large");
        }
    }
}

/// An index that differs between connections and requests.
fn turn(connection: usize, n: u64) -> usize {
    usize::try_from(n).unwrap_or(0).wrapping_add(connection)
}

fn post(installation: &Installation, school: &School, path: &str) -> Call {
    let path = format!("/v1/schools/{}/{path}", school.id);
    installation.call("POST", &path, &installation.proxy)
}

fn debit(id: &str, member: Uuid) -> String {
    format!(r#"{{"id":"{id}","member_id":"{member}","service":"claude_messages","units":1,"#,)
        + r#""model":"claude-sonnet-4","input_tokens":812,"output_tokens":344,"#
        + r#""cost_micros":5400,"latency_ms":900,"outcome":"success"}"#
}
