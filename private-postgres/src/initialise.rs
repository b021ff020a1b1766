//! Preparation of a start: folders, lock, programs, and initdb or the copy of a template.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::access::{check_searchable, make_private};
use crate::account::Account;
use crate::binaries::Binaries;
use crate::error::io;
use crate::folders::Folders;
use crate::lock::OwnerLock;
use crate::log::Log;
use crate::{ClusterError, ClusterOptions, SUPERUSER, launch, leftover, template};

/// The prefix of the name of the folder in which a cluster is created.
const UNFINISHED: &str = "pgdata.unfinished-";

/// A cluster that can be started.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub folders: Folders,
    pub account: Account,
    pub binaries: Binaries,
    pub log: Log,
    pub lock: OwnerLock,
    pub settings: Vec<(String, String)>,
    pub startup_limit: Duration,
    pub template: Option<PathBuf>,
}

/// Prepares the cluster, and creates it if there is none. Blocks the thread.
pub(crate) fn prepare(options: &ClusterOptions) -> Result<Prepared, ClusterError> {
    let (folders, account) = Folders::locate(&options.data_dir)?;
    let binaries = Binaries::choose(&folders.pgdata)?;
    if account.switched {
        check_searchable(&binaries.folder, &binaries.folder, &account)?;
    }
    folders.create(&account)?;
    let lock = OwnerLock::take(&folders, &account)?;
    make_private(&folders.socket, &account)?;
    let exists = folders.check_cluster(&account)?;
    let log = Log::open(&folders.log)?;
    let prepared = Prepared {
        folders,
        account,
        binaries,
        log,
        lock,
        settings: options.settings.clone(),
        startup_limit: options.startup_limit,
        template: options.template.clone(),
    };
    if exists {
        leftover::remove(&prepared.folders.pgdata)?;
    } else {
        initialise(&prepared)?;
    }
    Ok(prepared)
}

/// Creates the cluster in a temporary folder and renames it when it is complete, so that an
/// interrupted start leaves either no cluster or a complete one.
fn initialise(prepared: &Prepared) -> Result<(), ClusterError> {
    let Folders {
        pgdata, data_dir, ..
    } = &prepared.folders;
    remove_unfinished(data_dir);
    // A unique name: the initdb of a killed owner may still be removing its folder.
    let unfinished = (0..)
        .map(|n| data_dir.join(format!("{UNFINISHED}{}-{n}", std::process::id())))
        .find(|folder| folder.symlink_metadata().is_err())
        .unwrap_or_else(|| data_dir.join(UNFINISHED));
    make_private(&unfinished, &prepared.account)?;
    let result = match &prepared.template {
        Some(template) => template::copy(template, &unfinished, &prepared.account)
            .and_then(|()| fs::rename(&unfinished, pgdata).map_err(io("create", pgdata))),
        None => run_initdb(prepared, &unfinished)
            .and_then(|()| fs::rename(&unfinished, pgdata).map_err(io("create", pgdata)))
            .and_then(|()| {
                let sync = File::open(data_dir).and_then(|folder| folder.sync_all());
                sync.map_err(io("write", data_dir))
            }),
    };
    if result.is_err() {
        remove_unfinished(data_dir);
    }
    result
}

/// Removes the folders that interrupted starts left, as far as possible.
fn remove_unfinished(data_dir: &Path) {
    let Ok(entries) = fs::read_dir(data_dir) else {
        return;
    };
    for entry in entries.flatten() {
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(UNFINISHED.as_bytes())
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::warn!(
                %error,
                path = %entry.path().display(),
                "could not remove folder of interrupted start"
            );
        }
    }
}

fn run_initdb(prepared: &Prepared, pgdata: &Path) -> Result<(), ClusterError> {
    let Prepared { account, log, .. } = prepared;
    let program = prepared.binaries.program("initdb");
    let mut command = launch::command(&program, account);
    command
        .arg("-D")
        .arg(pgdata)
        .args(["--username", SUPERUSER]);
    // Byte order does not depend on the machine or the version of the C library.
    command.args(["--encoding", "UTF8", "--locale", "C"]);
    // The mode of the socket's folder authenticates. TCP is rejected even if a port is opened.
    command.args(["--auth-local", "trust", "--auth-host", "reject"]);
    command.args(["--data-checksums", "--no-instructions"]);
    let log_start = log.end();
    command.stdout(log.writer()?).stderr(log.writer()?);
    let mut child = command.spawn().map_err(|source| ClusterError::Spawn {
        program: program.clone(),
        user: account.name.clone(),
        source,
    })?;
    let failed = |outcome: String| {
        Err(ClusterError::Initdb {
            outcome,
            tail: log.tail_since(log_start),
        })
    };
    let deadline = Instant::now() + prepared.startup_limit;
    loop {
        match child.try_wait().map_err(io("wait for", &program))? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return failed(status.to_string()),
            None if Instant::now() < deadline => thread::sleep(Duration::from_millis(10)),
            None => {
                // Includes the server that initdb runs in its process group. An error means that
                // the group has just ended.
                let group = Pid::from_raw(child.id().cast_signed());
                let _ = killpg(group, Signal::SIGKILL);
                let _ = child.wait();
                return failed(format!("not done within {:?}", prepared.startup_limit));
            }
        }
    }
}
