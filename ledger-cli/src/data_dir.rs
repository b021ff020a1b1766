//! The folder of a `ledger demo`: its token secret, and where its database is.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use nix::unistd::Uid;
use secrecy::SecretString;

/// Where a demo lies unless somebody says otherwise.
pub const DEFAULT: &str = ".ledger";

/// The database of a demo.
pub const DATABASE: &str = "ledger";

/// The file of the secret, readable by its owner alone.
const SECRET_FILE: &str = "jwt-secret";

/// Bytes of a new secret, as random as they come; twice what HS256 asks for once they are hex.
const SECRET_BYTES: usize = 32;

/// The most that is read of a secret's file.
const SECRET_FILE_BYTES_MAX: u64 = 4_096;

/// The secret that is kept in a data folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is none.
    #[error(
        "there is no secret in {}: start `ledger demo` there first, or set LEDGER_JWT_SECRET",
        .folder.display()
    )]
    Missing {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// It cannot be read or written.
    #[error("cannot {doing} {}", .file.display())]
    Io {
        /// What was tried, as a verb.
        doing: &'static str,
        /// On which file.
        file: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

/// The secret in `folder`.
pub fn secret(folder: &Path) -> Result<SecretString, SecretError> {
    let file = folder.join(SECRET_FILE);
    match read(&file) {
        Ok(secret) => Ok(secret),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Err(SecretError::Missing {
            folder: folder.to_owned(),
        }),
        Err(source) => Err(SecretError::Io {
            doing: "read",
            file,
            source,
        }),
    }
}

/// The secret in `folder`; a new one when there is none yet. For whoever holds the folder's lock.
pub fn secret_or_new(folder: &Path) -> Result<SecretString, SecretError> {
    match secret(folder) {
        Err(SecretError::Missing { .. }) => {
            let file = folder.join(SECRET_FILE);
            write_new(folder, &file)
                .and_then(|()| read(&file))
                .map_err(|source| SecretError::Io {
                    doing: "make",
                    file,
                    source,
                })
        }
        found => found,
    }
}

fn read(file: &Path) -> io::Result<SecretString> {
    let mut text = String::new();
    fs::File::open(file)?
        .take(SECRET_FILE_BYTES_MAX)
        .read_to_string(&mut text)?;
    Ok(SecretString::from(text.trim()))
}

/// Written beside its place and moved there whole: a start that is cut short leaves no half of one.
fn write_new(folder: &Path, file: &Path) -> io::Result<()> {
    let bytes: [u8; SECRET_BYTES] = rand::random();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let draft = file.with_extension("new");
    let _ = fs::remove_file(&draft); // of a start that was cut short
    let mut new = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    new.set_permissions(Permissions::from_mode(0o600))?;
    let owner = folder.metadata()?;
    if Uid::effective().is_root() && owner.uid() != 0 {
        // Root starts today what the folder's owner wants to start tomorrow.
        fchown(&new, Some(owner.uid()), Some(owner.gid()))?;
    }
    writeln!(new, "{hex}")?;
    new.sync_all()?;
    fs::rename(&draft, file)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_kept_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            secret(folder.path()),
            Err(SecretError::Missing { .. })
        ));
        let first = secret_or_new(folder.path()).unwrap();
        assert_eq!(first.expose_secret().len(), 2 * SECRET_BYTES);
        let again = secret_or_new(folder.path()).unwrap();
        assert_eq!(first.expose_secret(), again.expose_secret());
        let mode = folder.path().join(SECRET_FILE).metadata().unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
