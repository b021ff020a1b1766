//! All metrics, and the values of those about the process itself.

use std::time::{SystemTime, UNIX_EPOCH};

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};

macro_rules! metrics {
    ($($describe:ident $name:literal $unit:ident $help:literal)+) => {
        /// Registers each metric's unit and help text.
        pub(super) fn describe() {
            $($describe!($name, Unit::$unit, $help);)+
        }
    };
}

metrics! {
    describe_counter "http_requests_total" Count "Requests by method, path and status"
    describe_counter "ledger_events_appended_total" Count "Events appended to the log"
    describe_counter "ledger_refusals_total" Count "Commands refused by a rule"
    describe_counter "ledger_caught_up_total" Count "Idle schools whose due events were recorded"
    describe_counter "ledger_writer_retries_total" Count "Retried batches"
    describe_counter "ledger_projection_events_total" Count "Applied events by projection"
    describe_counter "ledger_projection_retries_total" Count "Retries by projection"

    describe_gauge "ledger_projection_lag_events" Count "Events not yet applied, by projection"
    describe_gauge "ledger_projection_stopped_schools" Count "Halted schools by projection"
    describe_gauge "ledger_build_info" Count "1, labelled with the program's version"
    describe_gauge "process_resident_memory_bytes" Bytes "Resident memory"
    describe_gauge "process_open_fds" Count "Open file descriptors"
    describe_gauge "process_start_time_seconds" Seconds "Unix time of the process start"

    describe_histogram "http_request_seconds" Seconds "Request duration by method, path and status"
    describe_histogram "ledger_batch_seconds" Seconds "Duration of write batches"
    describe_histogram "ledger_batch_events" Count "Events per write batch"
    describe_histogram "ledger_projection_batch_seconds" Seconds "Duration of projection batches"
}

pub(super) fn record_start() {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    gauge!("process_start_time_seconds").set(now.as_secs_f64());
    gauge!("ledger_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// Records memory and file descriptors, on systems with `/proc`.
pub(super) fn measure_process() {
    if let Some(bytes) = resident_bytes() {
        gauge!("process_resident_memory_bytes").set(bytes);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        // One of them is the descriptor of this read.
        let open = u32::try_from(open.count().saturating_sub(1)).unwrap_or(u32::MAX);
        gauge!("process_open_fds").set(f64::from(open));
    }
}

/// `VmRSS:     12345 kB` (proc(5)).
fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1_024.0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn resident_memory_is_read() {
        let bytes = super::resident_bytes().unwrap();
        assert!((1e6..1e12).contains(&bytes), "{bytes}");
    }
}
