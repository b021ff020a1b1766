//! The data folder: where everything is in it, and whether a cluster can live there.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::ClusterError;
use crate::access::{check_owner, check_traversable, create_with_parents, let_pass, restrict};
use crate::account::Account;
use crate::error::io;
use crate::settings::PORT;

/// The longest path of a Unix socket, bytes: `sockaddr_un.sun_path` has 108 with the closing zero.
const SOCKET_PATH_LIMIT: usize = 107;

/// The paths inside a data folder, all absolute and without links.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    pub data_dir: PathBuf,
    pub pgdata: PathBuf,
    pub socket: PathBuf,
    pub log: PathBuf,
    pub lock: PathBuf,
}

impl Folders {
    /// Checks that a cluster can live in `data_dir`, which need not exist yet, and says as whom it
    /// would run. Creates nothing.
    pub fn locate(data_dir: &Path) -> Result<(Self, Account), ClusterError> {
        let data_dir = std::path::absolute(data_dir).map_err(io("find", data_dir))?;
        let account = Account::choose(&data_dir.join("pgdata"))?;
        let existing = data_dir.ancestors().find(|folder| folder.is_dir());
        let existing = existing.unwrap_or(Path::new("/"));
        let resolved = existing.canonicalize().map_err(io("find", existing))?;
        let missing = data_dir.strip_prefix(existing).unwrap_or(Path::new(""));
        let folders = Self::inside(&resolved.join(missing));
        folders.check_socket_path()?;
        if missing.as_os_str().is_empty() {
            folders.let_server_in(&account)?;
        }
        if account.switched {
            check_traversable(&resolved, &data_dir, &account)?;
        }
        Ok((folders, account))
    }

    /// Creates the data folder if it is missing.
    pub fn create(&self, account: &Account) -> Result<(), ClusterError> {
        create_with_parents(&self.data_dir, account)
    }

    /// Whether there is a cluster yet, of which this account is the owner; what is neither a
    /// cluster nor nothing is refused and left alone.
    pub fn hold_cluster(&self, account: &Account) -> Result<bool, ClusterError> {
        let pgdata = &self.pgdata;
        if pgdata.symlink_metadata().is_err() {
            return Ok(false);
        }
        // Who cannot look inside is told below whose it is.
        if let Ok(mut entries) = fs::read_dir(pgdata) {
            if entries.next().is_none() {
                return Ok(false);
            }
            if !pgdata.join("PG_VERSION").exists() {
                return Err(ClusterError::NotACluster {
                    folder: pgdata.clone(),
                });
            }
        }
        let metadata = check_owner(pgdata, account)?;
        restrict(pgdata, &metadata)?;
        Ok(true)
    }

    fn inside(data_dir: &Path) -> Self {
        // Collected from its parts once more, a path has no slash at its end.
        let data_dir: PathBuf = data_dir.components().collect();
        Self {
            pgdata: data_dir.join("pgdata"),
            socket: data_dir.join("socket"),
            log: data_dir.join("postgres.log"),
            lock: data_dir.join("cluster.lock"),
            data_dir,
        }
    }

    fn check_socket_path(&self) -> Result<(), ClusterError> {
        if self.data_dir.to_str().is_none() {
            return Err(ClusterError::PathNotText {
                folder: self.data_dir.clone(),
            });
        }
        let socket = self.socket.join(format!(".s.PGSQL.{PORT}"));
        let length = socket.as_os_str().len();
        if length > SOCKET_PATH_LIMIT {
            return Err(ClusterError::SocketPathTooLong {
                socket,
                length,
                limit: SOCKET_PATH_LIMIT,
            });
        }
        Ok(())
    }

    /// Lets the server's user pass through a data folder that was closed to all but us. Only one
    /// that is empty (a temporary folder, say) or was used before: no other is ours to open.
    fn let_server_in(&self, account: &Account) -> Result<(), ClusterError> {
        let folder = &self.data_dir;
        let metadata = folder.metadata().map_err(io("look at", folder))?;
        let is_closed = metadata.uid() == 0 && metadata.mode() & 0o077 == 0;
        if !account.switched || !is_closed || account.may_enter(&metadata) {
            return Ok(());
        }
        let is_empty = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
        if is_empty || self.lock.exists() {
            let_pass(folder, account)?;
        }
        Ok(())
    }
}
