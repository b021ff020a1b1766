//! The copy of a stopped cluster.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, lchown};
use std::path::Path;

use crate::ClusterError;
use crate::access::PRIVATE;
use crate::account::Account;
use crate::error;
use crate::folders::PGDATA;

/// Copies the cluster in the data folder `template` to the empty folder `target` and gives the
/// copy to `account`.
pub(crate) fn copy(template: &Path, target: &Path, account: &Account) -> Result<(), ClusterError> {
    let source = template.join(PGDATA);
    copy_entries(&source, target, account).map_err(error::io("copy", &source))
}

fn copy_entries(source: &Path, target: &Path, account: &Account) -> io::Result<()> {
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        let path = target.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            DirBuilder::new().mode(PRIVATE).create(&path)?;
            copy_entries(&entry.path(), &path, account)?;
        } else {
            fs::copy(entry.path(), &path)?;
        }
        if account.switched {
            lchown(
                &path,
                Some(account.uid.as_raw()),
                Some(account.gid.as_raw()),
            )?;
        }
    }
    Ok(())
}
