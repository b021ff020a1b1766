//! The destination of an export.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// The destination of an export.
pub(super) enum Output {
    /// stdout, a pipe or a device.
    Stream(BufWriter<Box<dyn Write + Send>>),
    /// A temporary file beside the destination, which it replaces once it is complete.
    File(BufWriter<NamedTempFile>, PathBuf),
    /// The reader has closed the pipe (`| head`), which is not a failure.
    Closed,
}

impl Output {
    pub(super) fn open(path: Option<&Path>) -> io::Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Stream(BufWriter::new(Box::new(io::stdout()))));
        };
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            let device = File::options().write(true).open(path)?;
            return Ok(Self::Stream(BufWriter::new(Box::new(device))));
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
        self.until_closed(|out| out.write_all(bytes))
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.until_closed(|out| out.flush())?;
        if let Self::File(out, path) = self {
            let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.as_file().sync_all()?;
            file.persist(path)?;
        }
        Ok(())
    }

    fn until_closed(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let written = match self {
            Self::Stream(out) => write(out),
            Self::File(out, _) => write(out),
            Self::Closed => Ok(()),
        };
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                *self = Self::Closed;
                Ok(())
            }
            written => written,
        }
    }
}
