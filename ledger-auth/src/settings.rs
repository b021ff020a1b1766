//! What the installation says about tokens and limits: parts of the one configuration file.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

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

/// Which tokens are believed, and where they say what the caller may do.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct JwtSettings {
    /// The secret of HS256 tokens, as bytes of UTF-8 (as Supabase's `JWT_SECRET` is).
    #[serde(skip_serializing)]
    pub hs256_secret: Option<SecretString>,
    /// Where the public keys of ES256 and RS256 tokens are.
    pub jwks: Option<JwksSource>,
    /// Whether a JWKS may be fetched over plain HTTP from another machine. Only where the network
    /// between is the operator's own: who can answer there can sign as anybody.
    pub jwks_allow_http: bool,
    /// At most one look at the JWKS in so many seconds, however many tokens name unknown keys.
    pub jwks_refresh_seconds: u32,
    /// A set older than this is fetched again beside the requests, so that a key that was
    /// withdrawn is not believed for ever.
    pub jwks_max_age_seconds: u32,
    /// The only `iss` that is believed; not looked at when unset.
    pub issuer: Option<String>,
    /// The `aud` that must be among the token's; not looked at when unset.
    pub audience: Option<String>,
    /// Where the role is, as names of objects inside one another with dots between.
    pub role_claim: String,
    /// Where the school's id is.
    pub school_claim: String,
    /// How far the issuer's clock may be from ours, in both directions.
    pub leeway_seconds: u32,
    /// How long a verified token is taken on trust, within [`CACHE_SECONDS`] and never past
    /// its `exp`; 0 verifies every time.
    pub cache_seconds: u32,
}

/// Where a JSON Web Key Set (RFC 7517 §5) is.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JwksSource {
    /// Fetched.
    Url(String),
    /// Read.
    File(PathBuf),
}

impl Default for JwtSettings {
    fn default() -> Self {
        Self {
            hs256_secret: None,
            jwks: None,
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

/// How many requests one credential may send.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// A teacher's, a principal's, an auditor's, an admin's.
    pub people: Option<RateLimit>,
    /// A proxy's, which speaks for many people: none unless configured.
    pub proxies: Option<RateLimit>,
}

/// A bucket of `burst` requests that fills again by `per_second`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Requests a second, for as long as anybody likes.
    pub per_second: NonZeroU32,
    /// Requests at once, after a pause.
    pub burst: NonZeroU32,
}

impl Default for RateLimits {
    /// A screen asks for some ten things, a script of a principal for one thing after another:
    /// 50 a second for ever and 500 at once stop neither, and do stop a loop that ran away.
    fn default() -> Self {
        const PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(49);
        const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(499);
        Self {
            people: Some(RateLimit {
                per_second: PER_SECOND,
                burst: BURST,
            }),
            proxies: None,
        }
    }
}

impl JwtSettings {
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
        let settings = read(serde_json::json!({ "jwks": { "file": "/etc/ledger/jwks.json" } }));
        assert!(matches!(settings.unwrap().jwks, Some(JwksSource::File(_))));
        assert!(read(serde_json::json!({ "jwks_uri": "https://id.example" })).is_err());
    }
}
