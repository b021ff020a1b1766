//! Why a caller is not let in, as a value. `problem/` turns it into HTTP.

use axum::http::{HeaderValue, StatusCode};
use ledger_core::Role;

/// Why a caller is not let in.
///
/// `Display` is fit for a caller to read: it names what is wrong with his credential, never a key,
/// a token or an inner error. Only [`Database`](Self::Database) has a source, which is not.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// There is no `Authorization` header.
    #[error("no credential was sent")]
    Missing,
    /// The `Authorization` header is not exactly one `Bearer <credential>` (RFC 6750 §2.1).
    #[error("the authorization header is not one bearer credential")]
    NotBearer,
    /// The token is no JWT in the compact form of RFC 7515, or too long for one.
    #[error("the token is malformed")]
    Malformed,
    /// The token's header asks for an algorithm other than that of the key; `none` among them.
    #[error("the token's algorithm is not that of a key it may be signed with")]
    Algorithm,
    /// No key, or more than one, fits the token's `kid`.
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// The signature was not made with the key.
    #[error("the token's signature is wrong")]
    Signature,
    /// A claim that every token needs is missing.
    #[error("the token has no {0} claim")]
    MissingClaim(&'static str),
    /// A claim is there and is not what it should be.
    #[error("the token's {0} claim cannot be read")]
    InvalidClaim(&'static str),
    /// `exp` is past, leeway included.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is to come, leeway included.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iss` is not the configured one.
    #[error("the token comes from another issuer")]
    Issuer,
    /// `aud` does not name this service.
    #[error("the token is meant for another audience")]
    Audience,
    /// The role is none that a credential may carry.
    #[error("the token's role is unknown")]
    UnknownRole,
    /// The school is not the id of one.
    #[error("the token's school is unknown")]
    UnknownSchool,
    /// The role belongs to a school, and the token names none.
    #[error("the token's role needs a school, and it names none")]
    SchoolRequired,
    /// No such API key, a wrong secret, or one that was revoked: the caller is not told which.
    #[error("the api key is unknown or revoked")]
    ApiKey,
    /// A good credential whose role may not do this.
    #[error("the role {role} may not do this: {permission} is needed")]
    Forbidden {
        /// What was needed.
        permission: &'static str,
        /// What was there.
        role: Role,
    },
    /// The school is not there, or not for this caller to know of.
    #[error("there is no such school")]
    SchoolNotFound,
    /// The member is not there, or not for this caller to know of.
    #[error("there is no such member")]
    MemberNotFound,
    /// The credential sends more requests than it may.
    #[error("too many requests from this credential")]
    RateLimited {
        /// When the next one will be let in, rounded up.
        retry_after_seconds: u64,
    },
    /// The signing keys cannot be fetched, so nobody can say whether the token is good.
    #[error("the keys that sign tokens cannot be reached")]
    KeysUnavailable,
    /// The database was not there to look a credential up.
    #[error("credentials cannot be looked up")]
    Database(#[source] sqlx::Error),
    /// A look-up that failed a moment ago, and is not tried again yet.
    #[error("credentials cannot be looked up")]
    DatabaseUnavailable,
}

/// What the caller is to make of it: several errors are one to him.
#[derive(Clone, Copy)]
enum Kind {
    Unauthenticated,
    Forbidden,
    SchoolNotFound,
    MemberNotFound,
    RateLimited { retry_after_seconds: u64 },
    Unavailable,
}

/// How soon to come back after an outage: look-ups that fail are not repeated for this long.
pub(super) const OUTAGE_RETRY_SECONDS: u64 = 1;

impl AuthError {
    const fn kind(&self) -> Kind {
        match self {
            Self::Missing
            | Self::NotBearer
            | Self::Malformed
            | Self::Algorithm
            | Self::UnknownKey
            | Self::Signature
            | Self::MissingClaim(_)
            | Self::InvalidClaim(_)
            | Self::Expired
            | Self::NotYetValid
            | Self::Issuer
            | Self::Audience
            | Self::UnknownRole
            | Self::UnknownSchool
            | Self::SchoolRequired
            | Self::ApiKey => Kind::Unauthenticated,
            Self::Forbidden { .. } => Kind::Forbidden,
            Self::SchoolNotFound => Kind::SchoolNotFound,
            Self::MemberNotFound => Kind::MemberNotFound,
            Self::RateLimited {
                retry_after_seconds,
            } => Kind::RateLimited {
                retry_after_seconds: *retry_after_seconds,
            },
            Self::KeysUnavailable | Self::Database(_) | Self::DatabaseUnavailable => {
                Kind::Unavailable
            }
        }
    }

    /// The problem type's code: the page `docs/problems/<code>.md`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.kind() {
            Kind::Unauthenticated => "unauthenticated",
            Kind::Forbidden => "forbidden",
            Kind::SchoolNotFound => "school-not-found",
            Kind::MemberNotFound => "member-not-found",
            Kind::RateLimited { .. } => "rate-limited",
            Kind::Unavailable => "unavailable",
        }
    }

    /// The answer's status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.kind() {
            Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::SchoolNotFound | Kind::MemberNotFound => StatusCode::NOT_FOUND,
            Kind::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// `WWW-Authenticate`, which every 401 must carry (RFC 9110 §11.6.1): a bare challenge when
    /// nothing was sent, `invalid_token` when what was sent is no good (RFC 6750 §3.1).
    #[must_use]
    pub fn challenge(&self) -> Option<HeaderValue> {
        if self.status() != StatusCode::UNAUTHORIZED {
            return None;
        }
        Some(HeaderValue::from_static(
            if matches!(self, Self::Missing | Self::NotBearer) {
                "Bearer"
            } else {
                r#"Bearer error="invalid_token""#
            },
        ))
    }

    /// `Retry-After`, where waiting helps.
    #[must_use]
    pub const fn retry_after_seconds(&self) -> Option<u64> {
        match self.kind() {
            Kind::RateLimited {
                retry_after_seconds,
            } => Some(retry_after_seconds),
            Kind::Unavailable => Some(OUTAGE_RETRY_SECONDS),
            Kind::Unauthenticated
            | Kind::Forbidden
            | Kind::SchoolNotFound
            | Kind::MemberNotFound => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_401_has_a_challenge_and_nothing_else_has() {
        let refused = [
            AuthError::Missing,
            AuthError::NotBearer,
            AuthError::Malformed,
            AuthError::Algorithm,
            AuthError::UnknownKey,
            AuthError::Signature,
            AuthError::MissingClaim("exp"),
            AuthError::InvalidClaim("exp"),
            AuthError::Expired,
            AuthError::NotYetValid,
            AuthError::Issuer,
            AuthError::Audience,
            AuthError::UnknownRole,
            AuthError::UnknownSchool,
            AuthError::SchoolRequired,
            AuthError::ApiKey,
        ];
        for error in refused {
            assert_eq!(error.status(), StatusCode::UNAUTHORIZED, "{error}");
            assert_eq!(error.code(), "unauthenticated", "{error}");
            assert!(error.challenge().is_some(), "{error}");
        }
        for error in [AuthError::SchoolNotFound, AuthError::KeysUnavailable] {
            assert_eq!(error.challenge(), None, "{error}");
        }
    }

    #[test]
    fn waiting_helps_with_a_limit_and_an_outage_only() {
        let limited = AuthError::RateLimited {
            retry_after_seconds: 7,
        };
        assert_eq!(limited.retry_after_seconds(), Some(7));
        assert_eq!(limited.status(), StatusCode::TOO_MANY_REQUESTS);
        let outage = AuthError::Database(sqlx::Error::PoolTimedOut);
        assert_eq!(outage.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(outage.retry_after_seconds(), Some(1));
        assert_eq!(AuthError::ApiKey.retry_after_seconds(), None);
    }
}
