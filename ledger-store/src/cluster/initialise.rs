//! Everything before the server runs: the folders, the lock, the binaries, and initdb.

use std::fs::{self, File};
use std::thread;
use std::time::{Duration, Instant};

use super::account::Account;
use super::binaries::Binaries;
use super::folders::{Folders, check_traversable, io, make_private};
use super::lock::OwnerLock;
use super::log::Log;
use super::{ClusterError, ClusterOptions, SUPERUSER, launch, leftover};

/// A cluster that is ready to be run.
#[derive(Debug)]
pub(super) struct Prepared {
    pub folders: Folders,
    pub account: Account,
    pub binaries: Binaries,
    pub log: Log,
    pub lock: OwnerLock,
    pub settings: Vec<(String, String)>,
    pub startup_limit: Duration,
}

/// Prepares the cluster, making one if there is none. Blocks: call it where that is allowed.
pub(super) fn prepare(options: &ClusterOptions) -> Result<Prepared, ClusterError> {
    let (folders, account) = Folders::open(&options.data_dir)?;
    let lock = OwnerLock::take(&folders)?;
    folders.secure(&account)?;
    let binaries = Binaries::choose(&folders.pgdata)?;
    if account.switched {
        check_traversable(&binaries.folder, &account)?;
    }
    let log = Log::open(&folders.log)?;
    let prepared = Prepared {
        folders,
        account,
        binaries,
        log,
        lock,
        settings: options.settings.clone(),
        startup_limit: options.startup_limit,
    };
    if prepared.folders.pgdata.join("PG_VERSION").exists() {
        leftover::clear(&prepared.folders.pgdata)?;
    } else {
        initialise(&prepared)?;
    }
    Ok(prepared)
}

/// Makes the cluster beside its place and moves it there when it is complete, so that a start cut
/// short at any moment leaves either no cluster or a whole one.
fn initialise(prepared: &Prepared) -> Result<(), ClusterError> {
    let Folders {
        pgdata,
        unfinished,
        data_dir,
        ..
    } = &prepared.folders;
    if unfinished.symlink_metadata().is_ok() {
        fs::remove_dir_all(unfinished).map_err(io("remove", unfinished))?;
    }
    make_private(unfinished, &prepared.account)?;
    run_initdb(prepared)?;
    fs::rename(unfinished, pgdata).map_err(|source| match source.kind() {
        std::io::ErrorKind::DirectoryNotEmpty => ClusterError::NotACluster {
            folder: pgdata.clone(),
        },
        _ => io("create", pgdata)(source),
    })?;
    File::open(data_dir)
        .and_then(|folder| folder.sync_all())
        .map_err(io("write", data_dir))
}

fn run_initdb(prepared: &Prepared) -> Result<(), ClusterError> {
    let Prepared {
        account,
        log,
        folders,
        ..
    } = prepared;
    let program = prepared.binaries.program("initdb");
    let mut command = launch::command(&program, account);
    command
        .arg("-D")
        .arg(&folders.unfinished)
        .args(["--username", SUPERUSER]);
    // Sorting by bytes is the same on every machine and in every version.
    command.args(["--encoding", "UTF8", "--locale", "C"]);
    // Whoever reaches the socket is trusted; nobody comes in by TCP, even if a port were opened.
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
                // It may have ended just now, and then there is nobody to kill.
                let _ = child.kill();
                let _ = child.wait();
                return failed(format!("not done within {:?}", prepared.startup_limit));
            }
        }
    }
}
