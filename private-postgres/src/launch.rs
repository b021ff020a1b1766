//! How a child is started: as the right user, with a clean environment, tied to our life.

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::prctl;
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::{getpid, getppid};

use crate::account::Account;

/// The variables a child may see. Not our whole environment, which may hold secrets that the
/// server would show to whoever reads `/proc/self/environ` in SQL, nor any `PG…` variable.
const KEPT_VARIABLES: [&str; 2] = ["PATH", "LD_LIBRARY_PATH"];

/// A command that runs `program` as `account`, in a harmless place, in a process group of its own
/// (a Ctrl-C at the terminal goes to our group only: it is for us to say when the database stops).
///
/// **The child gets SIGINT when the thread that spawns it ends**, so spawn it from a thread that
/// lives as long as the child should.
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
        // As root, std also clears the supplementary groups.
        command.uid(account.uid.as_raw()).gid(account.gid.as_raw());
    }
    die_with_parent(&mut command);
    command
}

/// Has the kernel send the child SIGINT when its parent thread ends, even by SIGKILL.
///
/// A change of user clears the request, and std changes the user before it runs `pre_exec`
/// closures, so here it lasts. If the parent died before the request was made, nothing would ever
/// be sent: hence the second look at who the parent is.
#[allow(unsafe_code)]
fn die_with_parent(command: &mut Command) {
    let parent = getpid();
    // SAFETY: the closure runs in the forked child, where only async-signal-safe calls are allowed
    // as other threads may have held locks. It makes three system calls (sigaction, prctl,
    // getppid) and neither allocates nor locks: an `io::Error` made from an error code is a number.
    // Setting SIGINT to its default installs no handler, so no code of ours can run in one.
    unsafe {
        command.pre_exec(move || {
            // A shell without job control starts `ledger &` with SIGINT ignored, which the child
            // would inherit until it installs its own handler.
            signal(Signal::SIGINT, SigHandler::SigDfl)?;
            prctl::set_pdeathsig(Signal::SIGINT)?;
            if getppid() != parent {
                return Err(io::Error::from(nix::errno::Errno::ESRCH));
            }
            Ok(())
        });
    }
}
