//! Signs HS256 tokens for a local installation.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ledger_core::{Role, SchoolId, Timestamp};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use crate::claims::ClaimReader;
use crate::credential::Credential;
use crate::error::{AuthConfigError, AuthError};
use crate::settings::JwtSettings;

/// Maximum lifetime of a token in seconds: a leap year. For longer there are API keys, which can be
/// revoked.
pub const TTL_SECONDS_MAX: u32 = 366 * 24 * 60 * 60;

/// Signs tokens that a verifier with the same settings accepts.
#[derive(Clone)]
pub struct TokenIssuer {
    key: EncodingKey,
    issuer: Option<String>,
    audience: Option<String>,
    claims: ClaimReader,
}

/// The content of a token.
#[derive(Clone, Copy, Debug)]
pub struct TokenGrant<'a> {
    /// Role of the bearer.
    pub role: Role,
    /// School of the bearer; optional for proxies and platform admins.
    pub school: Option<SchoolId>,
    /// Subject: a UUID or another text.
    pub subject: &'a str,
    /// Lifetime, 1 to [`TTL_SECONDS_MAX`].
    pub ttl_seconds: u32,
}

/// A token was not issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The lifetime is out of range.
    #[error("the lifetime of a token is 1 to {TTL_SECONDS_MAX} seconds")]
    Ttl,
    /// The verifier would reject the token.
    #[error("the token would be rejected")]
    Rejected(#[source] AuthError),
    /// The token could not be signed.
    #[error("could not sign the token")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

impl TokenIssuer {
    /// An issuer for verifiers with these settings.
    ///
    /// # Errors
    /// [`AuthConfigError`] if there is no secret, or the settings cannot be used.
    pub fn new(settings: &JwtSettings) -> Result<Self, AuthConfigError> {
        let secret = settings.secret()?.ok_or(AuthConfigError::NoSecret)?;
        Ok(Self {
            key: EncodingKey::from_secret(secret),
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            claims: ClaimReader::new(settings)?,
        })
    }

    /// Signs a token that is valid from `now`.
    ///
    /// # Errors
    /// [`IssueError`] if the verifier would reject it.
    pub fn issue(&self, grant: TokenGrant<'_>, now: Timestamp) -> Result<SecretString, IssueError> {
        if !(1..=TTL_SECONDS_MAX).contains(&grant.ttl_seconds) {
            return Err(IssueError::Ttl);
        }
        Credential::from_claims(grant.role, grant.school, grant.subject)
            .map_err(IssueError::Rejected)?;
        let issued_at = now.get().timestamp();
        let expires_at = issued_at + i64::from(grant.ttl_seconds);
        let mut claims = Map::new();
        claims.insert("iat".to_owned(), json!(issued_at));
        claims.insert("exp".to_owned(), json!(expires_at));
        claims.insert("sub".to_owned(), json!(grant.subject));
        for (name, value) in [("iss", &self.issuer), ("aud", &self.audience)] {
            if let Some(value) = value {
                claims.insert(name.to_owned(), json!(value));
            }
        }
        self.claims
            .role
            .insert(&mut claims, json!(grant.role.as_str()));
        if let Some(school) = grant.school {
            self.claims.school.insert(&mut claims, json!(school));
        }
        let header = Header::new(Algorithm::HS256);
        jsonwebtoken::encode(&header, &Value::Object(claims), &self.key)
            .map(SecretString::from)
            .map_err(IssueError::Sign)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::fixtures::{SCHOOL, SECRET, at};
    use crate::{JwtVerifier, Tenancy};

    fn settings() -> JwtSettings {
        JwtSettings {
            hs256_secret: Some(SECRET.into()),
            issuer: Some("ledger".to_owned()),
            audience: Some("ledger".to_owned()),
            ..JwtSettings::default()
        }
    }

    fn grant(role: Role, school: Option<SchoolId>) -> TokenGrant<'static> {
        TokenGrant {
            role,
            school,
            subject: "someone",
            ttl_seconds: 60,
        }
    }

    #[tokio::test]
    async fn an_issued_token_is_accepted_until_it_expires() {
        let nested = JwtSettings {
            role_claim: "a.b.role".to_owned(),
            school_claim: "a.school".to_owned(),
            ..settings()
        };
        for settings in [settings(), nested] {
            let issuer = TokenIssuer::new(&settings).unwrap();
            let verifier = JwtVerifier::new(&settings).unwrap();
            for role in Role::credentials() {
                let token = issuer.issue(grant(role, Some(SCHOOL)), at(1000)).unwrap();
                let token = token.expose_secret();
                let caller = verifier.verify(token, at(1000)).await.unwrap();
                assert_eq!(caller.actor.role, role);
                assert_eq!(caller.subject, "someone");
                assert!(caller.tenancy.includes(SCHOOL));
                let late = verifier.verify(token, at(1060 + 30)).await;
                assert!(matches!(late, Err(AuthError::Expired)));
            }
            let proxy = issuer.issue(grant(Role::Proxy, None), at(1000)).unwrap();
            let caller = verifier.verify(proxy.expose_secret(), at(1000)).await;
            assert_eq!(caller.unwrap().tenancy, Tenancy::AllSchools);
        }
    }

    #[test]
    fn a_token_that_would_be_rejected_is_not_issued() {
        let issuer = TokenIssuer::new(&settings()).unwrap();
        for (role, school) in [
            (Role::System, Some(SCHOOL)),
            (Role::Teacher, None),
            (Role::Principal, None),
        ] {
            let refused = issuer.issue(grant(role, school), at(1000));
            assert!(matches!(refused, Err(IssueError::Rejected(_))), "{role}");
        }
        for ttl_seconds in [0, TTL_SECONDS_MAX + 1] {
            let grant = TokenGrant {
                ttl_seconds,
                ..grant(Role::Proxy, None)
            };
            assert!(matches!(
                issuer.issue(grant, at(1000)),
                Err(IssueError::Ttl)
            ));
        }
    }

    #[test]
    fn without_a_secret_no_token_is_issued() {
        let settings = JwtSettings::default();
        assert!(matches!(
            TokenIssuer::new(&settings),
            Err(AuthConfigError::NoSecret)
        ));
    }
}
