//! What fails, or turns a caller away before there is a command.

use axum::http::header;
use ledger_projections::{FreshnessError, ReadError};
use ledger_store::StoreError;
use ledger_store::writer::WriteError;

use super::code::Code;
use super::document::Problem;
use crate::auth::{ApiKeyError, AuthError};

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Overloaded => {
                Self::new(Code::Overloaded, "too many commands wait; send it again").retry_after(1)
            }
            WriteError::Stopped => {
                Self::new(Code::Unavailable, "the ledger is stopping; send it again").retry_after(1)
            }
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
                "the ledger cannot reach its database; sending the same request again is safe",
            )
            .retry_after(1)
        } else {
            Self::new(
                Code::Internal,
                "the ledger failed; its operator finds the cause in its log",
            )
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
        if let AuthError::Database(_) = error {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "no credential was looked up"
            );
        }
        let code = Code::ALL
            .iter()
            .copied()
            .find(|code| code.as_str() == error.code());
        let mut problem = Self::new(code.unwrap_or(Code::Internal), error.to_string());
        if let Some(challenge) = error.challenge() {
            problem = problem.with_header(header::WWW_AUTHENTICATE, challenge);
        }
        match error.retry_after_seconds() {
            Some(seconds) => problem.retry_after(i64::try_from(seconds).unwrap_or(i64::MAX)),
            None => problem,
        }
    }
}

impl From<ApiKeyError> for Problem {
    fn from(error: ApiKeyError) -> Self {
        match error {
            ApiKeyError::Label => Self::invalid(error.to_string()).with("at", "label"),
            ApiKeyError::TooMany => Self::new(Code::ApiKeyLimit, error.to_string()),
            ApiKeyError::NotFound => Self::new(Code::ApiKeyNotFound, error.to_string()),
            ApiKeyError::Database { doing, source } => Self::from(StoreError::at(doing)(source)),
        }
    }
}

impl From<FreshnessError> for Problem {
    fn from(error: FreshnessError) -> Self {
        match error {
            FreshnessError::ProjectionBehind { at, asked } => {
                let detail = format!("the read model is at {at}, {asked} was asked for; ask again");
                Self::new(Code::ProjectionBehind, detail)
                    .with("at_seq", at.0)
                    .with("asked_seq", asked.0)
                    .retry_after(1)
            }
            FreshnessError::Database(source) => {
                Self::from(StoreError::at("asking how far a read model is")(source))
            }
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Database { doing, source } => Self::from(StoreError::at(doing)(source)),
            ReadError::Log(error) => Self::from(error),
            ReadError::Unreadable(_) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a read model failed"
                );
                Self::new(
                    Code::Internal,
                    "the ledger failed; its operator finds the cause in its log",
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_a_refused_credential_is_a_problem() {
        for error in [
            AuthError::Missing,
            AuthError::ApiKey,
            AuthError::Forbidden {
                permission: "spend",
                role: ledger_core::Role::Teacher,
            },
            AuthError::SchoolNotFound,
            AuthError::MemberNotFound,
            AuthError::RateLimited {
                retry_after_seconds: 2,
            },
            AuthError::KeysUnavailable,
        ] {
            let status = error.status();
            assert_eq!(Problem::from(error).code.status(), status);
        }
    }
}
