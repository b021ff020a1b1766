//! What the process says of itself: log lines on stderr, metrics for Prometheus.
//!
//! A log line is one event with its spans' fields; on a terminal it is text, otherwise JSON. No
//! label of a metric is a member or a school: there are as many series as routes and words.

mod catalogue;
mod process;

use std::io::IsTerminal as _;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::config::{Log, LogFormat};

/// How often histograms are taken in and process metrics read. What was recorded since then waits
/// in memory: 20,000 requests a second times 5 seconds is 800 kB.
const UPKEEP: Duration = Duration::from_secs(5);

/// Seconds: a debit takes about one millisecond, a read a few, a request may take 30 seconds.
const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
];

/// Events of a batch: one when there is no load, a few thousand under much.
const EVENTS: [f64; 8] = [1.0, 2.0, 8.0, 32.0, 128.0, 512.0, 2_048.0, 8_192.0];

/// What can go wrong when telemetry is set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is none.
    #[error("the setting log.filter cannot be used")]
    Filter(#[source] ParseError),
    /// Something else has set up logging already.
    #[error("logging cannot be set up")]
    Logging(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The metrics' recorder cannot be set up.
    #[error("metrics cannot be set up")]
    Metrics(#[source] BuildError),
}

/// Sends log lines to stderr, panics among them.
///
/// # Errors
/// [`TelemetryError`] when the filter cannot be used, or logging is set up already.
pub fn log_to_stderr(log: &Log) -> Result<(), TelemetryError> {
    let filter = EnvFilter::builder()
        .parse(&log.filter)
        .map_err(TelemetryError::Filter)?;
    let is_terminal = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let set_up = match (log.format, is_terminal) {
        (LogFormat::Text, _) | (LogFormat::Auto, true) => {
            let colours = is_terminal && std::env::var_os("NO_COLOR").is_none();
            lines.with_ansi(colours).try_init()
        }
        (LogFormat::Json, _) | (LogFormat::Auto, false) => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .try_init(),
    };
    set_up.map_err(TelemetryError::Logging)?;
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("a value that is no text");
        let place = panic.location().map(ToString::to_string);
        tracing::error!(
            panic.place = place,
            panic.message = message,
            "the program panicked"
        );
    }));
    Ok(())
}

/// Sets up the process's metrics. Once per process.
///
/// # Errors
/// [`TelemetryError::Metrics`] when they are set up already.
pub fn record_metrics() -> Result<PrometheusHandle, TelemetryError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Suffix("_events".to_owned()), &EVENTS)
        })
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(TelemetryError::Metrics)?;
    catalogue::describe();
    process::describe();
    Ok(handle)
}

/// Keeps the metrics current; never ends.
pub async fn keep_current(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        process::measure();
        handle.run_upkeep();
    }
}
