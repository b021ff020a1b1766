//! The command line of a child: its user, its environment, its link to this process.

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::prctl;
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::{getpid, getppid};

use crate::account::Account;

/// The environment variables that a child inherits. The others may contain secrets, which SQL
/// could read from `/proc/self/environ`, or configure Postgres (`PG…`).
const KEPT_VARIABLES: [&str; 2] = ["PATH", "LD_LIBRARY_PATH"];

/// Returns a command that runs `program` as `account` in the root folder and in a process group of
/// its own, so that Ctrl-C at the terminal does not reach it.
///
/// **The child receives SIGINT when the thread that spawns it ends**, so spawn it from a thread
/// that lives as long as the child should.
pub(crate) fn command(program: &Path, account: &Account) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("HOME", "/")
        .env("LC_ALL", "C")
        .current_dir("/");
    for name in KEPT_VARIABLES {
        if let Some(value) = env::var_os(name) {
            command.env(name, value);
        }
    }
    command.stdin(Stdio::null()).process_group(0);
    if account.switched {
        // As root, std also drops the supplementary groups.
        command.uid(account.uid.as_raw()).gid(account.gid.as_raw());
    }
    die_with_parent(&mut command);
    command
}

/// Makes the kernel send SIGINT to the child when its parent thread ends, even by SIGKILL.
///
/// A change of user resets this, but std changes the user before it runs `pre_exec` closures. If
/// the parent died before `set_pdeathsig`, no signal would be sent: hence the check of the parent.
#[allow(unsafe_code)]
fn die_with_parent(command: &mut Command) {
    let parent = getpid();
    // SAFETY: the closure runs in the forked child, where only async-signal-safe calls are allowed
    // because other threads may have held locks. It makes three system calls (sigaction, prctl,
    // getppid) and neither allocates nor locks: an `io::Error` made from an error code is a number.
    // `SIG_DFL` installs no handler.
    unsafe {
        command.pre_exec(move || {
            // A shell without job control starts background commands with SIGINT ignored, which
            // the child would inherit until it installs its own handler.
            signal(Signal::SIGINT, SigHandler::SigDfl)?;
            prctl::set_pdeathsig(Signal::SIGINT)?;
            if getppid() != parent {
                return Err(io::Error::from(nix::errno::Errno::ESRCH));
            }
            Ok(())
        });
    }
}
