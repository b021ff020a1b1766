//! The data folder of a `ledger demo`: its name, its database and its token secret.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use ledger_auth::JwtSettings;
use nix::unistd::Uid;
use secrecy::SecretString;

/// The default data folder.
pub const DEFAULT_FOLDER: &str = ".ledger";

/// The name of the demo's database.
pub const DATABASE: &str = "ledger";

/// The file of the HS256 secret, readable by its owner alone.
const SECRET_FILE: &str = "jwt-secret";

/// Random bytes of a new secret. In hexadecimal that is twice the minimum for HS256.
const SECRET_BYTES: usize = 32;

/// Bytes read of a secret file.
const SECRET_FILE_BYTES_MAX: u64 = 4_096;

/// The secret of a data folder could not be read or created.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The folder has no secret.
    #[error(
        "no secret in {}: start `ledger demo` there first, or set LEDGER_JWT_SECRET",
        .folder.display()
    )]
    Missing { folder: PathBuf },
    /// The file could not be read or written.
    #[error("cannot {doing} {}", .file.display())]
    Io {
        /// The failed operation, a verb.
        doing: &'static str,
        file: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Token settings with the secret in `folder`.
pub fn jwt_settings(folder: &Path) -> Result<JwtSettings, SecretError> {
    let file = folder.join(SECRET_FILE);
    match read(&file) {
        Ok(secret) => Ok(JwtSettings {
            hs256_secret: Some(secret),
            ..JwtSettings::default()
        }),
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

/// As [`jwt_settings`]; creates the secret if there is none. The caller holds the folder's lock.
pub fn create_jwt_settings(folder: &Path) -> Result<JwtSettings, SecretError> {
    let file = folder.join(SECRET_FILE);
    if !file.exists() {
        create(folder, &file).map_err(|source| SecretError::Io {
            doing: "create",
            file,
            source,
        })?;
    }
    jwt_settings(folder)
}

fn read(file: &Path) -> io::Result<SecretString> {
    let mut text = String::new();
    fs::File::open(file)?
        .take(SECRET_FILE_BYTES_MAX)
        .read_to_string(&mut text)?;
    Ok(SecretString::from(text.trim()))
}

/// Writes a new secret to a temporary file and renames it, so that an interrupted start leaves no
/// partial one.
fn create(folder: &Path, file: &Path) -> io::Result<()> {
    let bytes: [u8; SECRET_BYTES] = rand::random();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let draft = file.with_extension("new");
    let _ = fs::remove_file(&draft); // left by an interrupted start
    let mut new = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    new.set_permissions(Permissions::from_mode(0o600))?;
    let owner = folder.metadata()?;
    if Uid::effective().is_root() && owner.uid() != 0 {
        // A start by root must not lock the folder's owner out of later starts.
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

    fn exposed(settings: &JwtSettings) -> String {
        let secret = settings.hs256_secret.as_ref().unwrap();
        secret.expose_secret().to_owned()
    }

    #[test]
    fn a_secret_is_created_once_and_readable_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let missing = jwt_settings(folder.path());
        assert!(matches!(missing, Err(SecretError::Missing { .. })));
        let first = exposed(&create_jwt_settings(folder.path()).unwrap());
        assert_eq!(first.len(), 2 * SECRET_BYTES);
        let again = exposed(&create_jwt_settings(folder.path()).unwrap());
        assert_eq!(first, again);
        let mode = folder.path().join(SECRET_FILE).metadata().unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
