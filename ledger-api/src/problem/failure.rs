//! Errors other than refusals: authentication, storage, read models, bodies.

use axum::http::{HeaderValue, header};
use ledger_projections::{FreshnessError, ReadError};
use ledger_store::StoreError;
use ledger_store::writer::WriteError;

use super::code::Code;
use super::document::Problem;
use crate::values::{NamedTwice, UnknownTier};
use ledger_auth::{ApiKeyError, AuthError, OUTAGE_RETRY_SECONDS};

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Overloaded => Self::new(
                Code::Overloaded,
                "too many commands are queued; send the request again",
            )
            .retry_after(1),
            WriteError::Stopped => Self::new(
                Code::Unavailable,
                "the ledger is stopping; send the request again",
            )
            .retry_after(1),
            WriteError::Store(error) => Self::from(&*error),
        }
    }
}

impl From<&StoreError> for Problem {
    fn from(error: &StoreError) -> Self {
        tracing::error!(error = error as &dyn std::error::Error, "the log failed");
        if error.is_transient() {
            Self::new(
                Code::Unavailable,
                "the database cannot be reached; sending the same request again is safe",
            )
            .retry_after(1)
        } else {
            Self::internal()
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::from(&error)
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let problem = |code| Self::new(code, error.to_string());
        match &error {
            // RFC 9110 §11.6.1: every 401 carries a challenge; RFC 6750 §3.1: a bare one when no
            // credential was sent.
            AuthError::Missing | AuthError::NotBearer => problem(Code::Unauthenticated)
                .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            AuthError::Malformed
            | AuthError::Algorithm
            | AuthError::UnknownKey
            | AuthError::Signature
            | AuthError::MissingClaim(_)
            | AuthError::InvalidClaim(_)
            | AuthError::Expired
            | AuthError::NotYetValid
            | AuthError::Issuer
            | AuthError::Audience
            | AuthError::UnknownRole
            | AuthError::UnknownSchool
            | AuthError::SchoolRequired
            | AuthError::ApiKey => problem(Code::Unauthenticated).with_header(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(r#"Bearer error="invalid_token""#),
            ),
            AuthError::Forbidden { .. } => problem(Code::Forbidden),
            AuthError::SchoolNotFound => problem(Code::SchoolNotFound),
            AuthError::MemberNotFound => problem(Code::MemberNotFound),
            AuthError::RateLimited {
                retry_after_seconds,
            } => problem(Code::RateLimited).retry_after(*retry_after_seconds),
            AuthError::KeysUnavailable | AuthError::DatabaseUnavailable => {
                problem(Code::Unavailable).retry_after(OUTAGE_RETRY_SECONDS)
            }
            AuthError::Database(_) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "could not look up a credential"
                );
                problem(Code::Unavailable).retry_after(OUTAGE_RETRY_SECONDS)
            }
        }
    }
}

impl From<UnknownTier> for Problem {
    fn from(error: UnknownTier) -> Self {
        Self::invalid(error.to_string()).at("tier")
    }
}

impl From<NamedTwice> for Problem {
    fn from(error: NamedTwice) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<ApiKeyError> for Problem {
    fn from(error: ApiKeyError) -> Self {
        match error {
            ApiKeyError::Label => Self::invalid(error.to_string()).at("label"),
            ApiKeyError::TooMany => Self::new(Code::ApiKeyLimit, error.to_string()),
            ApiKeyError::NotFound => Self::new(Code::ApiKeyNotFound, error.to_string()),
            ApiKeyError::Database(source) => {
                Self::from(StoreError::at("managing api keys")(source))
            }
        }
    }
}

impl From<FreshnessError> for Problem {
    fn from(error: FreshnessError) -> Self {
        match error {
            FreshnessError::ProjectionBehind { at, asked } => {
                let detail = format!("the read model is at {at}, min_seq is {asked}; try again");
                Self::new(Code::ProjectionBehind, detail)
                    .at_seq(at)
                    .asked_seq(asked)
                    .retry_after(1)
            }
            FreshnessError::Database(error) => Self::from(StoreError::from(error)),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Database(error) => Self::from(StoreError::from(error)),
            ReadError::Log(error) => Self::from(error),
            ReadError::Unreadable(_) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a read model failed"
                );
                Self::internal()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use axum::response::IntoResponse as _;

    use super::*;

    fn answer(error: AuthError) -> axum::response::Response {
        Problem::from(error).into_response()
    }

    #[test]
    fn each_401_has_a_challenge_and_no_other_status_has_one() {
        for error in [
            AuthError::Missing,
            AuthError::NotBearer,
            AuthError::MissingClaim("exp"),
            AuthError::Expired,
            AuthError::SchoolRequired,
            AuthError::ApiKey,
        ] {
            let answer = answer(error);
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
            assert!(answer.headers().contains_key(header::WWW_AUTHENTICATE));
        }
        for error in [AuthError::SchoolNotFound, AuthError::KeysUnavailable] {
            let answer = answer(error);
            assert!(!answer.headers().contains_key(header::WWW_AUTHENTICATE));
        }
    }

    #[test]
    fn rate_limits_and_outages_say_when_to_try_again() {
        let retry_after = |error| answer(error).headers().get(header::RETRY_AFTER).cloned();
        let limited = AuthError::RateLimited {
            retry_after_seconds: 7,
        };
        assert_eq!(retry_after(limited), Some(HeaderValue::from_static("7")));
        let outage = AuthError::Database(sqlx::Error::PoolTimedOut);
        assert_eq!(retry_after(outage), Some(HeaderValue::from_static("1")));
        assert_eq!(retry_after(AuthError::ApiKey), None);
    }
}
