//! Remains of an earlier run: a stale `postmaster.pid`, or a server whose owner is dead.

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

/// The interval at which the end of a foreign process is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The contents of `postmaster.pid`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PostmasterFile {
    pub pid: i32,
    /// Line 8 without trailing spaces, for example `starting`, `ready` or `stopping`.
    pub status: Option<String>,
}

impl PostmasterFile {
    /// Reads the file of the cluster in `pgdata`; `None` if it is missing or incomplete.
    /// (Format: <https://github.com/postgres/postgres/blob/master/src/include/utils/pidfile.h>.)
    pub fn read(pgdata: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(pgdata.join("postmaster.pid")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        // A single-user server writes a negative process id.
        let pid = lines.next()?.trim().parse::<i32>().ok()?.checked_abs()?;
        let status = lines.nth(6).map(|line| line.trim().to_owned());
        Some(Self { pid, status })
    }
}

/// Stops a server whose owner is dead, and removes a stale `postmaster.pid`. Only for the holder of
/// the folder's lock, which proves that the owner of a running server is dead. Blocks the thread.
///
/// Postgres removes a stale file itself, unless a process of the same user has the old process id,
/// which is likely after a restart of a container.
pub(crate) fn remove(pgdata: &Path) -> Result<(), ClusterError> {
    let Some(PostmasterFile { pid, .. }) = PostmasterFile::read(pgdata) else {
        return Ok(());
    };
    if serves(pid, pgdata) {
        return stop_orphan(pid, pgdata);
    }
    if kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH) {
        let file = pgdata.join("postmaster.pid");
        tracing::info!(postmaster.pid = pid, "removing stale postmaster.pid");
        fs::remove_file(&file).map_err(io("remove", &file))?;
    }
    Ok(())
}

/// Returns whether the process `pid` is a server of `pgdata`, by its working folder. A zombie has
/// no working folder.
fn serves(pid: i32, pgdata: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == pgdata)
}

fn stop_orphan(pid: i32, pgdata: &Path) -> Result<(), ClusterError> {
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
    tracing::warn!(postmaster.pid = pid, "stopping server of a dead owner");
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

fn send(pid: i32, signal: Signal) {
    // An error means that the process has ended.
    let _ = kill(Pid::from_raw(pid), signal);
}

#[cfg(test)]
mod tests {
    use super::PostmasterFile;

    #[test]
    fn line_eight_is_the_status() {
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
    fn an_incomplete_file_has_no_status() {
        assert_eq!(PostmasterFile::parse(""), None);
        assert_eq!(PostmasterFile::parse("47").unwrap().status, None);
    }
}
