//! The user that Postgres runs as: never root, because Postgres refuses that.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, Uid, User};

use crate::ClusterError;

/// The users to run Postgres as if this process is root, in order of preference.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

/// The user that Postgres runs as.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub uid: Uid,
    pub gid: Gid,
    pub name: String,
    /// Whether the user differs from the one of this process: whenever that is root.
    pub switched: bool,
}

impl Account {
    /// Chooses the account for the cluster in `pgdata`, which need not exist yet.
    ///
    /// An ordinary user runs the server as themselves. Root runs it as the owner of an existing
    /// cluster, so that root can start a cluster that another user created.
    pub fn choose(pgdata: &Path) -> Result<Self, ClusterError> {
        let uid = Uid::effective();
        if !uid.is_root() {
            return Ok(Self {
                switched: false,
                ..Self::of(uid, Gid::effective())
            });
        }
        if let Ok(owner) = pgdata.symlink_metadata()
            && owner.uid() != 0
        {
            return Ok(Self::of(
                Uid::from_raw(owner.uid()),
                Gid::from_raw(owner.gid()),
            ));
        }
        CANDIDATES
            .iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .filter(|user| !user.uid.is_root())
            .map(|user| Self {
                uid: user.uid,
                gid: user.gid,
                name: user.name,
                switched: true,
            })
            .ok_or(ClusterError::NoAccount)
    }

    /// Returns whether this account may search a folder according to its mode bits. Access control
    /// lists are ignored: where one grants more, `chmod` is the remedy.
    pub fn may_search(&self, folder: &Metadata) -> bool {
        let search_bit = if folder.uid() == self.uid.as_raw() {
            0o100
        } else if folder.gid() == self.gid.as_raw() {
            0o010
        } else {
            0o001
        };
        folder.mode() & search_bit != 0
    }

    /// Returns the error for a folder that belongs to another user.
    pub fn foreign_owner(&self, folder: &Path, owner: u32) -> ClusterError {
        ClusterError::ForeignOwner {
            folder: folder.to_path_buf(),
            owner: Self::of(Uid::from_raw(owner), self.gid).name,
            user: self.name.clone(),
        }
    }

    fn of(uid: Uid, gid: Gid) -> Self {
        let name = match User::from_uid(uid) {
            Ok(Some(user)) => user.name,
            Ok(None) | Err(_) => uid.to_string(),
        };
        Self {
            uid,
            gid,
            name,
            switched: true,
        }
    }
}
