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

use std::num::NonZeroU32;
use std::path::PathBuf;

use ledger_projections::WorkerSettings;
use ledger_store::database::PoolSizes;
use ledger_store::writer::WriterSettings;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub use error::SettingsError;

use ledger_auth::{JwksSource, JwtSettings, RateLimits};

/// All settings.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where Postgres is: `postgres://user@host/database`, always with a user. No default.
    #[serde(serialize_with = "show::secret")]
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
    pub jwt: Jwt,
    /// How often somebody may ask.
    pub rate_limit: RateLimit,
    /// The writer of the log.
    pub writer: WriterConfig,
    /// Connections to Postgres.
    pub pool: Pool,
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
            jwt: Jwt::default(),
            rate_limit: RateLimit::default(),
            writer: WriterConfig::default(),
            pool: Pool::default(),
            log: Log::default(),
        }
    }
}

/// Trusted token issuers. To serve, `hs256_secret` or one of `jwks_url` and `jwks_file` must be set.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jwt {
    /// The secret of tokens that are signed with HS256, at least 32 bytes. `LEDGER_JWT_SECRET`
    /// serves too. No default.
    #[serde(serialize_with = "show::secret")]
    pub hs256_secret: Option<SecretString>,
    /// Where the public keys of tokens signed with ES256 or RS256 are fetched (a JWKS, over
    /// https). No default.
    pub jwks_url: Option<String>,
    /// A file with such keys. No default.
    pub jwks_file: Option<PathBuf>,
    /// Whether `jwks_url` may be plain http to another machine: whoever can answer there can sign
    /// as anybody. Default false.
    pub jwks_allow_http: bool,
    /// The keys are looked at once in so many seconds at most, however many tokens name unknown
    /// ones; 6 to 3600. Default 10.
    pub jwks_refresh_seconds: u32,
    /// Keys older than so many seconds are fetched again; 60 to 86400. Default 600.
    pub jwks_max_age_seconds: u32,
    /// What a token's `iss` must be. No default: not looked at.
    pub issuer: Option<String>,
    /// What a token's `aud` must name. No default: not looked at.
    pub audience: Option<String>,
    /// Where the role stands in a token, names with dots between. Default `app_metadata.role`.
    pub role_claim: String,
    /// Where the school's id stands in a token. Default `app_metadata.school_id`.
    pub school_claim: String,
    /// How far the clock of whoever issues tokens may be from ours, seconds; 0 to 300. Default 30.
    pub leeway_seconds: u32,
    /// How long a verified token is taken on trust, seconds; 0 to 60. Default 60.
    pub cache_seconds: u32,
}

impl Default for Jwt {
    fn default() -> Self {
        let settings = JwtSettings::default();
        Self {
            hs256_secret: None,
            jwks_url: None,
            jwks_file: None,
            jwks_allow_http: settings.jwks_allow_http,
            jwks_refresh_seconds: settings.jwks_refresh_seconds,
            jwks_max_age_seconds: settings.jwks_max_age_seconds,
            issuer: settings.issuer,
            audience: settings.audience,
            role_claim: settings.role_claim,
            school_claim: settings.school_claim,
            leeway_seconds: settings.leeway_seconds,
            cache_seconds: settings.cache_seconds,
        }
    }
}

impl Jwt {
    /// The settings as the verifier takes them.
    #[must_use]
    pub fn settings(&self) -> JwtSettings {
        let url = self.jwks_url.clone().map(JwksSource::Url);
        JwtSettings {
            hs256_secret: self.hs256_secret.clone(),
            jwks: url.or_else(|| self.jwks_file.clone().map(JwksSource::File)),
            jwks_allow_http: self.jwks_allow_http,
            jwks_refresh_seconds: self.jwks_refresh_seconds,
            jwks_max_age_seconds: self.jwks_max_age_seconds,
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            role_claim: self.role_claim.clone(),
            school_claim: self.school_claim.clone(),
            leeway_seconds: self.leeway_seconds,
            cache_seconds: self.cache_seconds,
        }
    }
}

