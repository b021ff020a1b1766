//! Signs tokens for a local installation: `ledger token` and the demo.

use std::fmt;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ledger_core::{Role, SchoolId, Timestamp};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use crate::claims::ClaimPath;
use crate::credential::Credential;
use crate::error::{AuthConfigError, AuthError};
use crate::settings::JwtSettings;

/// The longest that a token may hold, in seconds: a leap year. Who needs longer needs an API key,
/// which can be revoked.
pub const TTL_SECONDS_MAX: u32 = 366 * 24 * 60 * 60;

/// Signs HS256 tokens whose claims are where the verifier of the same settings reads them.
#[derive(Clone)]
pub struct TokenIssuer {
    key: EncodingKey,
    issuer: Option<String>,
    audience: Option<String>,
    role: ClaimPath,
    school: ClaimPath,
}

/// What a token is to say.
#[derive(Clone, Copy, Debug)]
pub struct TokenGrant<'a> {
    /// What its bearer may be.
    pub role: Role,
    /// Where; a proxy and a platform admin may be for all schools.
    pub school: Option<SchoolId>,
    /// Who it is: a UUID, or any other text.
    pub subject: &'a str,
    /// How long it holds, 1 to [`TTL_SECONDS_MAX`].
    pub ttl_seconds: u32,
}

/// No token was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// It would hold for ever, or not at all.
    #[error("a token holds for 1 to {TTL_SECONDS_MAX} seconds")]
    Ttl,
    /// The verifier would refuse it.
    #[error("no such token would be accepted")]
    Refused(#[source] AuthError),
    /// It could not be signed.
    #[error("the token could not be signed")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

impl TokenIssuer {
    /// An issuer of what `JwtVerifier::new(settings)` accepts.
    ///
    /// # Errors
    /// [`AuthConfigError`] when there is no secret, or the settings cannot be used.
    pub fn new(settings: &JwtSettings) -> Result<Self, AuthConfigError> {
        let secret = settings.secret()?.ok_or(AuthConfigError::NoSecret)?;
        let (role, school) = settings.claim_paths()?;
        Ok(Self {
            key: EncodingKey::from_secret(secret),
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            role,
            school,
        })
    }

    /// Signs a token that holds from `now`.
    ///
    /// # Errors
    /// [`IssueError`] when the verifier would refuse it.
    pub fn issue(&self, grant: TokenGrant<'_>, now: Timestamp) -> Result<SecretString, IssueError> {
        if !(1..=TTL_SECONDS_MAX).contains(&grant.ttl_seconds) {
            return Err(IssueError::Ttl);
        }
        Credential::from_claims(grant.role, grant.school, grant.subject)
            .map_err(IssueError::Refused)?;
        let issued_at = now.get().timestamp();
        let mut claims = Map::new();
        claims.insert("iat".to_owned(), json!(issued_at));
        let expires_at = issued_at + i64::from(grant.ttl_seconds);
        claims.insert("exp".to_owned(), json!(expires_at));
        claims.insert("sub".to_owned(), json!(grant.subject));
        let places = [("iss", &self.issuer), ("aud", &self.audience)];
        for (name, value) in places {
            if let Some(value) = value {
                claims.insert(name.to_owned(), json!(value));
            }
        }
        self.role.put(&mut claims, json!(grant.role.as_str()));
        if let Some(school) = grant.school {
            self.school.put(&mut claims, json!(school));
        }
        let header = Header::new(Algorithm::HS256);
        jsonwebtoken::encode(&header, &Value::Object(claims), &self.key)
            .map(SecretString::from)
            .map_err(IssueError::Sign)
    }
}

impl fmt::Debug for TokenIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenIssuer").finish_non_exhaustive()
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
    async fn what_is_issued_is_accepted_for_as_long_as_it_holds() {
        let nested = JwtSettings {
            role_claim: "a.b.role".to_owned(),
            school_claim: "a.school".to_owned(),
            ..settings()
        };
        for settings in [settings(), nested] {
            let issuer = TokenIssuer::new(&settings).unwrap();
            let verifier = JwtVerifier::new(&settings).unwrap();
            for role in Role::CREDENTIAL {
                let token = issuer.issue(grant(role, Some(SCHOOL)), at(1000)).unwrap();
                let token = token.expose_secret();
                let caller = verifier.verify(token, at(1000)).await.unwrap();
                assert_eq!(caller.role, role);
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
    fn what_would_be_refused_is_not_issued() {
        let issuer = TokenIssuer::new(&settings()).unwrap();
        for (role, school) in [
            (Role::System, Some(SCHOOL)),
            (Role::Teacher, None),
            (Role::Principal, None),
        ] {
            let refused = issuer.issue(grant(role, school), at(1000));
            assert!(matches!(refused, Err(IssueError::Refused(_))), "{role}");
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
    fn without_a_secret_nothing_is_issued() {
        let settings = JwtSettings::default();
        assert!(matches!(
            TokenIssuer::new(&settings),
            Err(AuthConfigError::NoSecret)
        ));
    }
}
