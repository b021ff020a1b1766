//! What the installation says about tokens and limits: parts of the one configuration file.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use crate::claims::ClaimPath;
use crate::error::AuthConfigError;

/// The fewest bytes of an HS256 secret: as many as its hash puts out (RFC 7518 §3.2). A shorter
/// one can be guessed offline from a single token.
pub const HS256_SECRET_BYTES_MIN: usize = 32;

/// How much clocks are allowed to differ. More would only lengthen every token's life.
pub const LEEWAY_SECONDS: RangeInclusive<u32> = 0..=300;

/// How long a verified token may be taken on trust: a key withdrawn from the JWKS is refused after
/// this and [`JwtSettings::jwks_max_age_seconds`] at the latest.
pub const CACHE_SECONDS: RangeInclusive<u32> = 0..=60;

/// How often the JWKS may be looked at: less often than a look may take, which is 5 seconds, or
/// requests that wait for one look would go on to wait for the next.
pub const JWKS_REFRESH_SECONDS: RangeInclusive<u32> = 6..=3_600;

/// How old a JWKS may grow.
pub const JWKS_MAX_AGE_SECONDS: RangeInclusive<u32> = 60..=86_400;

/// The text that stands for a secret when settings are printed.
pub const SECRET_MARK: &str = "(set, not shown)";

/// Serialises [`SECRET_MARK`] in place of a secret.
///
/// # Errors
/// Those of the serialiser.
pub fn serialize_secret<S: Serializer>(
    secret: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_some(&secret.as_ref().map(|_| SECRET_MARK))
}

/// Trusted token issuers, and the claims of role and school. To verify tokens, `hs256_secret` or
/// one of `jwks_url` and `jwks_file` must be set.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct JwtSettings {
    /// The secret of HS256 tokens, at least 32 bytes of UTF-8 (for example Supabase's
    /// `JWT_SECRET`). No default.
    #[serde(serialize_with = "serialize_secret")]
    pub hs256_secret: Option<SecretString>,
    /// The URL (https) of the public keys of ES256 and RS256 tokens, a JWKS. No default.
    pub jwks_url: Option<String>,
    /// A file with a JWKS, instead of `jwks_url`. No default.
    pub jwks_file: Option<PathBuf>,
    /// Whether `jwks_url` may be plain http to another machine. Only for a network of the operator:
    /// a machine that can answer there can sign any token. Default false.
    pub jwks_allow_http: bool,
    /// The minimum interval of JWKS fetches, seconds, also when tokens name unknown keys; 6 to
    /// 3600. Default 10.
    pub jwks_refresh_seconds: u32,
    /// The age at which a JWKS is fetched again in the background, seconds, so that withdrawn keys
    /// are removed; 60 to 86400. Default 600.
    pub jwks_max_age_seconds: u32,
    /// The required `iss` of a token. No default: not checked.
    pub issuer: Option<String>,
    /// The required `aud` of a token. No default: not checked.
    pub audience: Option<String>,
    /// The path of the role in a token, names separated by dots. Default `app_metadata.role`.
    pub role_claim: String,
    /// The path of the school's id in a token. Default `app_metadata.school_id`.
    pub school_claim: String,
    /// The tolerated difference of the issuer's clock, seconds, in both directions; 0 to 300.
    /// Default 30.
    pub leeway_seconds: u32,
    /// How long a verified token is cached, seconds, never past its `exp`; 0 to 60. Default 60.
    pub cache_seconds: u32,
}

/// The location of a JSON Web Key Set (RFC 7517 §5).
#[derive(Clone, Debug)]
pub enum JwksSource {
    /// Fetched over HTTP.
    Url(String),
    /// Read from a file.
    File(PathBuf),
}

impl Default for JwtSettings {
    fn default() -> Self {
        Self {
            hs256_secret: None,
            jwks_url: None,
            jwks_file: None,
            jwks_allow_http: false,
            jwks_refresh_seconds: 10,
            jwks_max_age_seconds: 600,
            issuer: None,
            audience: None,
            role_claim: "app_metadata.role".to_owned(),
            school_claim: "app_metadata.school_id".to_owned(),
            leeway_seconds: 30,
            cache_seconds: 60,
        }
    }
}

/// The rate limits of one credential; requests above them are answered 429 `rate-limited`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// Requests of a person per second in the long run; 0 is no limit. Default 50.
    pub people_per_second: u32,
    /// Requests of a person at once, after a pause. Default 500.
    pub people_burst: u32,
    /// Requests of a proxy, which acts for many people, per second in the long run; 0 is no limit.
    /// Default 0.
    pub proxies_per_second: u32,
    /// Requests of a proxy at once, if it is limited. Default 10000.
    pub proxies_burst: u32,
}

