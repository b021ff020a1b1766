//! Ownership and permissions of folders.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, lchown};
use std::path::Path;

use crate::ClusterError;
use crate::account::Account;
use crate::error::io;

/// Access for the owner only.
pub(crate) const PRIVATE: u32 = 0o700;

/// Full access for the owner; search without listing for the group.
const SEARCHABLE: u32 = 0o710;

/// Checks that `account` can search `folder` (absolute, without symbolic links) and its ancestors.
/// The error names the first folder that it cannot search, and `target`.
pub(crate) fn check_searchable(
    folder: &Path,
    target: &Path,
    account: &Account,
) -> Result<(), ClusterError> {
    let mut from_root: Vec<&Path> = folder.ancestors().collect();
    from_root.reverse();
    for folder in from_root {
        let metadata = folder.metadata().map_err(io("inspect", folder))?;
        if !account.may_search(&metadata) {
            return Err(ClusterError::NotSearchable {
                folder: folder.to_path_buf(),
                target: target.to_path_buf(),
                user: account.name.clone(),
            });
        }
    }
    Ok(())
}

/// Creates `folder` and its missing parents, accessible to this process and the server's user.
pub(crate) fn create_with_parents(folder: &Path, account: &Account) -> Result<(), ClusterError> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_with_parents(parent, account)?;
    }
    match DirBuilder::new().mode(PRIVATE).create(folder) {
        Ok(()) if account.switched => allow_search(folder, account),
        Ok(()) => Ok(()),
        // Created by a concurrent start; the lock decides which of the two continues.
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(io("create", folder)(source)),
    }
}

/// Allows the account's group, and no other user, to search a folder.
pub(crate) fn allow_search(folder: &Path, account: &Account) -> Result<(), ClusterError> {
    lchown(folder, None, Some(account.gid.as_raw())).map_err(io("change the group of", folder))?;
    fs::set_permissions(folder, Permissions::from_mode(SEARCHABLE)).map_err(io("open", folder))
}

/// Creates `folder` if it is missing, and restricts it to `account`.
pub(crate) fn make_private(folder: &Path, account: &Account) -> Result<(), ClusterError> {
    if folder.symlink_metadata().is_err() {
        DirBuilder::new()
            .mode(PRIVATE)
            .create(folder)
            .map_err(io("create", folder))?;
    }
    let metadata = folder.symlink_metadata().map_err(io("inspect", folder))?;
    if account.switched && metadata.uid() == 0 {
        // Just created, or left by an interrupted start.
        lchown(
            folder,
            Some(account.uid.as_raw()),
            Some(account.gid.as_raw()),
        )
        .map_err(io("change the owner of", folder))?;
    }
    let metadata = check_owner(folder, account)?;
    restrict(folder, &metadata)
}

/// Checks that `folder` is a folder and belongs to `account`. Does not follow symbolic links:
/// otherwise another user could make root change the mode of any file.
pub(crate) fn check_owner(folder: &Path, account: &Account) -> Result<Metadata, ClusterError> {
    let metadata = folder.symlink_metadata().map_err(io("inspect", folder))?;
    if !metadata.is_dir() {
        return Err(ClusterError::NotACluster {
            folder: folder.to_path_buf(),
        });
    }
    if metadata.uid() != account.uid.as_raw() {
        return Err(account.foreign_owner(folder, metadata.uid()));
    }
    Ok(metadata)
}

/// Restricts `folder` to its owner, as Postgres requires.
pub(crate) fn restrict(folder: &Path, metadata: &Metadata) -> Result<(), ClusterError> {
    if metadata.mode() & 0o7777 == PRIVATE {
        return Ok(());
    }
    fs::set_permissions(folder, Permissions::from_mode(PRIVATE)).map_err(io("restrict", folder))
}
