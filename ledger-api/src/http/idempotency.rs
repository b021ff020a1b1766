//! `Idempotency-Key`: the same key and request again get the first outcome.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;
use chrono::Utc;
use ledger_core::ids::KEY_CHARS_MAX;
use ledger_core::{CommandKey, Fingerprint, Key, Timestamp};
use serde::Serialize;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use uuid::Uuid;

use crate::problem::Problem;
use crate::values::schema::text;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// The instant at which the request came in: the only clock that a command sees.
#[derive(Clone, Copy, Debug)]
pub struct Now(pub Timestamp);

impl<S: Send + Sync> FromRequestParts<S> for Now {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Timestamp::new(Utc::now())))
    }
}

/// The request's `Idempotency-Key`, or a fresh key for a caller who sends none (who then cannot
/// tell a lost answer from a lost request).
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
    /// The id of something that the request makes and gives no id: the same for a repetition of
    /// the request, so that it meets what the first one made. `owner` is where the id belongs.
    #[must_use]
    pub fn id_for(&self, noun: &str, owner: Uuid) -> Uuid {
        match &self.0 {
            CommandKey::Request(key) => {
                // A separator that no key contains keeps ("a", "bc") and ("ab", "c") apart.
                Uuid::new_v5(&owner, format!("{noun}\u{1f}{key}").as_bytes())
            }
            CommandKey::Fresh(_)
            // Keys that other things are made under; no request of this form has one.
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

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        // Visible characters, with spaces between: HTTP takes those around a value away.
        let key = text(1, KEY_CHARS_MAX).pattern(Some("^[!-~]([ -~]*[!-~])?$"));
        let parameter = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "Makes sending the request again safe: the same key and request get the first \
                 outcome.",
            ))
            .schema(Some(key));
        vec![parameter.build()]
    }
}

/// What tells a repeated request from another one under the same key: the operation, what its
/// path names, and the body as it was understood, so that white space and the order of members
/// make no difference.
///
/// # Errors
/// Never for bodies of this API; a body that cannot be written as JSON is refused.
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
        .map_err(|_| Problem::invalid("the body cannot be read again"))?;
    Ok(Fingerprint::of(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_request_makes_the_same_id_and_another_one_does_not() {
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
