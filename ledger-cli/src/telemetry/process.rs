//! What the process itself takes, under the names that Prometheus's clients use.

use std::time::{SystemTime, UNIX_EPOCH};

use metrics::{Unit, describe_gauge, gauge};

pub(super) fn describe() {
    describe_gauge!(
        "process_resident_memory_bytes",
        Unit::Bytes,
        "Memory in use"
    );
    describe_gauge!(
        "process_open_fds",
        Unit::Count,
        "Open files and connections"
    );
    describe_gauge!(
        "process_start_time_seconds",
        Unit::Seconds,
        "When the process started, in seconds since 1970"
    );
    describe_gauge!(
        "ledger_build_info",
        Unit::Count,
        "1, with the version of the program"
    );
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    gauge!("process_start_time_seconds").set(now.as_secs_f64());
    gauge!("ledger_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// Reads two files of `/proc`; where there are none, nothing is told.
pub(super) fn measure() {
    if let Some(bytes) = resident_bytes() {
        gauge!("process_resident_memory_bytes").set(bytes);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        // Looking is one of them.
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
