//! The lock on the data folder, which the kernel releases when the owner dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::unistd::Uid;

use crate::ClusterError;
use crate::account::Account;
use crate::error::io;
use crate::folders::Folders;

/// The lock, held while the cluster starts and runs.
#[derive(Debug)]
pub(crate) struct OwnerLock(File);

impl OwnerLock {
    /// Acquires the lock without waiting. The error names the process that holds it.
    pub fn take(folders: &Folders, account: &Account) -> Result<Self, ClusterError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = open_as_owner(&folders.lock, &mut options).map_err(|source| {
            if source.kind() == ErrorKind::PermissionDenied {
                let owner = folders.data_dir.metadata().map_or(0, |folder| folder.uid());
                return account.foreign_owner(&folders.data_dir, owner);
            }
            io("open", &folders.lock)(source)
        })?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                // The process id is optional in the message.
                let _ = file.take(32).read_to_string(&mut owner);
                return Err(ClusterError::InUse {
                    data_dir: folders.data_dir.clone(),
                    owner,
                });
            }
            Err(TryLockError::Error(source)) => return Err(io("lock", &folders.lock)(source)),
        }
        file.set_len(0)
            .and_then(|()| write!(file, "{}", std::process::id()))
            .map_err(io("write", &folders.lock))?;
        Ok(Self(file))
    }
}

impl Drop for OwnerLock {
    fn drop(&mut self) {
        // Explicit, because a child that another thread has just forked may still hold a copy of
        // the descriptor.
        let _ = self.0.unlock();
    }
}

/// Opens a file of the data folder with mode 0600 and the folder's owner, so that the owner can
/// start the cluster after root has. Does not follow symbolic links: otherwise the owner could make
/// root write to any file.
pub(crate) fn open_as_owner(path: &Path, options: &mut OpenOptions) -> std::io::Result<File> {
    let file = options
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)?;
    let folder = path.parent().unwrap_or(path).metadata()?;
    if file.metadata()?.uid() != folder.uid() && Uid::effective().is_root() {
        fchown(&file, Some(folder.uid()), Some(folder.gid()))?;
    }
    Ok(file)
}
