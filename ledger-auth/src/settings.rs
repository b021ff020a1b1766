//! Settings of tokens and rate limits, tables of the installation's settings file.

use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use crate::error::AuthConfigError;

/// Minimum length of an HS256 secret: the length of the hash (RFC 7518 §3.2). A shorter one can be
/// guessed offline from a single token.
pub const HS256_SECRET_BYTES_MIN: usize = 32;

/// What a serialized secret reads.
pub const REDACTED: &str = "(set, not shown)";

/// Trusted token issuers. A verifier needs `hs256_secret`, or one of `jwks_url` and `jwks_file`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct JwtSettings {
    /// Secret of HS256 tokens, as bytes of UTF-8 (like Supabase's `JWT_SECRET`).
    #[serde(serialize_with = "serialize_redacted")]
    pub hs256_secret: Option<SecretString>,
    /// HTTPS URL of a JWKS (RFC 7517 §5) with the public keys of ES256 and RS256 tokens.
    pub jwks_url: Option<String>,
    /// File with a JWKS. Excludes `jwks_url`.
    pub jwks_file: Option<PathBuf>,
    /// Allows plain HTTP to another host for `jwks_url`. A machine in between can then forge
    /// tokens.
    pub jwks_allow_http: bool,
    /// Minimum time between two fetches of the JWKS because of unknown keys, 6 to 3600. Longer than
    /// the limit of a fetch, 5 seconds: otherwise requests that wait for one would wait for the
    /// next.
    pub jwks_refresh_seconds: u32,
    /// Maximum age of the JWKS before it is fetched again, 60 to 86400. A withdrawn key is rejected
    /// after this and `cache_seconds` at the latest.
    pub jwks_max_age_seconds: u32,
    /// Required `iss`; not checked if unset.
    pub issuer: Option<String>,
    /// Required `aud`; not checked if unset.
    pub audience: Option<String>,
    /// Path of the role in a token: names of nested objects, separated by dots.
    pub role_claim: String,
    /// Path of the school id in a token.
    pub school_claim: String,
    /// Accepted clock difference to the issuer, in both directions, 0 to 300. A larger one would
    /// extend the life of every token.
    pub leeway_seconds: u32,
    /// Time for which a verified token is cached, 0 to 60, but not past its `exp`.
    pub cache_seconds: u32,
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

impl JwtSettings {
    /// The secret, if it is set and long enough.
    pub(crate) fn secret(&self) -> Result<Option<&[u8]>, AuthConfigError> {
        let secret = self.hs256_secret.as_ref();
        let secret = secret.map(|secret| secret.expose_secret().as_bytes());
        match secret.map(<[u8]>::len) {
            Some(bytes) if bytes < HS256_SECRET_BYTES_MIN => Err(AuthConfigError::ShortSecret {
                bytes,
                bytes_min: HS256_SECRET_BYTES_MIN,
            }),
            _ => Ok(secret),
        }
    }

    /// Refuses numbers that would weaken the verification.
    pub(crate) fn check_ranges(&self) -> Result<(), AuthConfigError> {
        for (setting, value, min, max) in [
            ("leeway_seconds", self.leeway_seconds, 0, 300),
            ("cache_seconds", self.cache_seconds, 0, 60),
            ("jwks_refresh_seconds", self.jwks_refresh_seconds, 6, 3_600),
            (
                "jwks_max_age_seconds",
                self.jwks_max_age_seconds,
                60,
                86_400,
            ),
        ] {
            if !(min..=max).contains(&value) {
                return Err(AuthConfigError::OutOfRange { setting, min, max });
            }
        }
        Ok(())
    }
}

/// Requests per credential, as token buckets: `burst` requests at once after a pause, refilled by
/// `per_second`. A `per_second` of 0 is no limit.
///
/// By default people are limited and proxies, which act for many people, are not. A screen needs
/// about ten requests, and a script sends one after the other: 50 per second and 500 at once limit
/// neither, but do limit a loop that runs away.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// Sustained requests per second of a person.
    pub people_per_second: u32,
    /// Requests that a person can send at once.
    pub people_burst: u32,
    /// Sustained requests per second of a proxy.
    pub proxies_per_second: u32,
    /// Requests that a proxy can send at once.
    pub proxies_burst: u32,
}

impl Default for RateLimits {
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
}

/// Serializes whether a secret is set, not the secret.
///
/// # Errors
/// Those of the serializer.
pub fn serialize_redacted<S: Serializer>(
    secret: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(|_| REDACTED).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_secret(secret: &str) -> JwtSettings {
        JwtSettings {
            hs256_secret: Some(secret.into()),
            ..JwtSettings::default()
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let settings = with_secret("a secret of thirty-two bytes ….");
        assert!(!format!("{settings:?}").contains("thirty-two"));
        let printed = serde_json::to_string(&settings).unwrap();
        assert!(!printed.contains("thirty-two"), "{printed}");
        assert!(printed.contains(REDACTED), "{printed}");
    }

    #[test]
    fn a_secret_is_at_least_as_long_as_its_hash() {
        assert!(matches!(
            with_secret(&"x".repeat(31)).secret(),
            Err(AuthConfigError::ShortSecret { bytes: 31, .. })
        ));
        assert!(with_secret(&"x".repeat(32)).secret().is_ok());
    }

    #[test]
    fn unknown_names_are_refused() {
        let json = serde_json::json!({ "jwks_uri": "https://id.example" });
        assert!(serde_json::from_value::<JwtSettings>(json).is_err());
    }
}
