//! Errors as values: rejected callers and unusable settings. `ledger-api` maps them to problems.

use ledger_core::Role;

/// A rejected caller.
///
/// `Display` is for the caller: it describes what is wrong with the credential, without keys,
/// tokens or inner errors. Only [`Database`](Self::Database) has a source, which is for the log.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// There is no `Authorization` header.
    #[error("no credential was sent")]
    Missing,
    /// The `Authorization` header is not exactly one `Bearer <credential>` (RFC 6750 §2.1).
    #[error("the authorization header is not one bearer credential")]
    NotBearer,
    /// The token is not a JWT in compact form (RFC 7515), or too long.
    #[error("the token is malformed")]
    Malformed,
    /// The header's algorithm is not that of the key; for example `none`.
    #[error("the token's algorithm is not that of its key")]
    Algorithm,
    /// No key, or more than one, fits the token's `kid`.
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// The signature was not made with the key.
    #[error("the token's signature is invalid")]
    Signature,
    /// A required claim is missing.
    #[error("the token has no {0} claim")]
    MissingClaim(&'static str),
    /// A claim has the wrong type or value.
    #[error("the token's {0} claim is invalid")]
    InvalidClaim(&'static str),
    /// `exp` is past, with leeway.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is in the future, with leeway.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iss` is not the configured one.
    #[error("the token is of another issuer")]
    Issuer,
    /// `aud` does not contain the configured one.
    #[error("the token is for another audience")]
    Audience,
    /// The role is not one of a credential.
    #[error("the token's role is unknown")]
    UnknownRole,
    /// The school is not a school id.
    #[error("the token's school is unknown")]
    UnknownSchool,
    /// The role needs a school, and the token has none.
    #[error("the token's role needs a school, and it has none")]
    SchoolRequired,
    /// The API key does not exist, has another secret or is revoked.
    #[error("the API key is unknown or revoked")]
    ApiKey,
    /// The role lacks the permission.
    #[error("the role {role} lacks the permission {permission}")]
    Forbidden {
        /// The required permission.
        permission: &'static str,
        /// The caller's role.
        role: Role,
    },
    /// The school does not exist, or the caller may not know that it does.
    #[error("the school does not exist")]
    SchoolNotFound,
    /// The member does not exist, or the caller may not know that it does.
    #[error("the school has no such member")]
    MemberNotFound,
    /// The credential exceeds its rate limit.
    #[error("too many requests with this credential")]
    RateLimited {
        /// Seconds until the next request is allowed, rounded up.
        retry_after_seconds: u64,
    },
    /// The signing keys cannot be fetched, so that the token can be neither accepted nor rejected.
    #[error("the keys that sign tokens are unavailable")]
    KeysUnavailable,
    /// The look-up of a credential failed.
    #[error("credentials cannot be looked up at the moment")]
    Database(#[source] sqlx::Error),
    /// A look-up failed a moment ago and is not repeated yet.
    #[error("credentials cannot be looked up at the moment")]
    DatabaseUnavailable,
}

/// Seconds between a failed look-up of keys or credentials and the next.
pub const OUTAGE_RETRY_SECONDS: u64 = 1;

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthConfigError {
    /// No key is configured, so that every token would be rejected.
    #[error("no key to verify tokens with: set jwt.hs256_secret, jwt.jwks_url or jwt.jwks_file")]
    NoKey,
    /// The secret is short enough to be guessed.
    #[error("jwt.hs256_secret has {bytes} bytes and needs at least {bytes_min}")]
    ShortSecret {
        /// Its length.
        bytes: usize,
        /// The required length.
        bytes_min: usize,
    },
    /// The path of a claim has an empty name.
    #[error("jwt.{0} is not a claim path: separate names by dots, as in app_metadata.role")]
    ClaimPath(&'static str),
    /// The path leads to data that users write themselves.
    #[error("jwt.{0} is in user_metadata, which every user can change")]
    UserMetadata(&'static str),
    /// A number is out of range.
    #[error("jwt.{setting} must be from {min} to {max}")]
    OutOfRange {
        /// The setting.
        setting: &'static str,
        /// The smallest value.
        min: u32,
        /// The largest value.
        max: u32,
    },
    /// The address of the keys cannot be used.
    #[error(
        "jwt.jwks_url must be an https URL without user and password \
         (jwt.jwks_allow_http permits http)"
    )]
    JwksUrl,
    /// The HTTP client could not be created.
    #[error("could not create the HTTP client for jwt.jwks_url")]
    HttpClient(#[source] reqwest::Error),
    /// Tokens cannot be issued without the secret.
    #[error("jwt.hs256_secret is not set: tokens are signed with it")]
    NoSecret,
}
