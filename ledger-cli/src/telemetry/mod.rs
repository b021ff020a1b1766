//! Log lines on stderr and metrics for Prometheus.
//!
//! A log line is one event with the fields of its spans. No label of a metric is a member or a
//! school, so that the number of series does not grow with them.

mod metric;

use std::io::IsTerminal as _;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// The interval between updates of process metrics and histograms. Samples wait in memory until
/// then: 20,000 requests a second for 5 seconds are 800 kB.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Buckets in seconds: a debit takes about one millisecond, a request at most 30 seconds.
const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
];

/// Buckets in events of a batch: one without load, a few thousand under load.
const EVENTS: [f64; 8] = [1.0, 2.0, 8.0, 32.0, 128.0, 512.0, 2_048.0, 8_192.0];

/// Settings of log lines.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// Levels, as directives of `tracing-subscriber` such as `info,ledger_store=debug`.
    pub filter: String,
    /// Format of the lines.
    pub format: LogFormat,
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            filter: "info,sqlx=warn,hyper=warn,h2=warn,rustls=warn".to_owned(),
            format: LogFormat::Auto,
        }
    }
}

/// Telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter has a syntax error.
    #[error("the setting log.filter is not a list of tracing-subscriber directives")]
    Filter(#[source] ParseError),
    /// Logging is already set up.
    #[error("could not set up logging")]
    Logging(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The recorder of metrics could not be installed.
    #[error("could not set up metrics")]
    Metrics(#[source] BuildError),
}

/// Sends log lines, also those of panics, to stderr.
///
/// # Errors
/// [`TelemetryError`] for an invalid filter, or if logging is already set up.
pub fn log_to_stderr(settings: &LogSettings) -> Result<(), TelemetryError> {
    let filter = EnvFilter::builder()
        .parse(&settings.filter)
        .map_err(TelemetryError::Filter)?;
    let is_terminal = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let set_up = match (settings.format, is_terminal) {
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
        let message = panic.payload_as_str().unwrap_or("not a text");
        let place = panic.location().map(ToString::to_string);
        tracing::error!(
            panic.place = place,
            panic.message = message,
            "the program panicked"
        );
    }));
    Ok(())
}

/// Installs the process's recorder of metrics.
///
/// # Errors
/// [`TelemetryError::Metrics`] if one is already installed.
pub fn record_metrics() -> Result<PrometheusHandle, TelemetryError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Suffix("_events".to_owned()), &EVENTS)
        })
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(TelemetryError::Metrics)?;
    metric::describe();
    metric::record_start();
    Ok(handle)
}

/// Updates process metrics and histograms periodically. Never resolves.
pub async fn keep_current(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        metric::measure_process();
        handle.run_upkeep();
    }
}
