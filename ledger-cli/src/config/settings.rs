//! Every setting. Each table is a struct of the crate that uses it.
//!
//! The names, defaults and meanings are in `docs/OPERATIONS.md`; a test compares the defaults.

use std::path::PathBuf;

use ledger_auth::{JwtSettings, RateLimits};
use ledger_projections::WorkerSettings;
use ledger_store::database::PoolSizes;
use ledger_store::writer::WriterSettings;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::error::SettingsError;
use crate::telemetry::LogSettings;

/// Limit of `shutdown_grace_seconds`: an hour.
const GRACE_SECONDS_MAX: u64 = 3_600;

/// All settings.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Postgres URL with a user: `postgres://user@host/database`.
    #[serde(serialize_with = "ledger_auth::serialize_redacted")]
    pub database_url: Option<SecretString>,
    /// Host and port of the HTTP server.
    pub listen: String,
    /// TOML file with the plan catalogue, in place of the built-in one.
    pub catalogue: Option<PathBuf>,
    /// Concurrent projection workers of this process; 0 runs none, for `ledger serve` beside
    /// `ledger worker`.
    pub workers: usize,
    /// Time for requests in flight at shutdown. The default is below the 30 seconds after which
    /// container runtimes usually kill.
    pub shutdown_grace_seconds: u64,
    /// Trusted token issuers.
    pub jwt: JwtSettings,
    /// Requests per credential.
    pub rate_limit: RateLimits,
    /// The writer of the log.
    pub writer: WriterSettings,
    /// Connections to Postgres.
    pub pool: PoolSizes,
    /// Log lines.
    pub log: LogSettings,
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
            log: LogSettings::default(),
        }
    }
}

impl Settings {
    /// Checks the rules that the types do not express. The keys and ranges under `jwt` are checked
    /// by those who use them: a process that verifies no token needs no key.
    pub(super) fn validate(&self) -> Result<(), SettingsError> {
        let (jwt, pool, limits) = (&self.jwt, self.pool, self.rate_limit);
        let shards = u32::try_from(self.writer.shards).unwrap_or(u32::MAX);
        let workers = u32::try_from(self.workers).unwrap_or(u32::MAX);
        let positive = "must be at least 1";
        let has_burst = |per_second, burst| burst > 0 || per_second == 0;
        let people_have_burst = has_burst(limits.people_per_second, limits.people_burst);
        let proxies_have_burst = has_burst(limits.proxies_per_second, limits.proxies_burst);
        #[rustfmt::skip]
        let rules = [
            ("writer.shards", shards > 0, positive),
            ("writer.snapshot_every", self.writer.snapshot_every > 0, positive),
            ("jwt.jwks_file", jwt.jwks_url.is_none() || jwt.jwks_file.is_none(),
             "and jwt.jwks_url cannot both be set"),
            ("pool.reader", pool.reader > 0, positive),
            ("pool.authenticator", pool.authenticator > 0, positive),
            ("pool.replayer", pool.replayer > 0, positive),
            ("pool.writer", pool.writer > shards,
             "must be greater than writer.shards: each shard keeps a connection"),
            ("pool.projector", pool.projector > workers,
             "must be greater than workers: each keeps a connection, and the scheduler needs one"),
            ("shutdown_grace_seconds", self.shutdown_grace_seconds <= GRACE_SECONDS_MAX,
             "must be at most 3600"),
            ("rate_limit.people_burst", people_have_burst, positive),
            ("rate_limit.proxies_burst", proxies_have_burst, positive),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            Some((name, _, rule)) => Err(SettingsError::Range { name, rule }),
            None => Ok(()),
        }
    }
}
