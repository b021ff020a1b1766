//! Errors as values: rejected callers and unusable settings. `ledger-api` maps them to problems.

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
    #[error("the role {role} lacks the permission {permission}")]
    Forbidden {
        /// What was needed.
        permission: &'static str,
        /// What was there.
        role: Role,
    },
    /// The school is not there, or not for this caller to know of.
    #[error("the school does not exist")]
    SchoolNotFound,
    /// The member is not there, or not for this caller to know of.
    #[error("the school has no such member")]
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

/// Seconds after which a failed look-up (of keys or credentials) is tried again.
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
    #[error("jwt.{setting} is not a claim path: separate names by dots, as in app_metadata.role")]
    ClaimPath {
        /// The setting.
        setting: &'static str,
    },
    /// The path leads to data that users write themselves.
    #[error("jwt.{setting} is in user_metadata, which every user can change")]
    UserMetadata {
        /// The setting.
        setting: &'static str,
    },
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