/// A bucket of `burst` requests that is refilled by `per_second`.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    /// Requests per second in the long run.
    pub per_second: NonZeroU32,
    /// Requests at once, after a pause.
    pub burst: NonZeroU32,
}

impl Default for RateLimits {
    /// A screen sends about ten requests, a script one after another: 50 a second and 500 at once
    /// stop neither, but stop a runaway loop.
    fn default() -> Self {
        Self {
            people_per_second: 50,
            people_burst: 500,
            proxies_per_second: 0,
            proxies_burst: 10_000,
        }
    }
}

impl RateLimits {
    /// No limits.
    pub const NONE: Self = Self {
        people_per_second: 0,
        people_burst: 0,
        proxies_per_second: 0,
        proxies_burst: 0,
    };

    /// Returns the limit of a person.
    #[must_use]
    pub fn people(&self) -> Option<RateLimit> {
        RateLimit::new(self.people_per_second, self.people_burst)
    }

    /// Returns the limit of a proxy.
    #[must_use]
    pub fn proxies(&self) -> Option<RateLimit> {
        RateLimit::new(self.proxies_per_second, self.proxies_burst)
    }
}

impl RateLimit {
    /// Returns `None`, which is no limit, if one of the numbers is 0.
    fn new(per_second: u32, burst: u32) -> Option<Self> {
        Some(Self {
            per_second: NonZeroU32::new(per_second)?,
            burst: NonZeroU32::new(burst)?,
        })
    }
}

impl JwtSettings {
    /// Returns the location of the public keys; the URL takes precedence over the file.
    pub(super) fn jwks_source(&self) -> Option<JwksSource> {
        let url = self.jwks_url.clone().map(JwksSource::Url);
        url.or_else(|| self.jwks_file.clone().map(JwksSource::File))
    }

    /// The secret's bytes, when there is one and it is long enough.
    pub(super) fn secret(&self) -> Result<Option<&[u8]>, AuthConfigError> {
        let Some(secret) = &self.hs256_secret else {
            return Ok(None);
        };
        let secret = secret.expose_secret().as_bytes();
        if secret.len() < HS256_SECRET_BYTES_MIN {
            return Err(AuthConfigError::ShortSecret {
                bytes: secret.len(),
                bytes_min: HS256_SECRET_BYTES_MIN,
            });
        }
        Ok(Some(secret))
    }

    /// Where the role and the school are.
    pub(super) fn claim_paths(&self) -> Result<(ClaimPath, ClaimPath), AuthConfigError> {
        Ok((
            ClaimPath::parse("role_claim", &self.role_claim)?,
            ClaimPath::parse("school_claim", &self.school_claim)?,
        ))
    }

    /// Refuses numbers that would weaken the checks.
    pub(super) fn check_limits(&self) -> Result<(), AuthConfigError> {
        for (setting, value, range) in [
            ("leeway_seconds", self.leeway_seconds, LEEWAY_SECONDS),
            ("cache_seconds", self.cache_seconds, CACHE_SECONDS),
            (
                "jwks_refresh_seconds",
                self.jwks_refresh_seconds,
                JWKS_REFRESH_SECONDS,
            ),
            (
                "jwks_max_age_seconds",
                self.jwks_max_age_seconds,
                JWKS_MAX_AGE_SECONDS,
            ),
        ] {
            if !range.contains(&value) {
                return Err(AuthConfigError::OutOfRange {
                    setting,
                    min: *range.start(),
                    max: *range.end(),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let settings = JwtSettings {
            hs256_secret: Some("a secret of thirty-two bytes ….".into()),
            ..JwtSettings::default()
        };
        assert!(!format!("{settings:?}").contains("thirty-two"));
        let printed = serde_json::to_string(&settings).unwrap();
        assert!(!printed.contains("thirty-two"), "{printed}");
    }

    #[test]
    fn a_secret_has_the_length_of_its_hash() {
        let of = |secret: &str| JwtSettings {
            hs256_secret: Some(secret.into()),
            ..JwtSettings::default()
        };
        assert!(matches!(
            of(&"x".repeat(31)).secret(),
            Err(AuthConfigError::ShortSecret { bytes: 31, .. })
        ));
        assert!(of(&"x".repeat(32)).secret().is_ok());
    }

    #[test]
    fn the_sections_read_as_documented_and_unknown_keys_are_refused() {
        let read = |json| serde_json::from_value::<JwtSettings>(json);
        let settings = read(serde_json::json!({ "jwks_file": "/etc/ledger/jwks.json" })).unwrap();
        assert!(matches!(settings.jwks_source(), Some(JwksSource::File(_))));
        assert!(read(serde_json::json!({ "jwks_uri": "https://id.example" })).is_err());
    }
}
