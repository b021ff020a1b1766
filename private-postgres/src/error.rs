//! Everything that can keep a private cluster from starting, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

/// Why a private Postgres did not start or stop. Every text is meant for the person at the
/// terminal, who may know nothing about Postgres.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No folder with both `postgres` and `initdb` was found.
    #[error(
        "no Postgres server is installed (looked in {searched}): install one, version 15 or later \
         (Debian, Ubuntu: `apt-get install postgresql`; Fedora: `dnf install postgresql-server`), \
         or set PG_BIN_DIR to the folder that holds `postgres` and `initdb`"
    )]
    BinariesMissing {
        /// The places that were looked at.
        searched: String,
    },

    /// `PG_BIN_DIR` is set, but to the wrong folder.
    #[error(
        "PG_BIN_DIR is {folder}, which does not hold both `postgres` and `initdb`: set it to the \
         `bin` folder of a Postgres server, or unset it"
    )]
    BinDirWrong {
        /// The value of `PG_BIN_DIR`.
        folder: PathBuf,
    },

    /// Servers are installed, but none that can run this data folder.
    #[error(
        "{pgdata} needs Postgres {wanted}, and installed is only {found}: install that version \
         (Debian, Ubuntu: `apt-get install postgresql-{example}`), or choose another data folder"
    )]
    VersionMismatch {
        /// The folder that holds, or would hold, the cluster.
        pgdata: PathBuf,
        /// The version that it needs.
        wanted: String,
        /// A version to install.
        example: u32,
        /// The versions that were found, and where.
        found: String,
    },

    /// We are root, and there is nobody else to run Postgres as.
    #[error(
        "Postgres refuses to run as root, and there is neither a user `postgres` nor a user \
         `nobody` to run it as: create one (`useradd --system postgres`), or run as an ordinary user"
    )]
    NoAccount,

    /// A folder on the way cannot be passed through by the server's user.
    #[error(
        "the user `{user}`, as whom Postgres runs, cannot enter {folder}, which is on the way to \
         {target}: let others pass through it (`chmod o+x {folder}`), or choose another data folder"
    )]
    NotTraversable {
        /// The folder that is closed.
        folder: PathBuf,
        /// What lies behind it.
        target: PathBuf,
        /// The user as whom Postgres runs.
        user: String,
    },

    /// The cluster belongs to a user that we are not.
    #[error(
        "{folder} belongs to the user `{owner}`, and Postgres would run as `{user}`: run as its owner, \
         give it away (`chown -R {user} {folder}`), or choose another data folder"
    )]
    ForeignOwner {
        /// The folder in question.
        folder: PathBuf,
        /// The user who owns it.
        owner: String,
        /// The user as whom Postgres runs.
        user: String,
    },

    /// Something that is no Postgres cluster (or a link to one) stands where the cluster should be.
    #[error("{folder} is not a Postgres cluster: move it away, or choose another data folder")]
    NotACluster {
        /// The folder in question.
        folder: PathBuf,
    },

    /// The path is no UTF-8, so that no connection URL can name it.
    #[error("the path {folder} is not valid UTF-8: choose another data folder")]
    PathNotText {
        /// The folder in question.
        folder: PathBuf,
    },

    /// The path of the socket is longer than the operating system takes.
    #[error(
        "the socket {socket} would have a path of {length} bytes, and the system takes at most \
         {limit}: choose a data folder with a shorter path"
    )]
    SocketPathTooLong {
        /// The path of the socket.
        socket: PathBuf,
        /// Its length, bytes.
        length: usize,
        /// The longest allowed, bytes.
        limit: usize,
    },

    /// Another process runs a cluster in this folder.
    #[error(
        "{data_dir} is in use by another process ({owner}): stop that one first, or choose another \
         data folder"
    )]
    InUse {
        /// The data folder.
        data_dir: PathBuf,
        /// The process that holds it; empty while that one is still starting.
        owner: String,
    },

    /// A server that we did not start runs on this folder's cluster.
    #[error(
        "a Postgres server (process {pid}) that was started by other means is running on \
         {pgdata}: stop it (`pg_ctl stop -D {pgdata}`), or choose another data folder"
    )]
    ForeignServer {
        /// The cluster.
        pgdata: PathBuf,
        /// The server.
        pid: i32,
    },

    /// The file system said no.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },

    /// A program could not be run at all.
    #[error("cannot run {program} as user `{user}`")]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The user as whom it was to run.
        user: String,
        /// Why it failed.
        source: io::Error,
    },

    /// initdb ran, and failed or took too long.
    #[error("initdb could not make a cluster ({outcome}); it said:\n{tail}")]
    Initdb {
        /// How it ended.
        outcome: String,
        /// The last lines of the log.
        tail: String,
    },

    /// The server ended while it was starting.
    #[error("Postgres ended while it was starting ({status}); its log {log} ends with:\n{tail}")]
    EndedEarly {
        /// How it ended.
        status: ExitStatus,
        /// The log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },

    /// The server was not ready in time. It has been stopped.
    #[error("Postgres was not ready within {limit:?}; its log {log} ends with:\n{tail}")]
    NotReady {
        /// How long it was given.
        limit: Duration,
        /// The log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },

    /// The server runs, but its database could not be reached or created.
    #[error("cannot reach or create the database `{database}` of the private cluster")]
    Database {
        /// The database.
        database: String,
        /// Why it failed.
        source: sqlx::Error,
    },

    /// The server does not end. It may be stuck in the kernel, on a disk that does not answer.
    #[error("the Postgres server (process {pid}) does not end, not even when killed")]
    StillRunning {
        /// The server.
        pid: u32,
    },
}

/// Turns an I/O error into ours, saying what was tried on what.
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
