//! The thread that forks the server, lives as long as it does, and knows when it has ended.

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

/// How a server is asked to end, and how long each way is given: a fast shutdown, which writes a
/// checkpoint of at most `shared_buffers`; an immediate one, which leaves recovery to the next
/// start; and, for one that does not answer, the kernel's.
pub(crate) const STOP_STEPS: [(Signal, Duration); 3] = [
    (Signal::SIGINT, Duration::from_secs(30)),
    (Signal::SIGQUIT, Duration::from_secs(5)),
    (Signal::SIGKILL, Duration::from_secs(5)),
];

/// A child process and the thread that waits for it.
#[derive(Debug)]
pub(crate) struct Keeper {
    pid: Pid,
    /// Holds the exit status once the child has ended *and been waited for*. As long as it is
    /// empty the process id is the child's, which is what makes it safe to signal.
    exit: watch::Receiver<Option<ExitStatus>>,
}

impl Keeper {
    /// Runs `command` in a thread of its own, since the kernel ends the child with the thread that
    /// forked it; see [`launch`](crate::launch). Blocks as long as a fork takes.
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
                // The receiver is there: it waits for this below.
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

    /// How the child ended, if it has.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        *self.exit.borrow()
    }

    /// Waits for the child's end.
    pub async fn exited(&self) -> ExitStatus {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(status)) => *status,
            // The thread sends before it ends, so this is only reached if it panicked.
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
                "postgres did not end after {signal}"
            );
        }
        Err(ClusterError::StillRunning { pid: self.pid() })
    }

    fn signal(&self, signal: Signal) {
        // While the status is borrowed the thread cannot take the child's process id away.
        if self.exit.borrow().is_none() {
            let _ = kill(self.pid, signal);
        }
    }
}

impl Drop for Keeper {
    /// The same as `stop`, for a thread that cannot await.
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

/// Waits for the child without taking its process id away, then takes it away and says so in one
/// step. If it were taken away at once, a signal sent in between could reach a stranger.
fn wait_for(mut child: Child, ended: &watch::Sender<Option<ExitStatus>>) {
    let pid = Pid::from_raw(child.id().cast_signed());
    while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(Errno::EINTR) {}
    ended.send_modify(|exit| *exit = Some(child.wait().unwrap_or_default()));
}
