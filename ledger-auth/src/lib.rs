//! Callers and their permissions. No HTTP framework: headers are bytes, errors are values.
//!
//! ```text
//! Authorization ─ authenticator ─┬─ jwt ─ jwks ─ jwks_source      a token (JWT)
//!                                └─ api_key_store ─ api_key       a long-lived key of a proxy
//!               ─ rate_limit                                      429
//!               ─ permission (the table), member                  403, 404
//! ```
//!
//! The extractors of `ledger-api` apply these parts to a request, each for a [`permission`].
//!
//! Order of the files, each of which uses only those before it: `error`, `settings`, `tenancy`,
//! `api_key`, `credential`, `claims`, `token_issuer`, `jwk`, `jwks_source`, `jwks`, `cache`, `jwt`,
//! `api_key_store`, `member`, `rate_limit`, `authenticator`. `permission` is independent.
//!
//! **Invariant:** the algorithm of a signature belongs to the key and never comes from the token.
//!
//! **Invariant:** the current time is an argument (only the rate limiter has a clock), and a cached
//! credential expires at the instant at which it would be rejected.
//!
//! **Invariant:** what a caller may not know to exist is "not found", never "forbidden".
//!
//! Cost: a cached credential is a hash, a look-up and a clone; no query, no signature, no await.
//! Failure: without the issuer or the database, credentials that are not cached get a 503.

mod api_key;
mod api_key_store;
mod authenticator;
mod cache;
mod claims;
mod credential;
mod error;
#[cfg(test)]
mod fixtures;
mod jwk;
mod jwks;
mod jwks_source;
mod jwt;
mod member;
pub mod permission;
mod rate_limit;
mod settings;
mod tenancy;
#[cfg(test)]
mod tests;
mod token_issuer;

pub use api_key::ApiKey;
pub use api_key_store::{ApiKeyError, ApiKeyRecord, ApiKeyStore, LABEL_CHARS_MAX};
pub use authenticator::Authenticator;
pub use credential::Credential;
pub use error::{AuthConfigError, AuthError, OUTAGE_RETRY_SECONDS};
pub use jwt::JwtVerifier;
pub use member::MemberDirectory;
pub use rate_limit::RateLimiter;
pub use settings::{JwtSettings, REDACTED, RateLimits, serialize_redacted};
pub use tenancy::Tenancy;
pub use token_issuer::{TokenGrant, TokenIssuer};
