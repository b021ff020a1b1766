//! The server's log file, and the end of it that goes into an error.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::ClusterError;
use crate::error::io;
use crate::lock::open_as_owner;

/// A log longer than this is set aside at the next start, in place of the one set aside before:
/// so the two together hold at most this and what two runs write.
const ROTATE_ABOVE_BYTES: u64 = 16 * 1024 * 1024;

/// How much of the end goes into an error: about half a screen.
const TAIL_BYTES: usize = 4 * 1024;
const TAIL_LINES: usize = 15;

/// The log, open to append to.
#[derive(Debug)]
pub(crate) struct Log {
    pub path: PathBuf,
    file: File,
}

impl Log {
    /// Opens the log, a new one when the old one has grown long.
    pub fn open(path: &Path) -> Result<Self, ClusterError> {
        if path
            .symlink_metadata()
            .is_ok_and(|log| log.len() > ROTATE_ABOVE_BYTES)
        {
            let aside = path.with_extension("log.1");
            fs::rename(path, &aside).map_err(io("set aside", path))?;
        }
        let mut options = OpenOptions::new();
        options.append(true).read(true).create(true);
        let file = open_as_owner(path, &mut options).map_err(io("open", path))?;
        Ok(Self {
            path: path.to_path_buf(),
            file,
        })
    }

    /// A handle for a child to write to. The child need not be able to open the file itself.
    pub fn writer(&self) -> Result<File, ClusterError> {
        self.file.try_clone().map_err(io("open", &self.path))
    }

    /// Where the log ends now, bytes: what is written from now on begins here.
    pub fn end(&self) -> u64 {
        self.file.metadata().map_or(0, |log| log.len())
    }

    /// The last lines of what was written from the byte `start` on.
    pub fn tail_since(&self, start: u64) -> String {
        let mut bytes = [0; TAIL_BYTES];
        let from = start.max(self.end().saturating_sub(TAIL_BYTES as u64));
        let length = match self.file.read_at(&mut bytes, from) {
            Ok(length) => length,
            Err(error) => return format!("(the log cannot be read: {error})"),
        };
        let text = String::from_utf8_lossy(&bytes[..length]);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }
}
