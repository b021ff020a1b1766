//! Every setting, on one page.
//!
//! Values come from, each over the one before: the defaults below, a TOML file (`--config` or
//! `LEDGER_CONFIG`), the environment. A setting's variable is `LEDGER_` and its name in capitals,
//! with `_` for the dot: `jwt.jwks_url` is `LEDGER_JWT_JWKS_URL`; `DATABASE_URL` serves too. An
//! empty variable is none. A name that is no setting is refused, in a file as in the environment.
//! `ledger serve --print-config` shows what is in force, save for what is secret.

mod error;
mod load;
mod show;

use std::path::PathBuf;

use ledger_auth::settings::{JwtSettings, RateLimits, serialize_secret};
use ledger_projections::WorkerSettings;
use ledger_store::database::PoolSizes;
use ledger_store::writer::WriterSettings;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub use error::SettingsError;

/// All settings.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where Postgres is: `postgres://user@host/database`, always with a user. No default.
    #[serde(serialize_with = "serialize_secret")]
    pub database_url: Option<SecretString>,
    /// Where to listen, host and port. Default `127.0.0.1:8080`.
    pub listen: String,
    /// The plan catalogue, a TOML file that takes the place of the built-in one. No default.
    pub catalogue: Option<PathBuf>,
    /// How many workers of this process bring read models up to date at the same time; 0 is none
    /// at all, for `ledger serve` beside `ledger worker`. Default 3.
    pub workers: usize,
    /// How long requests in flight may take to finish once a stop was asked for, seconds, at most
    /// an hour. Default 25: a container is usually given 30 before it is killed.
    pub shutdown_grace_seconds: u64,
    /// Trusted token issuers.
    pub jwt: JwtSettings,
    /// How often somebody may ask.
    pub rate_limit: RateLimits,
    /// The writer of the log.
    pub writer: WriterSettings,
    /// Connections to Postgres.
    pub pool: PoolSizes,
    /// What is said on stderr.
    pub log: Log,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            database_url: None,
            listen: "127.0.0.1:8080".to_owned(),
            catalogue: None,
            workers: WorkerSettings::default().runs_at_once,
            shutdown_grace_seconds: 25,
            jwt: JwtSettings::default(),
            rate_limit: RateLimits::default(),
            writer: WriterSettings::default(),
            pool: PoolSizes::default(),
            log: Log::default(),
        }
    }
}

/// What is said on stderr.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// What is said: `tracing-subscriber`'s directives, such as `info,ledger_store=debug`.
    /// Default `info`, with less from the libraries.
    pub filter: String,
    /// How: `text`, `json`, or `auto` (text on a terminal, JSON otherwise). Default `auto`.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info,sqlx=warn,hyper=warn,h2=warn,rustls=warn".to_owned(),
            format: LogFormat::Auto,
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}
