//! The table that the bench prints.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

/// What one round did.
#[derive(Clone, Debug)]
pub struct Round {
    /// Calls that were answered as they should be.
    pub done: u64,
    /// Calls that were not.
    pub failed: u64,
    /// How long the round took.
    pub took: Duration,
    /// Latencies, in microseconds.
    pub latency_us: Histogram<u64>,
}

impl Round {
    /// Calls per second.
    #[expect(clippy::cast_precision_loss, reason = "a rate is an approximation")]
    pub fn per_second(&self) -> f64 {
        self.done as f64 / self.took.as_secs_f64()
    }
}

/// The round whose rate is in the middle.
pub fn median(rounds: &[Round]) -> Round {
    let mut sorted: Vec<&Round> = rounds.iter().collect();
    sorted.sort_by(|a, b| a.per_second().total_cmp(&b.per_second()));
    sorted[sorted.len() / 2].clone()
}

/// The round whose slowest hundredth is in the middle: of rounds of one rate that is what differs.
pub fn median_by_p99(rounds: &[Round]) -> Round {
    let mut sorted: Vec<&Round> = rounds.iter().collect();
    sorted.sort_by_key(|round| round.latency_us.value_at_percentile(99.0));
    sorted[sorted.len() / 2].clone()
}

/// The memory of the server with its schools loaded.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Schools of 100 members and 3 services each.
    pub schools: usize,
    /// Resident memory before, in KiB.
    pub before_kib: u64,
    /// Resident memory with all of them loaded, in KiB.
    pub after_kib: u64,
}

/// The lines of the table.
#[derive(Debug, Default)]
pub struct Report {
    lines: Vec<String>,
}

impl Report {
    /// A measured round.
    pub fn row(&mut self, name: &str, round: &Round) {
        self.lines.push(format!(
            "{name:<44} {rate:>9.0}/s  p50 {p50:>7.2} ms  p99 {p99:>7.2} ms  failed {failed}",
            rate = round.per_second(),
            p50 = milliseconds(round, 50.0),
            p99 = milliseconds(round, 99.0),
            failed = round.failed,
        ));
    }

    /// A ratio of two rows.
    pub fn ratio(&mut self, name: &str, ratio: f64) {
        self.lines.push(format!("{name:<44} {ratio:>9.1} ×"));
    }

    /// The server's memory.
    pub fn memory(&mut self, loaded: &Loaded) {
        let name = format!("resident memory, {} schools × 100 × 3", loaded.schools);
        self.lines.push(format!(
            "{name:<44} {:>9} MB  (before: {} MB)",
            loaded.after_kib / 1_000,
            loaded.before_kib / 1_000,
        ));
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds with two digits")]
fn milliseconds(round: &Round, percentile: f64) -> f64 {
    round.latency_us.value_at_percentile(percentile) as f64 / 1_000.0
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
