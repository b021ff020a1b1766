//! Errors of starting and stopping a private cluster, each with a remedy.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

/// A private cluster could not be started or stopped. The texts address the user at the terminal
/// and presume no knowledge of Postgres.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No folder contains both `postgres` and `initdb`.
    #[error(
        "no Postgres server is installed (searched {searched}): install version 15 or later \
         (Debian, Ubuntu: `apt-get install postgresql`; Fedora: `dnf install postgresql-server`), \
         or set PG_BIN_DIR to the folder that contains `postgres` and `initdb`"
    )]
    BinariesMissing {
        /// The places that were searched.
        searched: String,
    },

    /// `PG_BIN_DIR` names a folder without the programs.
    #[error(
        "PG_BIN_DIR is {folder}, which does not contain both `postgres` and `initdb`: set it to \
         the `bin` folder of a Postgres server, or unset it"
    )]
    BinDirWrong {
        /// The value of `PG_BIN_DIR`.
        folder: PathBuf,
    },

    /// No installed server can run this cluster.
    #[error(
        "{pgdata} requires Postgres {wanted}, but only {found} is installed: install that version \
         (Debian, Ubuntu: `apt-get install postgresql-{example}`), or choose another data folder"
    )]
    VersionMismatch {
        /// The folder of the cluster.
        pgdata: PathBuf,
        /// The required version.
        wanted: String,
        /// A version to install.
        example: u32,
        /// The installed versions and their folders.
        found: String,
    },

    /// The process runs as root, and there is no other user to run Postgres as.
    #[error(
        "Postgres refuses to run as root, and there is neither a user `postgres` nor a user \
         `nobody` to run it as: create one (`useradd --system postgres`), or run as another user"
    )]
    NoAccount,

    /// The server's user cannot search a folder on the path.
    #[error(
        "the user `{user}`, which Postgres runs as, cannot enter {folder}, which is on the path of \
         {target}: allow it (`chmod o+x {folder}`), or choose another data folder"
    )]
    NotSearchable {
        /// The folder that cannot be searched.
        folder: PathBuf,
        /// The path that is to be reached.
        target: PathBuf,
        /// The user that Postgres runs as.
        user: String,
    },

    /// The cluster belongs to another user.
    #[error(
        "{folder} belongs to the user `{owner}`, but Postgres would run as `{user}`: run as \
         `{owner}`, change the owner (`chown -R {user} {folder}`), or choose another data folder"
    )]
    ForeignOwner {
        /// The folder in question.
        folder: PathBuf,
        /// Its owner.
        owner: String,
        /// The user that Postgres runs as.
        user: String,
    },

    /// The path of the cluster exists and is not a Postgres cluster.
    #[error("{folder} is not a Postgres cluster: move it away, or choose another data folder")]
    NotACluster {
        /// The folder in question.
        folder: PathBuf,
    },

    /// The path is not UTF-8, so a connection URL cannot contain it.
    #[error("the path {folder} is not valid UTF-8: choose another data folder")]
    PathNotText {
        /// The folder in question.
        folder: PathBuf,
    },

    /// The path of the socket exceeds the limit of the operating system.
    #[error(
        "the path of the socket {socket} has {length} bytes, but the system allows at most \
         {limit}: choose a data folder with a shorter path"
    )]
    SocketPathTooLong {
        /// The path of the socket.
        socket: PathBuf,
        /// Its length, bytes.
        length: usize,
        /// The limit, bytes.
        limit: usize,
    },

    /// Another process runs the cluster of this folder.
    #[error(
        "{data_dir} is in use by another process ({owner}): stop it first, or choose another data \
         folder"
    )]
    InUse {
        /// The data folder.
        data_dir: PathBuf,
        /// Its process id; empty while the other process is starting.
        owner: String,
    },

    /// A server that was not started by this crate runs the cluster.
    #[error(
        "a Postgres server (process {pid}) that was started by other means is running on \
         {pgdata}: stop it (`pg_ctl stop -D {pgdata}`), or choose another data folder"
    )]
    ForeignServer {
        /// The cluster.
        pgdata: PathBuf,
        /// The process id of the server.
        pid: i32,
    },

    /// A file operation failed.
    #[error("cannot {action} {path}")]
    Io {
        /// The operation, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },

    /// A program could not be executed.
    #[error("cannot run {program} as user `{user}`")]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The user to run it as.
        user: String,
        /// The cause.
        source: io::Error,
    },

    /// initdb failed or took too long.
    #[error("initdb could not create the cluster ({outcome}); its output ends with:\n{tail}")]
    Initdb {
        /// The exit status, or that the time limit was exceeded.
        outcome: String,
        /// The last lines of the log.
        tail: String,
    },

    /// The server exited during startup.
    #[error("Postgres exited during startup ({status}); its log {log} ends with:\n{tail}")]
    EndedEarly {
        /// The exit status.
        status: ExitStatus,
        /// The path of the log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },

    /// The server was not ready within the time limit. It was stopped.
    #[error("Postgres was not ready within {limit:?}; its log {log} ends with:\n{tail}")]
    NotReady {
        /// The time limit.
        limit: Duration,
        /// The path of the log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },

    /// The server runs, but the database could not be reached or created.
    #[error("cannot reach or create the database `{database}` of the private cluster")]
    Database {
        /// The database.
        database: String,
        /// The cause.
        source: sqlx::Error,
    },

    /// The server does not end; it may be blocked in the kernel by a failing disk.
    #[error("the Postgres server (process {pid}) did not end after SIGKILL")]
    StillRunning {
        /// The process id of the server.
        pid: u32,
    },
}

/// Adds operation and path to an I/O error, for `map_err`.
pub(crate) fn io<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> ClusterError + 'a {
    move |source| ClusterError::Io {
        action,
        path: path.to_path_buf(),
        source,
    }
}
