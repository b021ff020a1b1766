//! The paths in a data folder, and whether it can contain a cluster.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::ClusterError;
use crate::access::{allow_search, check_owner, check_searchable, create_with_parents, restrict};
use crate::account::Account;
use crate::error::io;
use crate::url::PORT;

/// The maximum length of a socket path, bytes: `sockaddr_un.sun_path` has 108 with its final zero.
const SOCKET_PATH_LIMIT: usize = 107;

/// The name of the cluster's folder in the data folder.
pub(crate) const PGDATA: &str = "pgdata";

/// The paths in a data folder, absolute and without symbolic links.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    pub data_dir: PathBuf,
    pub pgdata: PathBuf,
    pub socket: PathBuf,
    pub log: PathBuf,
    pub lock: PathBuf,
}

impl Folders {
    /// Checks that `data_dir`, which need not exist yet, can contain a cluster; returns its paths
    /// and the account that would run the server. Creates nothing.
    pub fn locate(data_dir: &Path) -> Result<(Self, Account), ClusterError> {
        let data_dir = std::path::absolute(data_dir).map_err(io("find", data_dir))?;
        let account = Account::choose(&data_dir.join(PGDATA))?;
        let existing = data_dir.ancestors().find(|folder| folder.is_dir());
        let existing = existing.unwrap_or(Path::new("/"));
        let resolved = existing.canonicalize().map_err(io("find", existing))?;
        let missing = data_dir.strip_prefix(existing).unwrap_or(Path::new(""));
        let folders = Self::inside(&resolved.join(missing));
        folders.check_socket_path()?;
        if missing.as_os_str().is_empty() {
            folders.allow_server(&account)?;
        }
        if account.switched {
            check_searchable(&resolved, &data_dir, &account)?;
        }
        Ok((folders, account))
    }

    /// Creates the data folder if it is missing.
    pub fn create(&self, account: &Account) -> Result<(), ClusterError> {
        create_with_parents(&self.data_dir, account)
    }

    /// Returns whether a cluster exists.
    ///
    /// # Errors
    /// If `pgdata` contains other files or belongs to another account.
    pub fn check_cluster(&self, account: &Account) -> Result<bool, ClusterError> {
        let pgdata = &self.pgdata;
        if pgdata.symlink_metadata().is_err() {
            return Ok(false);
        }
        // If the folder cannot be read, `check_owner` below names its owner.
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
        // Removes a trailing slash.
        let data_dir: PathBuf = data_dir.components().collect();
        Self {
            pgdata: data_dir.join(PGDATA),
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

    /// Allows the server's user to search a data folder that only root can search, if the folder
    /// is empty (for example a temporary folder) or was a data folder before.
    fn allow_server(&self, account: &Account) -> Result<(), ClusterError> {
        let folder = &self.data_dir;
        let metadata = folder.metadata().map_err(io("inspect", folder))?;
        let is_closed = metadata.uid() == 0 && metadata.mode() & 0o077 == 0;
        if !account.switched || !is_closed || account.may_search(&metadata) {
            return Ok(());
        }
        let is_empty = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
        if is_empty || self.lock.exists() {
            allow_search(folder, account)?;
        }
        Ok(())
    }
}
