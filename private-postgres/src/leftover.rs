//! What an earlier run left behind: a stale `postmaster.pid`, or a server whose owner is dead.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::ClusterError;
use crate::error::io;
use crate::keeper::STOP_STEPS;
use crate::settings::CLUSTER_NAME;

/// How often something is looked at that cannot be waited for.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// What a running server says about itself in `postmaster.pid`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PostmasterFile {
    pub pid: i32,
    /// Line 8, without the spaces after it: `starting`, `ready`, `stopping`, …
    pub status: Option<String>,
}

impl PostmasterFile {
    /// Reads the file of the cluster in `pgdata`; `None` when there is none to make sense of.
    /// (The lines: <https://github.com/postgres/postgres/blob/master/src/include/utils/pidfile.h>.)
    pub fn read(pgdata: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(pgdata.join("postmaster.pid")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        // A single-user server writes its process id negative.
        let pid = lines.next()?.trim().parse::<i32>().ok()?.checked_abs()?;
        let status = lines.nth(6).map(|line| line.trim().to_owned());
        Some(Self { pid, status })
    }
}

/// Clears the way for a new server. For the holder of the folder's lock only, which is what proves
/// that the owner of a server found here is dead. Blocks while such a server shuts down.
///
/// Postgres clears up after itself in most cases, but takes any process of the same user that
/// happens to have the old process id for a server; after a restart of a container that is likely.
pub(crate) fn clear(pgdata: &Path) -> Result<(), ClusterError> {
    let Some(PostmasterFile { pid, .. }) = PostmasterFile::read(pgdata) else {
        return Ok(());
    };
    if serves(pid, pgdata) {
        return end_orphan(pid, pgdata);
    }
    if kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH) {
        let file = pgdata.join("postmaster.pid");
        tracing::info!(postmaster.pid = pid, "removing a stale postmaster.pid");
        fs::remove_file(&file).map_err(io("remove", &file))?;
    }
    Ok(())
}

/// Whether the process `pid` is a server on `pgdata`: each has that as its working folder. A
/// process that has ended but was not yet waited for has none.
fn serves(pid: i32, pgdata: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == pgdata)
}

fn end_orphan(pid: i32, pgdata: &Path) -> Result<(), ClusterError> {
    let ours = format!("{}={}", CLUSTER_NAME.0, CLUSTER_NAME.1);
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    if !arguments
        .split(|&byte| byte == 0)
        .any(|argument| argument == ours.as_bytes())
    {
        return Err(ClusterError::ForeignServer {
            pgdata: pgdata.to_path_buf(),
            pid,
        });
    }
    tracing::warn!(
        postmaster.pid = pid,
        "stopping a server whose owner is dead"
    );
    for (signal, limit) in STOP_STEPS {
        send(pid, signal);
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if !serves(pid, pgdata) {
                return Ok(());
            }
            thread::sleep(POLL_INTERVAL);
        }
    }
    Err(ClusterError::StillRunning {
        pid: pid.unsigned_abs(),
    })
}

/// A process that is gone already is as good as one that was told.
fn send(pid: i32, signal: Signal) {
    let _ = kill(Pid::from_raw(pid), signal);
}

#[cfg(test)]
mod tests {
    use crate::PostmasterFile;

    #[test]
    fn a_ready_server_says_so_in_line_eight() {
        let text = "4711\n/d/pgdata\n1763970000\n5432\n/d/socket\n\n  1234   5\nready   \n";
        let file = PostmasterFile::parse(text).unwrap();
        assert_eq!(
            file,
            PostmasterFile {
                pid: 4711,
                status: Some("ready".to_owned())
            }
        );
    }

    #[test]
    fn a_file_cut_short_by_a_crash_is_no_server() {
        assert_eq!(PostmasterFile::parse(""), None);
        assert_eq!(PostmasterFile::parse("47").unwrap().status, None);
    }
}
