//! Every metric on one page.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Tells Prometheus what each metric means.
pub(super) fn describe() {
    for (name, unit, meaning) in [
        (
            "http_requests_total",
            Unit::Count,
            "Requests answered, by method, route and status",
        ),
        (
            "ledger_events_appended_total",
            Unit::Count,
            "Events appended to the log",
        ),
        (
            "ledger_refusals_total",
            Unit::Count,
            "Commands refused by a rule",
        ),
        (
            "ledger_caught_up_total",
            Unit::Count,
            "Idle schools in which a worker had recorded what was due",
        ),
        (
            "ledger_writer_retries_total",
            Unit::Count,
            "Batches that were tried again",
        ),
        (
            "ledger_projection_events_total",
            Unit::Count,
            "Events taken into read models, by projection",
        ),
        (
            "ledger_projection_retries_total",
            Unit::Count,
            "Times that a projection was tried again since its surroundings failed",
        ),
    ] {
        describe_counter!(name, unit, meaning);
    }
    for (name, unit, meaning) in [
        (
            "ledger_projection_lag_events",
            Unit::Count,
            "Events that read models are behind the log, over all schools, by projection",
        ),
        (
            "ledger_projection_stopped_schools",
            Unit::Count,
            "Schools whose read model stopped before an event, by projection",
        ),
    ] {
        describe_gauge!(name, unit, meaning);
    }
    for (name, unit, meaning) in [
        (
            "http_request_seconds",
            Unit::Seconds,
            "How long requests took, as above",
        ),
        (
            "ledger_batch_seconds",
            Unit::Seconds,
            "How long batches took to decide and commit",
        ),
        ("ledger_batch_events", Unit::Count, "Events of a batch"),
        (
            "ledger_projection_batch_seconds",
            Unit::Seconds,
            "How long pages took to be taken into read models",
        ),
    ] {
        describe_histogram!(name, unit, meaning);
    }
}
