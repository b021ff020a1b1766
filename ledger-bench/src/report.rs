//! Results of rounds, and their report.

use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use hdrhistogram::Histogram;

/// The result of a round.
#[derive(Clone, Debug)]
pub struct Round {
    /// Successful operations.
    pub done: u64,
    /// Failed operations.
    pub failed: u64,
    /// Duration of the round.
    pub duration: Duration,
    /// Latencies in microseconds.
    pub latency_us: Histogram<u64>,
}

impl Round {
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            done: 0,
            failed: 0,
            duration: Duration::ZERO,
            latency_us: Histogram::new(3).context("creating a histogram")?,
        })
    }

    pub fn record(&mut self, latency: Duration) -> anyhow::Result<()> {
        let micros = u64::try_from(latency.as_micros())?;
        Ok(self.latency_us.record(micros)?)
    }

    /// Operations per second.
    #[expect(clippy::cast_precision_loss, reason = "a rate is an approximation")]
    pub fn per_second(&self) -> f64 {
        self.done as f64 / self.duration.as_secs_f64()
    }

    #[expect(clippy::cast_precision_loss, reason = "printed with two digits")]
    fn latency_ms(&self, percentile: f64) -> f64 {
        self.latency_us.value_at_percentile(percentile) as f64 / 1_000.0
    }
}

/// The round with the median rate.
pub fn median(rounds: &[Round]) -> Round {
    let mut sorted: Vec<&Round> = rounds.iter().collect();
    sorted.sort_by(|a, b| a.per_second().total_cmp(&b.per_second()));
    sorted[sorted.len() / 2].clone()
}

/// The round with the median 99th percentile, for rounds of one rate.
pub fn median_by_p99(rounds: &[Round]) -> Round {
    let mut sorted: Vec<&Round> = rounds.iter().collect();
    sorted.sort_by_key(|round| round.latency_us.value_at_percentile(99.0));
    sorted[sorted.len() / 2].clone()
}

/// Memory of the server.
#[derive(Clone, Debug)]
pub struct Memory {
    /// Schools of 100 members and 3 services each.
    pub schools: usize,
    /// Resident memory before they were loaded, in KiB.
    pub before_kib: u64,
    /// Resident memory with all of them loaded, in KiB.
    pub after_kib: u64,
}

/// The lines of the report.
#[derive(Debug, Default)]
pub struct Report {
    lines: Vec<String>,
}

impl Report {
    /// Adds a round.
    pub fn row(&mut self, name: &str, round: &Round) {
        self.lines.push(format!(
            "{name:<44} {rate:>9.0}/s  p50 {p50:>7.2} ms  p99 {p99:>7.2} ms  failed {failed}",
            rate = round.per_second(),
            p50 = round.latency_ms(50.0),
            p99 = round.latency_ms(99.0),
            failed = round.failed,
        ));
    }

    /// Adds the ratio of two rounds.
    pub fn ratio(&mut self, name: &str, ratio: f64) {
        self.lines.push(format!("{name:<44} {ratio:>9.1} ×"));
    }

    /// Adds the server's memory.
    pub fn memory(&mut self, memory: &Memory) {
        let name = format!("resident memory, {} schools × 100 × 3", memory.schools);
        self.lines.push(format!(
            "{name:<44} {:>9} MB  (before: {} MB)",
            memory.after_kib / 1_000,
            memory.before_kib / 1_000,
        ));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
