//! The workers' metrics, without a label by school.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::projection::ProjectionName;
use crate::registry::Registry;

/// The number of events that each projection applied.
pub(crate) type Counts = BTreeMap<ProjectionName, usize>;

/// Records applied pages.
pub(super) fn folded(counts: &Counts, took: Duration) {
    for (name, events) in counts {
        metrics::counter!("ledger_projection_events_total", "projection" => name.as_str())
            .increment(*events as u64);
    }
    metrics::histogram!("ledger_projection_batch_seconds").record(took.as_secs_f64());
}

/// Counts a retry after a transient failure.
pub(super) fn retried() {
    metrics::counter!("ledger_projection_retries_total").increment(1);
}

/// The lag of the live builds, over all schools.
#[derive(Debug, Default)]
pub(super) struct Lag {
    /// Events not applied yet, and schools with a halted projection.
    by_name: BTreeMap<ProjectionName, (i64, u32)>,
}

impl Lag {
    pub(super) fn add(&mut self, name: ProjectionName, behind: i64, is_halted: bool) {
        let (events, halted) = self.by_name.entry(name).or_default();
        *events = events.saturating_add(behind);
        *halted += u32::from(is_halted);
    }

    /// Sets the gauges of all projections, including those without a lag.
    pub(super) fn publish(&self, registry: &Registry) {
        for projection in registry.iter() {
            let name = projection.name();
            let (events, halted) = self.by_name.get(&name).copied().unwrap_or_default();
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
            let events = events as f64;
            metrics::gauge!("ledger_projection_lag_events", "projection" => name.as_str())
                .set(events);
            metrics::gauge!("ledger_projection_stopped_schools", "projection" => name.as_str())
                .set(f64::from(halted));
        }
    }
}
