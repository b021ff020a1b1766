//! The server's log file.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::ClusterError;
use crate::error::io;
use crate::lock::open_as_owner;

/// A start rotates a log that is longer than this; one rotated file is kept.
const ROTATE_ABOVE_BYTES: u64 = 16 * 1024 * 1024;

/// The part of the log that an error quotes: about half a screen.
const TAIL_BYTES: usize = 4 * 1024;
const TAIL_LINES: usize = 15;

/// The log, opened for appending.
#[derive(Debug)]
pub(crate) struct Log {
    pub path: PathBuf,
    file: File,
}

impl Log {
    /// Opens the log, and rotates it if it is long.
    pub fn open(path: &Path) -> Result<Self, ClusterError> {
        if path
            .symlink_metadata()
            .is_ok_and(|log| log.len() > ROTATE_ABOVE_BYTES)
        {
            let rotated = path.with_extension("log.1");
            fs::rename(path, &rotated).map_err(io("rotate", path))?;
        }
        let mut options = OpenOptions::new();
        options.append(true).read(true).create(true);
        let file = open_as_owner(path, &mut options).map_err(io("open", path))?;
        Ok(Self {
            path: path.to_path_buf(),
            file,
        })
    }

    /// Returns a handle for a child, which need not be able to open the file itself.
    pub fn writer(&self) -> Result<File, ClusterError> {
        self.file.try_clone().map_err(io("open", &self.path))
    }

    /// Returns the present length, bytes.
    pub fn end(&self) -> u64 {
        self.file.metadata().map_or(0, |log| log.len())
    }

    /// Returns the last lines that were written after the byte `start`.
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
