//! The server's settings, on one page.
//!
//! They are given on the command line, so that no file has to be kept in step, and neither a
//! `postgresql.conf` nor an `ALTER SYSTEM` can open a port or make commits less than durable.

use std::ffi::OsString;

use crate::folders::Folders;

/// The port in the socket's name. The folder is ours alone, so the usual one serves.
pub(crate) const PORT: u16 = 5432;

/// Names the cluster; also how [`leftover`](crate::leftover) tells a server of ours from others.
pub(crate) const CLUSTER_NAME: (&str, &str) = ("cluster_name", "private-postgres");

/// What every private cluster runs with unless the caller says otherwise.
const DEFAULTS: &[(&str, &str)] = &[
    CLUSTER_NAME,
    // The only door is the socket. (The rules that initdb wrote reject TCP, too.)
    ("listen_addresses", ""),
    ("max_connections", "200"),
    // Durable: what was acknowledged is on disk.
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    // Modest: it shares its machine with everything else. Touched lazily.
    ("shared_buffers", "256MB"),
    // Few checkpoints under load; at most 2 GB to replay after a crash.
    ("max_wal_size", "2GB"),
    ("min_wal_size", "256MB"),
    ("checkpoint_timeout", "15min"),
    ("wal_compression", "off"),
    // Our statements are short; compiling them costs more than it saves.
    ("jit", "off"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    // To stderr, which is D/postgres.log.
    ("log_destination", "stderr"),
    ("logging_collector", "off"),
    ("log_line_prefix", "%m [%p] "),
];

/// The arguments of `postgres`: our settings, then the caller's, then what says where things are,
/// which [`PrivateCluster`](crate::PrivateCluster) relies on. Of two, Postgres takes the last.
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
    // This one is a list, where a comma would separate and a quote would quote.
    let socket_dir = folders.socket.to_string_lossy().replace('"', "\"\"");
    set("unix_socket_directories", &format!("\"{socket_dir}\""));
    set("unix_socket_permissions", "0700");
    set("port", &PORT.to_string());
    arguments
}
