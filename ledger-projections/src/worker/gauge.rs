//! What the workers tell the metrics. Never a label by school.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::projection::{ProjectionName, Registry};

/// How many events each projection took in.
pub(crate) type Counts = BTreeMap<ProjectionName, usize>;

/// Pages were taken in.
pub(super) fn folded(counts: &Counts, took: Duration) {
    for (name, events) in counts {
        metrics::counter!("ledger_projection_events_total", "projection" => name.as_str())
            .increment(*events as u64);
    }
    metrics::histogram!("ledger_projection_batch_seconds").record(took.as_secs_f64());
}

/// Something is tried again since its surroundings failed.
pub(super) fn retried() {
    metrics::counter!("ledger_projection_retries_total").increment(1);
}

/// How far the live builds are behind, over all schools.
#[derive(Debug, Default)]
pub(super) struct Lag {
    /// Events behind, and schools that an event has stopped.
    by_name: BTreeMap<ProjectionName, (i64, u32)>,
}

impl Lag {
    pub(super) fn add(&mut self, name: ProjectionName, behind: i64, has_stopped: bool) {
        let (events, stopped) = self.by_name.entry(name).or_default();
        *events = events.saturating_add(behind);
        *stopped += u32::from(has_stopped);
    }

    /// Sets the gauges of every projection, also of those that are not behind.
    pub(super) fn publish(&self, registry: &Registry) {
        for projection in registry.iter() {
            let name = projection.name();
            let (events, stopped) = self.by_name.get(&name).copied().unwrap_or_default();
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
            let events = events as f64;
            metrics::gauge!("ledger_projection_lag_events", "projection" => name.as_str())
                .set(events);
            metrics::gauge!("ledger_projection_stopped_schools", "projection" => name.as_str())
                .set(f64::from(stopped));
        }
    }
}
