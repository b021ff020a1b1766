//! Access to a cluster that another process runs.

use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::url;
use crate::url::PORT;

/// Returns the superuser's URL of `database` in the cluster that another process runs in
/// `data_dir`; `None` if no server accepts connections there.
#[must_use]
pub fn running_url(data_dir: &Path, database: &str) -> Option<String> {
    let socket_dir = data_dir.join("socket").canonicalize().ok()?;
    // A stale socket refuses connections.
    UnixStream::connect(socket_dir.join(format!(".s.PGSQL.{PORT}"))).ok()?;
    Some(url::socket_url(&socket_dir, database))
}
