//! The settings of the server.
//!
//! They are command-line arguments, which take precedence over `postgresql.conf` and
//! `ALTER SYSTEM`: neither can open a port or reduce durability.

use std::ffi::OsString;

use crate::folders::Folders;
use crate::url::PORT;

/// The name of the cluster, by which [`leftover`](crate::leftover) recognises its servers.
pub(crate) const CLUSTER_NAME: (&str, &str) = ("cluster_name", "private-postgres");

/// The settings that the caller can override.
const DEFAULTS: &[(&str, &str)] = &[
    CLUSTER_NAME,
    // No TCP; the rules that initdb wrote also reject it.
    ("listen_addresses", ""),
    ("max_connections", "200"),
    // Acknowledged commits are on disk.
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    // Small, because the machine is shared. Pages are allocated when they are used.
    ("shared_buffers", "256MB"),
    // Few checkpoints under load; a crash recovery replays at most 2 GB.
    ("max_wal_size", "2GB"),
    ("min_wal_size", "256MB"),
    ("checkpoint_timeout", "15min"),
    ("wal_compression", "off"),
    // For short statements compilation costs more than it saves.
    ("jit", "off"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    // To stderr, which is D/postgres.log.
    ("log_destination", "stderr"),
    ("logging_collector", "off"),
    ("log_line_prefix", "%m [%p] "),
];

/// Returns the arguments of `postgres`: the defaults, the caller's settings, then the location of
/// the socket, which [`PrivateCluster`](crate::PrivateCluster) relies on. The last of two equal
/// names takes precedence.
pub(crate) fn arguments(folders: &Folders, extra: &[(String, String)]) -> Vec<OsString> {
    let mut arguments = vec![
        OsString::from("-D"),
        folders.pgdata.clone().into_os_string(),
    ];
    let mut set = |name: &str, value: &str| {
        arguments.push("-c".into());
        arguments.push(format!("{name}={value}").into());
    };
    for (name, value) in DEFAULTS {
        set(name, value);
    }
    for (name, value) in extra {
        set(name, value);
    }
    // The value is a list: quoted, so that a comma does not separate.
    let socket_dir = folders.socket.to_string_lossy().replace('"', "\"\"");
    set("unix_socket_directories", &format!("\"{socket_dir}\""));
    set("unix_socket_permissions", "0700");
    set("port", &PORT.to_string());
    arguments
}
