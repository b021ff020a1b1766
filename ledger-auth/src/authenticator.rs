//! From an `Authorization` header to a credential.

use std::fmt;
use std::sync::Arc;

use ledger_core::Timestamp;

use crate::api_key::ApiKey;
use crate::api_key_store::ApiKeyStore;
use crate::credential::Credential;
use crate::error::AuthError;
use crate::jwt::JwtVerifier;
use crate::member::MemberDirectory;
use crate::rate_limit::RateLimiter;

/// Authenticates callers. Cheap to clone.
#[derive(Clone)]
pub struct Authenticator {
    inner: Arc<Inner>,
}

struct Inner {
    tokens: JwtVerifier,
    api_keys: ApiKeyStore,
    members: MemberDirectory,
    limits: RateLimiter,
}

impl Authenticator {
    /// Combines the parts.
    #[must_use]
    pub fn new(
        tokens: JwtVerifier,
        api_keys: ApiKeyStore,
        members: MemberDirectory,
        limits: RateLimiter,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                tokens,
                api_keys,
                members,
                limits,
            }),
        }
    }

    /// Returns the credential in the value of an `Authorization` header, a JWT or an API key, as
    /// it is valid at `now`.
    ///
    /// # Errors
    /// [`AuthError`]: no header, an invalid credential, or a failed look-up.
    pub async fn authenticate(
        &self,
        header: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<Arc<Credential>, AuthError> {
        let credential = bearer(header.ok_or(AuthError::Missing)?)?;
        if ApiKey::has_prefix(credential) {
            self.inner.api_keys.verify(credential, now).await
        } else {
            self.inner.tokens.verify(credential, now).await
        }
    }

    /// The rate limits.
    #[must_use]
    pub fn limits(&self) -> &RateLimiter {
        &self.inner.limits
    }

    /// The API keys.
    #[must_use]
    pub fn api_keys(&self) -> &ApiKeyStore {
        &self.inner.api_keys
    }

    /// The members that callers are.
    #[must_use]
    pub fn members(&self) -> &MemberDirectory {
        &self.inner.members
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}

/// The credential in `Bearer <credential>`. The scheme is case-insensitive (RFC 9110 §11.1) and
/// followed by at least one space.
fn bearer(header: &[u8]) -> Result<&str, AuthError> {
    let text = std::str::from_utf8(header).map_err(|_| AuthError::NotBearer)?;
    let (scheme, credential) = text.split_once(' ').ok_or(AuthError::NotBearer)?;
    let credential = credential.trim_matches(' ');
    let is_one_word = !credential.is_empty()
        && credential
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b',');
    if scheme.eq_ignore_ascii_case("bearer") && is_one_word {
        Ok(credential)
    } else {
        Err(AuthError::NotBearer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        bearer(text.as_bytes()).ok().map(str::to_owned)
    }

    #[test]
    fn the_scheme_has_any_case_and_the_credential_is_one_word() {
        for text in ["Bearer a.b.c", "bearer a.b.c", "BEARER  a.b.c "] {
            assert_eq!(read(text).as_deref(), Some("a.b.c"), "{text}");
        }
        for text in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer  ",
            "a.b.c",
            "Basic dXNlcjpwYXNz",
            "Bearer a b",
            "Bearer a, Bearer b",
            "Bearer ü",
            "Token a.b.c",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
