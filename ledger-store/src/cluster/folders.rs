//! The data folder: where everything is in it, and who may enter.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use super::ClusterError;
use super::account::Account;
use super::settings::PORT;

/// The longest path of a Unix socket, bytes: `sockaddr_un.sun_path` has 108 with the closing zero.
const SOCKET_PATH_LIMIT: usize = 107;

/// Only its owner may enter.
const PRIVATE: u32 = 0o700;

/// The paths inside a data folder, all absolute.
#[derive(Debug, Clone)]
pub(super) struct Folders {
    pub data_dir: PathBuf,
    pub pgdata: PathBuf,
    /// Where initdb works until it is done; then it becomes `pgdata`.
    pub unfinished: PathBuf,
    pub socket: PathBuf,
    pub log: PathBuf,
    pub lock: PathBuf,
}

impl Folders {
    /// Creates `data_dir` if it is missing and checks that a cluster can live there.
    pub fn open(data_dir: &Path) -> Result<(Self, Account), ClusterError> {
        let wanted = std::path::absolute(data_dir).map_err(io("find", data_dir))?;
        let account = Account::choose(&wanted.join("pgdata"))?;
        create_with_parents(&wanted, &account)?;
        // The server names its folders by the path without links, in its lock file and in /proc.
        let data_dir = wanted.canonicalize().map_err(io("find", &wanted))?;
        let folders = Self {
            pgdata: data_dir.join("pgdata"),
            unfinished: data_dir.join("pgdata.unfinished"),
            socket: data_dir.join("socket"),
            log: data_dir.join("postgres.log"),
            lock: data_dir.join("cluster.lock"),
            data_dir,
        };
        folders.check_socket_path()?;
        if account.switched {
            folders.let_in(&account)?;
            check_traversable(&folders.data_dir, &account)?;
        }
        Ok((folders, account))
    }

    /// Makes the socket's folder, and makes sure of owner and mode of what Postgres owns. For the
    /// holder of the lock only.
    pub fn secure(&self, account: &Account) -> Result<(), ClusterError> {
        make_private(&self.socket, account)?;
        match self.pgdata.symlink_metadata() {
            Ok(_) => make_private(&self.pgdata, account),
            Err(_) => Ok(()), // not made yet
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
    fn let_in(&self, account: &Account) -> Result<(), ClusterError> {
        let metadata = self
            .data_dir
            .metadata()
            .map_err(io("look at", &self.data_dir))?;
        let closed = metadata.uid() == 0 && metadata.mode() & 0o077 == 0;
        let is_empty = || fs::read_dir(&self.data_dir).is_ok_and(|mut all| all.next().is_none());
        if closed && !account.may_enter(&metadata) && (self.lock.exists() || is_empty()) {
            open_to(&self.data_dir, account)?;
        }
        Ok(())
    }
}

/// Checks that `account` can reach `target`, a folder without links in its path.
pub(super) fn check_traversable(target: &Path, account: &Account) -> Result<(), ClusterError> {
    for folder in target.ancestors().collect::<Vec<_>>().into_iter().rev() {
        if !account.may_enter(&folder.metadata().map_err(io("look at", folder))?) {
            return Err(ClusterError::NotTraversable {
                folder: folder.to_path_buf(),
                target: target.to_path_buf(),
                user: account.name.clone(),
            });
        }
    }
    Ok(())
}

/// Makes `folder` if need be, and gives it to `account` alone.
pub(super) fn make_private(folder: &Path, account: &Account) -> Result<(), ClusterError> {
    if folder.symlink_metadata().is_err() {
        DirBuilder::new()
            .mode(PRIVATE)
            .create(folder)
            .map_err(io("create", folder))?;
    }
    let metadata = folder.symlink_metadata().map_err(io("look at", folder))?;
    if !metadata.is_dir() {
        return Err(ClusterError::NotACluster {
            folder: folder.to_path_buf(),
        });
    }
    // Whatever root may own here is new, or what a start that was cut short left behind.
    if account.switched && metadata.uid() == 0 {
        lchown(
            folder,
            Some(account.uid.as_raw()),
            Some(account.gid.as_raw()),
        )
        .map_err(io("give away", folder))?;
    } else if metadata.uid() != account.uid.as_raw() {
        return Err(ClusterError::ForeignOwner {
            folder: folder.to_path_buf(),
            owner: metadata.uid(),
            user: account.name.clone(),
        });
    }
    if metadata.mode() & 0o7777 != PRIVATE {
        fs::set_permissions(folder, Permissions::from_mode(PRIVATE))
            .map_err(io("restrict", folder))?;
    }
    Ok(())
}

/// Turns an I/O error into ours, saying what was tried on what.
pub(super) fn io<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> ClusterError + 'a {
    move |source| ClusterError::Io {
        action,
        path: path.to_path_buf(),
        source,
    }
}

/// Creates `folder` and its missing parents, closed to others but for the server's user.
fn create_with_parents(folder: &Path, account: &Account) -> Result<(), ClusterError> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_with_parents(parent, account)?;
    }
    match DirBuilder::new().mode(PRIVATE).create(folder) {
        Ok(()) if account.switched => open_to(folder, account),
        Ok(()) => Ok(()),
        // Another start was quicker; the lock will say which of the two goes on.
        Err(source) if source.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(io("create", folder)(source)),
    }
}

/// Lets the account's group pass through `folder`, but not list it.
fn open_to(folder: &Path, account: &Account) -> Result<(), ClusterError> {
    lchown(folder, None, Some(account.gid.as_raw())).map_err(io("open", folder))?;
    fs::set_permissions(folder, Permissions::from_mode(0o710)).map_err(io("open", folder))
}
