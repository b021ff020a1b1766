//! Verifies JSON Web Tokens (RFC 7519, as recommended by RFC 8725).
//!
//! A proxy sends the same token 20,000 times a second, so a verified token is cached for up to a
//! minute. A hit is one SHA-256, one look-up and one `Arc`, without an await. The key of the cache
//! is the SHA-256 of the whole token: half a microsecond for 600 bytes, one percent of a core.
//! Unlike the token, the digest is of no use to a reader of the memory.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::{Error as JwtError, ErrorKind};
use jsonwebtoken::{Algorithm, Validation};
use ledger_core::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::cache::ExpiringCache;
use crate::claims::ClaimReader;
use crate::credential::Credential;
use crate::error::{AuthConfigError, AuthError};
use crate::jwk::{VerificationKey, known_algorithm};
use crate::jwks::Jwks;
use crate::settings::JwtSettings;

/// Maximum size of a token: about 20 times a usual one.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Cached tokens: 10,000 × about 130 bytes, and the credentials.
const CACHED_TOKENS_MAX: u64 = 10_000;

/// Verifies tokens and caches the results. Cheap to clone.
#[derive(Clone)]
pub struct JwtVerifier {
    inner: Arc<Inner>,
}

struct Inner {
    secret: Option<Arc<VerificationKey>>,
    jwks: Option<Arc<Jwks>>,
    /// Issuer and audience. [`ClaimReader`] checks the times, since the library reads a clock.
    validation: Validation,
    claims: ClaimReader,
    cache_seconds: i64,
    cache: ExpiringCache<TokenDigest, Arc<Credential>>,
}

type TokenDigest = [u8; 32];

/// A token's header. It is not trusted, it only selects a key.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

impl JwtVerifier {
    /// A verifier with these settings. The first token causes the first fetch of keys.
    ///
    /// # Errors
    /// [`AuthConfigError`] if there is no key, or a setting would weaken the verification.
    pub fn new(settings: &JwtSettings) -> Result<Self, AuthConfigError> {
        settings.check_ranges()?;
        let secret = settings.secret()?.map(VerificationKey::from_secret);
        let jwks = Jwks::new(settings)?;
        if secret.is_none() && jwks.is_none() {
            return Err(AuthConfigError::NoKey);
        }
        Ok(Self {
            inner: Arc::new(Inner {
                secret: secret.map(Arc::new),
                jwks,
                validation: validation(settings),
                claims: ClaimReader::new(settings)?,
                cache_seconds: i64::from(settings.cache_seconds),
                cache: ExpiringCache::new(CACHED_TOKENS_MAX),
            }),
        })
    }

    /// The credential of `token` at the instant `now`.
    ///
    /// # Errors
    /// [`AuthError`] for an invalid token, or unavailable keys.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<Credential>, AuthError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(AuthError::Malformed);
        }
        let inner = &*self.inner;
        let digest = TokenDigest::from(Sha256::digest(token));
        if let Some(credential) = inner.cache.get(&digest, now) {
            return Ok(credential);
        }
        let header = Header::read(token)?;
        let key = inner.key(&header, now).await?;
        let claims = inner.verified_claims(token, &key)?;
        let (credential, expires_at) = inner.claims.read(&claims, now)?;
        let credential = Arc::new(credential);
        let until = expires_at.min(now.plus_seconds(inner.cache_seconds));
        inner
            .cache
            .insert(digest, Arc::clone(&credential), now, until);
        Ok(credential)
    }
}

impl Inner {
    /// The key that the token must be signed with. The secret verifies HS256 only, the keys of the
    /// set never do.
    async fn key(
        &self,
        header: &Header,
        now: Timestamp,
    ) -> Result<Arc<VerificationKey>, AuthError> {
        let algorithm = known_algorithm(&header.alg).ok_or(AuthError::Algorithm)?;
        if algorithm == Algorithm::HS256 {
            return self.secret.clone().ok_or(AuthError::Algorithm);
        }
        let jwks = self.jwks.as_ref().ok_or(AuthError::Algorithm)?;
        jwks.key(header.kid.as_deref(), algorithm, now).await
    }

    /// Verifies signature, issuer and audience.
    fn verified_claims(
        &self,
        token: &str,
        key: &VerificationKey,
    ) -> Result<Map<String, Value>, AuthError> {
        let mut validation = self.validation.clone();
        validation.algorithms = vec![key.algorithm];
        jsonwebtoken::decode(token, &key.decoding, &validation)
            .map(|token| token.claims)
            .map_err(|error| rejection(&error))
    }
}

impl Header {
    fn read(token: &str) -> Result<Self, AuthError> {
        let (header, _) = token.split_once('.').ok_or(AuthError::Malformed)?;
        let header = URL_SAFE_NO_PAD
            .decode(header)
            .map_err(|_| AuthError::Malformed)?;
        let header: Self = serde_json::from_slice(&header).map_err(|_| AuthError::Malformed)?;
        // Critical extensions (RFC 7515 §4.1.11): none is supported.
        if header.crit.is_some() {
            return Err(AuthError::Malformed);
        }
        Ok(header)
    }
}

fn validation(settings: &JwtSettings) -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = settings.audience.is_some();
    validation.required_spec_claims.clear();
    if let Some(issuer) = &settings.issuer {
        validation.set_issuer(&[issuer]);
        validation.required_spec_claims.insert("iss".to_owned());
    }
    if let Some(audience) = &settings.audience {
        validation.set_audience(&[audience]);
        validation.required_spec_claims.insert("aud".to_owned());
    }
    validation
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "any other error means a malformed token"
)]
fn rejection(error: &JwtError) -> AuthError {
    match error.kind() {
        ErrorKind::InvalidSignature => AuthError::Signature,
        ErrorKind::InvalidAlgorithm => AuthError::Algorithm,
        ErrorKind::InvalidIssuer => AuthError::Issuer,
        ErrorKind::InvalidAudience => AuthError::Audience,
        ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => AuthError::MissingClaim("iss"),
        ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => AuthError::MissingClaim("aud"),
        _ => AuthError::Malformed,
    }
}

#[cfg(test)]
mod tests;
