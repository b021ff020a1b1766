//! The destination of an export.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// The destination of an export.
pub(super) enum Output {
    Stdout(BufWriter<io::Stdout>),
    /// A temporary file beside the destination, which it replaces once it is complete.
    File(BufWriter<NamedTempFile>, PathBuf),
    /// A pipe or device.
    Other(File),
    /// The reader has closed the pipe (`| head`), which is not a failure.
    Closed,
}

impl Output {
    pub(super) fn open(path: Option<&Path>) -> io::Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Stdout(BufWriter::new(io::stdout())));
        };
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return File::options().write(true).open(path).map(Self::Other);
        }
        // A link is kept: its target is replaced.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            Some(_) | None => Path::new("."),
        };
        let file = NamedTempFile::new_in(folder)?;
        Ok(Self::File(BufWriter::new(file), path))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = match self {
            Self::Stdout(out) => out.write_all(bytes),
            Self::File(out, _) => out.write_all(bytes),
            Self::Other(out) => out.write_all(bytes),
            Self::Closed => Ok(()),
        };
        self.unless_closed(written)
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        let flushed = match &mut self {
            Self::Stdout(out) => out.flush(),
            Self::File(out, _) => out.flush(),
            Self::Other(_) | Self::Closed => Ok(()),
        };
        self.unless_closed(flushed)?;
        if let Self::File(out, path) = self {
            let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.as_file().sync_all()?;
            file.persist(path)?;
        }
        Ok(())
    }

    fn unless_closed(&mut self, written: io::Result<()>) -> io::Result<()> {
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                *self = Self::Closed;
                Ok(())
            }
            written => written,
        }
    }
}
