//! A cluster that another process runs.

use std::os::unix::net::UnixStream;
use std::path::Path;

use super::settings::PORT;
use super::{DATABASE, url};

/// The URL of the database [`DATABASE`] of the cluster that another process runs in `data_dir`, as
/// its superuser; `None` when none answers there, or not to us.
#[must_use]
pub fn running_url(data_dir: &Path) -> Option<String> {
    let socket_dir = data_dir.join("socket").canonicalize().ok()?;
    // A socket that was left behind refuses.
    UnixStream::connect(socket_dir.join(format!(".s.PGSQL.{PORT}"))).ok()?;
    Some(url::socket_url(&socket_dir, DATABASE))
}