/// How often one credential may ask; what comes faster is answered 429 `rate-limited`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimit {
    /// Requests of a person per second, in the long run; 0 is no limit. Default 50.
    pub people_per_second: u32,
    /// Requests that a person may make at once, after a pause. Default 500.
    pub people_burst: u32,
    /// Requests of a proxy per second, in the long run; 0 is no limit. Default 0.
    pub proxies_per_second: u32,
    /// Requests that a proxy may make at once, when it is limited. Default 10000.
    pub proxies_burst: u32,
}

impl Default for RateLimit {
    fn default() -> Self {
        let RateLimits { people, proxies } = RateLimits::default();
        let per_second =
            |limit: Option<ledger_auth::RateLimit>| limit.map_or(0, |l| l.per_second.get());
        let burst = |limit: Option<ledger_auth::RateLimit>, unlimited| {
            limit.map_or(unlimited, |limit| limit.burst.get())
        };
        Self {
            people_per_second: per_second(people),
            people_burst: burst(people, 500),
            proxies_per_second: per_second(proxies),
            proxies_burst: burst(proxies, 10_000),
        }
    }
}

impl RateLimit {
    /// The limits as the limiter takes them.
    #[must_use]
    pub fn limits(&self) -> RateLimits {
        let limit = |per_second, burst| {
            Some(ledger_auth::RateLimit {
                per_second: NonZeroU32::new(per_second)?,
                burst: NonZeroU32::new(burst)?,
            })
        };
        RateLimits {
            people: limit(self.people_per_second, self.people_burst),
            proxies: limit(self.proxies_per_second, self.proxies_burst),
        }
    }
}

/// The writer of the log.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WriterConfig {
    /// Schools are shared out over so many shards, each of which writes one batch at a time and
    /// keeps a connection. Default 4.
    pub shards: usize,
    /// Memory for the states of schools, over all shards, bytes. Default 100663296 (96 MiB), which
    /// holds about 100,000 members.
    pub state_cache_bytes: usize,
    /// Events of a school between two snapshots of its state. Default 1000.
    pub snapshot_every: i64,
}

impl Default for WriterConfig {
    fn default() -> Self {
        let settings = WriterSettings::default();
        Self {
            shards: settings.shards,
            state_cache_bytes: settings.state_cache_bytes,
            snapshot_every: settings.snapshot_every,
        }
    }
}

impl WriterConfig {
    /// The settings as the writer takes them.
    #[must_use]
    pub const fn settings(&self) -> WriterSettings {
        WriterSettings {
            shards: self.shards,
            state_cache_bytes: self.state_cache_bytes,
            snapshot_every: self.snapshot_every,
        }
    }
}

/// The most connections of this process to Postgres, by what they are for. Their sum over all
/// processes must stay below Postgres's `max_connections`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pool {
    /// For writing the log: more than `writer.shards`. Default 8.
    pub writer: u32,
    /// For read models: more than `workers`. Default 6.
    pub projector: u32,
    /// For requests that read. Default 16.
    pub reader: u32,
    /// For looking up API keys. Default 4.
    pub authenticator: u32,
    /// For reads as of the past. Default 2.
    pub replayer: u32,
}

impl Default for Pool {
    fn default() -> Self {
        let sizes = PoolSizes::default();
        Self {
            writer: sizes.writer,
            projector: sizes.projector,
            reader: sizes.reader,
            authenticator: sizes.authenticator,
            replayer: sizes.replayer,
        }
    }
}

impl Pool {
    /// The sizes as the database takes them.
    #[must_use]
    pub const fn sizes(&self) -> PoolSizes {
        PoolSizes {
            writer: self.writer,
            projector: self.projector,
            reader: self.reader,
            authenticator: self.authenticator,
            replayer: self.replayer,
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
