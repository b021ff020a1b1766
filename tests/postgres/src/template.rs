//! The prepared cluster that each test copies.
//!
//! It is in the build folder and is created by the first test that needs it. Its name contains a
//! hash of the migrations and of the installed servers, so that a change of either creates a new
//! one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use ledger_store::database::migrate;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::Uid;
use private_postgres::{ClusterOptions, PrivateCluster};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::DATABASE;

const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");

/// Returns the data folder of a stopped cluster with the ledger's schema. Creates it if it is
/// missing; other processes wait for that.
pub(crate) async fn data_folder() -> PathBuf {
    let folder = build_folder().join(format!("test-cluster-{}", key()));
    if !folder.exists() {
        // Blocks the thread until the creating process has ended or released the lock.
        let lock = File::create(folder.with_extension("lock")).expect("the lock file");
        let lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, errno)| errno);
        let _lock = lock.expect("the lock of the template");
        if !folder.exists() {
            create(&folder).await;
        }
    }
    folder
}

async fn create(folder: &Path) {
    let temporary = TempDir::new().expect("a temporary folder");
    let options = ClusterOptions::new(temporary.path())
        .with_database(DATABASE)
        .with_setting("fsync", "off");
    let cluster = PrivateCluster::start(options)
        .await
        .expect("a private Postgres");
    migrate(&cluster.database_url())
        .await
        .expect("the migrations apply");
    cluster.stop().await.expect("the server stops");
    // The build folder may be on another file system, or closed to the user that runs Postgres.
    let unfinished = folder.with_extension("unfinished");
    let _ = fs::remove_dir_all(&unfinished);
    fs::create_dir(&unfinished).expect("an empty folder");
    let copied = Command::new("cp")
        .arg("-R")
        .arg(temporary.path().join("pgdata"))
        .arg(&unfinished)
        .status();
    assert!(copied.expect("cp runs").success(), "a copy of the cluster");
    fs::rename(&unfinished, folder).expect("the template's name");
}

/// The folder of the build, two levels above the test program.
fn build_folder() -> PathBuf {
    let program = std::env::current_exe().expect("the path of this program");
    let folder = program.ancestors().nth(2).expect("a build folder");
    folder.to_path_buf()
}

/// A hash of everything that the template depends on, and the user who can read it.
fn key() -> String {
    let mut hash = Sha256::new();
    for file in sorted_paths(Path::new(MIGRATIONS)) {
        hash.update(file.as_os_str().as_encoded_bytes());
        hash.update(fs::read(&file).expect("a migration"));
    }
    hash.update(
        std::env::var_os("PG_BIN_DIR")
            .unwrap_or_default()
            .as_encoded_bytes(),
    );
    for version in sorted_paths(Path::new("/usr/lib/postgresql")) {
        hash.update(version.as_os_str().as_encoded_bytes());
    }
    let digest = hash.finalize();
    let prefix: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{}-{prefix}", Uid::effective())
}

/// The paths of a folder's entries; none if there is no such folder.
fn sorted_paths(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
