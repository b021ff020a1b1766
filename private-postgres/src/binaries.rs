//! The installed Postgres programs, and the ones that can run a cluster.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::ClusterError;

/// The oldest major version of Postgres that is supported.
const OLDEST_MAJOR: u32 = 15;

/// The folder of the major versions on Debian and Ubuntu: `<this>/N/bin`.
const VERSIONED_ROOT: &str = "/usr/lib/postgresql";

/// A folder that contains the programs of a Postgres server.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    pub folder: PathBuf,
    major: u32,
}

impl Binaries {
    /// Returns the programs to run the cluster in `pgdata` with: the first suitable ones of
    /// `PG_BIN_DIR`, Debian's versioned folders (newest first), `pg_config --bindir` and `PATH`.
    /// An existing cluster requires its own major version.
    pub fn choose(pgdata: &Path) -> Result<Self, ClusterError> {
        let cluster_major = std::fs::read_to_string(pgdata.join("PG_VERSION"))
            .ok()
            .and_then(|text| text.trim().parse::<u32>().ok());
        let mut installed = Vec::new();
        // Each candidate costs a process, so the search ends with the first suitable one.
        for (folder, is_required) in candidates() {
            match Self::at(&folder) {
                Some(binaries) if binaries.runs(cluster_major) => return Ok(binaries),
                Some(binaries) => installed.push(binaries),
                None if is_required => return Err(ClusterError::BinDirWrong { folder }),
                None => {}
            }
        }
        if installed.is_empty() {
            return Err(ClusterError::BinariesMissing {
                searched: format!("PG_BIN_DIR, {VERSIONED_ROOT}, pg_config, PATH"),
            });
        }
        let described: Vec<String> = installed
            .iter()
            .map(|binaries| format!("{} in {}", binaries.major, binaries.folder.display()))
            .collect();
        Err(ClusterError::VersionMismatch {
            pgdata: pgdata.to_path_buf(),
            wanted: cluster_major.map_or_else(
                || format!("{OLDEST_MAJOR} or later"),
                |major| major.to_string(),
            ),
            example: cluster_major.unwrap_or(OLDEST_MAJOR),
            found: described.join(", "),
        })
    }

    /// Returns the path of a program, for example `initdb`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns whether the server can run a cluster of this major version, or a new one.
    fn runs(&self, cluster_major: Option<u32>) -> bool {
        match cluster_major {
            Some(major) => self.major == major,
            None => self.major >= OLDEST_MAJOR,
        }
    }

    /// Returns the server in `folder`, if there is one. Follows symbolic links, because Postgres
    /// finds its files relative to the real path of its program.
    fn at(folder: &Path) -> Option<Self> {
        let server = folder.join("postgres").canonicalize().ok()?;
        let folder = server.parent()?.to_path_buf();
        if !folder.join("initdb").exists() {
            return None;
        }
        let major = major_in(&output_of(Command::new(server).arg("--version"))?)?;
        Some(Self { folder, major })
    }
}

/// Returns the folders to search in order of preference, and whether each must contain a server.
fn candidates() -> impl Iterator<Item = (PathBuf, bool)> {
    let required = env::var_os("PG_BIN_DIR").filter(|value| !value.is_empty());
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = env::split_paths(&path).collect();
    let searched = versioned_folders()
        .into_iter()
        .chain(std::iter::once_with(pg_config_folder).flatten())
        .chain(on_path)
        .map(|folder| (folder, false));
    required
        .map(|folder| (PathBuf::from(folder), true))
        .into_iter()
        .chain(searched)
}

/// Returns the folders `/usr/lib/postgresql/N/bin`, highest N first.
fn versioned_folders() -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(VERSIONED_ROOT) else {
        return Vec::new();
    };
    let mut majors: Vec<u32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    majors.sort_unstable_by(|a, b| b.cmp(a));
    majors
        .iter()
        .map(|major| {
            Path::new(VERSIONED_ROOT)
                .join(major.to_string())
                .join("bin")
        })
        .collect()
}

fn pg_config_folder() -> Option<PathBuf> {
    let text = output_of(Command::new("pg_config").arg("--bindir"))?;
    Some(PathBuf::from(text.trim()))
}

fn output_of(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns the major version in a line like `postgres (PostgreSQL) 18beta1 (Debian 18~beta1-1)`.
fn major_in(version_line: &str) -> Option<u32> {
    let version = version_line.split(')').nth(1)?.trim_start();
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major_in;

    #[test]
    fn the_major_version_is_read_from_every_form_postgres_prints() {
        assert_eq!(
            major_in("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major_in("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major_in("postgres (PostgreSQL) 19devel\n"), Some(19));
        assert_eq!(major_in("something else"), None);
    }
}
