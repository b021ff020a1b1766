//! Verifies JSON Web Tokens (RFC 7519, after the advice of RFC 8725).
//!
//! A proxy sends the same token 20,000 times a second, so a verified token is taken on trust for
//! up to a minute: the way of a hit is one SHA-256, one look-up and one `Arc`, without an await.
//! The cache is keyed by the SHA-256 of the whole token, signature included: half a microsecond
//! for 600 bytes, one percent of a core. A keyed SipHash would do as well and take a third of that,
//! but it would be a secret to keep; and a digest, unlike the token itself, is worth nothing to who
//! reads the memory.

use std::fmt;
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

/// The longest token: some 20 times an ordinary one, and less than a request's headers may be.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// The most verified tokens that are remembered: 10,000 × about 130 bytes, and the credentials.
pub const CACHED_TOKENS_MAX: usize = 10_000;

/// Verifies tokens, and remembers those that were good. Cheap to clone.
#[derive(Clone)]
pub struct JwtVerifier {
    inner: Arc<Inner>,
}

struct Inner {
    secret: Option<Arc<VerificationKey>>,
    jwks: Option<Arc<Jwks>>,
    /// Issuer and audience. Times are ours, since the library has its own clock.
    validation: Validation,
    claims: ClaimReader,
    cache_seconds: i64,
    cache: ExpiringCache<TokenDigest, Arc<Credential>>,
}

type TokenDigest = [u8; 32];

/// What the header says. It is not trusted: it only chooses among keys.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

impl JwtVerifier {
    /// A verifier by these settings. It fetches nothing before the first token.
    ///
    /// # Errors
    /// [`AuthConfigError`] when the settings leave no key, or would weaken the checks.
    pub fn new(settings: &JwtSettings) -> Result<Self, AuthConfigError> {
        settings.check_limits()?;
        let secret = settings.secret()?.map(VerificationKey::from_secret);
        let jwks = settings.jwks_source();
        let jwks = jwks
            .map(|source| Jwks::new(&source, settings))
            .transpose()?;
        if secret.is_none() && jwks.is_none() {
            return Err(AuthConfigError::NoKey);
        }
        let (role, school) = settings.claim_paths()?;
        Ok(Self {
            inner: Arc::new(Inner {
                secret: secret.map(Arc::new),
                jwks,
                validation: validation(settings),
                claims: ClaimReader {
                    role,
                    school,
                    leeway_seconds: i64::from(settings.leeway_seconds),
                },
                cache_seconds: i64::from(settings.cache_seconds),
                cache: ExpiringCache::new(CACHED_TOKENS_MAX),
            }),
        })
    }

    /// Who sent `token`, at the instant `now`.
    ///
    /// # Errors
    /// [`AuthError`]: what is wrong with the token, or that its key is out of reach.
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

impl fmt::Debug for JwtVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifier").finish_non_exhaustive()
    }
}

impl Inner {
    /// The key that the token must be signed with. Whose key that is follows from the algorithm:
    /// a shared secret only ever verifies HS256, a published key never does.
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

    /// The claims, once the signature, the issuer and the audience are right.
    fn verified_claims(
        &self,
        token: &str,
        key: &VerificationKey,
    ) -> Result<Map<String, Value>, AuthError> {
        let mut validation = self.validation.clone();
        validation.algorithms = vec![key.algorithm];
        jsonwebtoken::decode(token, &key.decoding, &validation)
            .map(|token| token.claims)
            .map_err(|error| refusal(&error))
    }
}

impl Header {
    fn read(token: &str) -> Result<Self, AuthError> {
        let (header, _) = token.split_once('.').ok_or(AuthError::Malformed)?;
        let header = URL_SAFE_NO_PAD
            .decode(header)
            .map_err(|_| AuthError::Malformed)?;
        let header: Self = serde_json::from_slice(&header).map_err(|_| AuthError::Malformed)?;
        // Extensions that must be understood (RFC 7515 §4.1.11): we understand none.
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
    reason = "the library may add to its errors: whatever else is wrong, it is no token"
)]
fn refusal(error: &JwtError) -> AuthError {
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
