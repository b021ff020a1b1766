//! Who owns a folder and who may enter it.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, lchown};
use std::path::Path;

use crate::ClusterError;
use crate::account::Account;
use crate::error::io;

/// Only its owner may enter.
const PRIVATE: u32 = 0o700;

/// Its owner may do all, its group pass through without looking around, others nothing.
const PASSABLE: u32 = 0o710;

/// Checks that `account` can enter `folder`, an absolute path without links, on the way to
/// `target`. Names the first folder that it cannot enter.
pub(crate) fn check_traversable(
    folder: &Path,
    target: &Path,
    account: &Account,
) -> Result<(), ClusterError> {
    let mut from_the_root: Vec<&Path> = folder.ancestors().collect();
    from_the_root.reverse();
    for folder in from_the_root {
        let metadata = folder.metadata().map_err(io("look at", folder))?;
        if !account.may_enter(&metadata) {
            return Err(ClusterError::NotTraversable {
                folder: folder.to_path_buf(),
                target: target.to_path_buf(),
                user: account.name.clone(),
            });
        }
    }
    Ok(())
}

/// Creates `folder` and its missing parents, closed to all but us and the server's user.
pub(crate) fn create_with_parents(folder: &Path, account: &Account) -> Result<(), ClusterError> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_with_parents(parent, account)?;
    }
    match DirBuilder::new().mode(PRIVATE).create(folder) {
        Ok(()) if account.switched => let_pass(folder, account),
        Ok(()) => Ok(()),
        // Another start was quicker; the lock will say which of the two goes on.
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(io("create", folder)(source)),
    }
}

/// Lets the account's group, and nobody else, pass through a folder of ours.
pub(crate) fn let_pass(folder: &Path, account: &Account) -> Result<(), ClusterError> {
    lchown(folder, None, Some(account.gid.as_raw())).map_err(io("open", folder))?;
    fs::set_permissions(folder, Permissions::from_mode(PASSABLE)).map_err(io("open", folder))
}

/// Makes `folder` if need be, and makes sure that it is `account`'s alone.
pub(crate) fn make_private(folder: &Path, account: &Account) -> Result<(), ClusterError> {
    if folder.symlink_metadata().is_err() {
        DirBuilder::new()
            .mode(PRIVATE)
            .create(folder)
            .map_err(io("create", folder))?;
    }
    let metadata = folder.symlink_metadata().map_err(io("look at", folder))?;
    if account.switched && metadata.uid() == 0 {
        // New, or what a start that was cut short left behind.
        lchown(
            folder,
            Some(account.uid.as_raw()),
            Some(account.gid.as_raw()),
        )
        .map_err(io("give away", folder))?;
    }
    let metadata = check_owner(folder, account)?;
    restrict(folder, &metadata)
}

/// Checks that `folder` is a folder and `account`'s. Links are not followed, lest root change the
/// mode of what somebody else made them point to.
pub(crate) fn check_owner(folder: &Path, account: &Account) -> Result<Metadata, ClusterError> {
    let metadata = folder.symlink_metadata().map_err(io("look at", folder))?;
    if !metadata.is_dir() {
        return Err(ClusterError::NotACluster {
            folder: folder.to_path_buf(),
        });
    }
    if metadata.uid() != account.uid.as_raw() {
        return Err(account.does_not_own(folder, metadata.uid()));
    }
    Ok(metadata)
}

/// Closes `folder` to all but its owner. Postgres does not start on one that is more open.
pub(crate) fn restrict(folder: &Path, metadata: &Metadata) -> Result<(), ClusterError> {
    if metadata.mode() & 0o7777 == PRIVATE {
        return Ok(());
    }
    fs::set_permissions(folder, Permissions::from_mode(PRIVATE)).map_err(io("restrict", folder))
}
