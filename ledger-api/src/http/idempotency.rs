//! `Idempotency-Key`: a repeated request with the same key gets the first outcome.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;
use chrono::Utc;
use ledger_core::ids::KEY_CHARS_MAX;
use ledger_core::{CommandKey, Fingerprint, Key, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::openapi::{Description, Input};
use crate::problem::Problem;
use crate::values::schema::text;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// The arrival of the request: the only clock of a command.
#[derive(Clone, Copy, Debug)]
pub struct Now(pub Timestamp);

impl<S: Send + Sync> FromRequestParts<S> for Now {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Timestamp::new(Utc::now())))
    }
}

impl Input for Now {}

/// The request's `Idempotency-Key`, or a fresh key if there is none. Without one a caller cannot
/// tell a lost answer from a lost request.
#[derive(Clone, Debug)]
pub struct IdempotencyKey(pub CommandKey);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(HEADER) else {
            return Ok(Self(CommandKey::Fresh(Uuid::now_v7())));
        };
        let key = value.to_str().ok().and_then(|text| Key::new(text).ok());
        key.map(|key| Self(CommandKey::Request(key)))
            .ok_or_else(|| {
                Problem::invalid(
                    "Idempotency-Key must have 1 to 128 characters and no control characters",
                )
            })
    }
}

impl IdempotencyKey {
    /// The id of a resource that the request creates without giving an id: a repeated request gets
    /// the same one. `owner` is the namespace.
    #[must_use]
    pub fn id_for(&self, noun: &str, owner: Uuid) -> Uuid {
        match &self.0 {
            CommandKey::Request(key) => {
                // A separator that no key contains keeps ("a", "bc") and ("ab", "c") apart.
                Uuid::new_v5(&owner, format!("{noun}\u{1f}{key}").as_bytes())
            }
            CommandKey::Fresh(_)
            // Keys of other commands, which create nothing under a generated id.
            | CommandKey::Debit(_)
            | CommandKey::Hold(_)
            | CommandKey::HoldClosing(_)
            | CommandKey::HoldExpiry(_)
            | CommandKey::RequestExpiry(_)
            | CommandKey::PeriodRollover(_)
            | CommandKey::Renewals { .. }
            | CommandKey::Reported { .. }
            | CommandKey::Consequence(_) => Uuid::now_v7(),
        }
    }
}

impl Input for IdempotencyKey {
    fn describe(description: &mut Description<'_>) {
        description.request_header(
            "Idempotency-Key",
            "Makes a retry safe: a repeated request with the same key gets the first outcome.",
            // Visible characters and inner spaces: HTTP trims the spaces around a value.
            text(1, KEY_CHARS_MAX).pattern(Some("^[!-~]([ -~]*[!-~])?$")),
        );
    }
}

/// The fingerprint that distinguishes a repeated request from another one with the same key: of the
/// operation, the parameters of its path, and the parsed body, so that white space and the order of
/// members do not matter.
///
/// # Errors
/// None for bodies of this API: all of them serialize.
pub fn fingerprint(
    operation: &str,
    path: &[&dyn std::fmt::Display],
    body: &impl Serialize,
) -> Result<Fingerprint, Problem> {
    let mut bytes = operation.as_bytes().to_vec();
    for part in path {
        bytes.push(b'/');
        bytes.extend_from_slice(part.to_string().as_bytes());
    }
    bytes.push(b'\n');
    serde_json::to_writer(&mut bytes, body)
        .map_err(|_| Problem::invalid("the body cannot be serialized"))?;
    Ok(Fingerprint::of(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_request_generates_the_same_id() {
        let key = |text: &str| IdempotencyKey(CommandKey::Request(Key::new(text).unwrap()));
        let [one, other] = [1, 2].map(Uuid::from_u128);
        let id = key("a").id_for("member", one);
        assert_eq!(id, key("a").id_for("member", one));
        assert_ne!(id, key("b").id_for("member", one));
        assert_ne!(id, key("a").id_for("member", other));
        assert_ne!(id, key("a").id_for("department", one));
        let fresh = || IdempotencyKey(CommandKey::Fresh(Uuid::now_v7())).id_for("member", one);
        assert_ne!(fresh(), fresh());
    }
}
