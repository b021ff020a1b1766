//! The thread that forks the server and waits for its end.

use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tokio::sync::watch;

use crate::ClusterError;

/// The signals that end a server, each with its time limit: a fast shutdown, which writes a
/// checkpoint of at most `shared_buffers`; an immediate shutdown, after which the next start
/// recovers; SIGKILL.
pub(crate) const STOP_STEPS: [(Signal, Duration); 3] = [
    (Signal::SIGINT, Duration::from_secs(30)),
    (Signal::SIGQUIT, Duration::from_secs(5)),
    (Signal::SIGKILL, Duration::from_secs(5)),
];

/// A child process and the thread that waits for it.
#[derive(Debug)]
pub(crate) struct Keeper {
    pid: Pid,
    /// The exit status, after the child has ended *and been waited for*. While it is `None`, the
    /// process id belongs to the child, so it is safe to signal.
    exit: watch::Receiver<Option<ExitStatus>>,
}

impl Keeper {
    /// Runs `command` from a dedicated thread, because the kernel ends the child with the thread
    /// that forked it; see [`launch`](crate::launch). Blocks for the duration of the fork.
    pub fn spawn(mut command: Command, user: &str) -> Result<Self, ClusterError> {
        let program = PathBuf::from(command.get_program());
        let failed = |source| ClusterError::Spawn {
            program,
            user: user.to_owned(),
            source,
        };
        let (started, start) = mpsc::sync_channel(1);
        let (ended, exit) = watch::channel(None);
        let body = move || match command.spawn() {
            Ok(child) => {
                // The receiver exists: it waits below.
                let _ = started.send(Ok(child.id()));
                wait_for(child, &ended);
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        };
        let spawned = thread::Builder::new()
            .name("private-postgres".to_owned())
            .spawn(body);
        let id = match spawned.map(|_| start.recv().map_err(std::io::Error::other)) {
            Ok(Ok(Ok(id))) => id,
            Ok(Ok(Err(source)) | Err(source)) | Err(source) => return Err(failed(source)),
        };
        Ok(Self {
            pid: Pid::from_raw(id.cast_signed()),
            exit,
        })
    }

    pub fn pid(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// Returns the exit status if the child has ended.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        *self.exit.borrow()
    }

    /// Waits until the child has ended.
    pub async fn exited(&self) -> ExitStatus {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(status)) => *status,
            // The thread sends before it ends, so this is reached only if it panicked.
            Ok(None) | Err(_) => ExitStatus::default(),
        }
    }

    /// Ends the child.
    pub async fn stop(&self) -> Result<(), ClusterError> {
        for (signal, limit) in STOP_STEPS {
            self.signal(signal);
            if tokio::time::timeout(limit, self.exited()).await.is_ok() {
                return Ok(());
            }
            tracing::warn!(
                postmaster.pid = self.pid(),
                "server did not end after {signal}"
            );
        }
        Err(ClusterError::StillRunning { pid: self.pid() })
    }

    fn signal(&self, signal: Signal) {
        // While the status is borrowed, the thread cannot reap the child.
        if self.exit.borrow().is_none() {
            let _ = kill(self.pid, signal);
        }
    }
}

impl Drop for Keeper {
    /// Like `stop`, but blocks the thread.
    fn drop(&mut self) {
        for (signal, limit) in STOP_STEPS {
            self.signal(signal);
            let deadline = Instant::now() + limit;
            while Instant::now() < deadline {
                if self.exit_status().is_some() {
                    return;
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// Waits for the end of the child without reaping it, then reaps it and publishes the status under
/// one lock. Otherwise `signal` could reach another process that was given the same id.
fn wait_for(mut child: Child, ended: &watch::Sender<Option<ExitStatus>>) {
    let pid = Pid::from_raw(child.id().cast_signed());
    while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(Errno::EINTR) {}
    ended.send_modify(|exit| *exit = Some(child.wait().unwrap_or_default()));
}
