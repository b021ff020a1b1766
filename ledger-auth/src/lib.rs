//! Who calls, and what they may do. No HTTP framework: headers come in as bytes, errors leave as
//! values.
//!
//! ```text
//! Authorization ─ authenticator ─┬─ jwt ─ jwks ─ jwks_source      a person's or a proxy's token
//!                                └─ api_key_store ─ api_key       a proxy's long-lived key
//!               ─ rate_limit                                      too many: 429
//!               ─ permission (the table), member                  the role, the member
//! ```
//!
//! The extractors of `ledger-api` apply these parts to a request; each is named by a permission of
//! [`permission`].
//!
//! **Invariant:** the algorithm of a signature belongs to the key and never comes from the token.
//!
//! **Invariant:** no clock is read here: time is an argument, and a cached credential expires at
//! the instant at which it would be rejected.
//!
//! **Invariant:** what a caller may not know to exist is "not found" to him, never "forbidden".
//!
//! Cost: a remembered credential is a hash, a look-up and a clone; no query, no signature, no await
//! that waits. Failure: an issuer or a database that is away refuses with 503 what is not
//! remembered, and nothing else.

pub mod api_key;
pub mod api_key_store;
pub mod authenticator;
mod cache;
mod claims;
pub mod credential;
pub mod error;
#[cfg(test)]
mod fixtures;
pub mod issue;
mod jwk;
mod jwks;
mod jwks_source;
pub mod jwt;
pub mod member;
pub mod permission;
pub mod rate_limit;
pub mod settings;
mod tenancy;
#[cfg(test)]
mod tests;

pub use api_key::{ApiKey, ApiKeyId};
pub use api_key_store::{ApiKeyError, ApiKeyRecord, ApiKeyStore};
pub use authenticator::Authenticator;
pub use credential::{Credential, CredentialId};
pub use error::{AuthConfigError, AuthError, OUTAGE_RETRY_SECONDS};
pub use issue::{IssueError, TokenGrant, TokenIssuer};
pub use jwt::JwtVerifier;
pub use member::MemberDirectory;
pub use permission::{
    Administer, Allocate, AskForUnits, Correct, Erase, ManageApiKeys, ManagePlatformApiKeys,
    Permission, ReadActivity, ReadBalance, ReadDepartment, ReadDepartmentBalance, ReadLog,
    ReadMember, ReadMemberBalance, ReadSchool, RegisterSchool, Spend, Subscribe,
};
pub use rate_limit::RateLimiter;
pub use settings::{JwksSource, JwtSettings, RateLimit, RateLimits};
pub use tenancy::Tenancy;
