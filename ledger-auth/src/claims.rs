//! What a verified token says: where its claims are, and how they become a credential.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ledger_core::{SchoolId, Timestamp};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::credential::Credential;
use crate::error::{AuthConfigError, AuthError};

/// The object that Supabase lets every user write for himself, at sign-up and later.
const USER_METADATA: &str = "user_metadata";

/// Where a claim is: names of objects inside one another, with dots between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClaimPath {
    outer: Vec<String>,
    last: String,
}

impl ClaimPath {
    /// The path that the configuration's `setting` gives.
    pub(super) fn parse(setting: &'static str, path: &str) -> Result<Self, AuthConfigError> {
        let mut names: Vec<String> = path.split('.').map(str::to_owned).collect();
        if names
            .iter()
            .any(|name| name.trim() != name || name.is_empty())
        {
            return Err(AuthConfigError::ClaimPath { setting });
        }
        if names[0].eq_ignore_ascii_case(USER_METADATA) {
            return Err(AuthConfigError::UserMetadata { setting });
        }
        match names.pop() {
            Some(last) => Ok(Self { outer: names, last }),
            None => Err(AuthConfigError::ClaimPath { setting }),
        }
    }

    /// The claim, when it is there; `null` is not.
    fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        let object = self
            .outer
            .iter()
            .try_fold(claims, |object, name| object.get(name)?.as_object())?;
        object.get(&self.last).filter(|value| !value.is_null())
    }

    /// Writes the claim, and the objects around it. An outer claim that is there and is no object
    /// is replaced by one.
    pub(super) fn put(&self, claims: &mut Map<String, Value>, value: Value) {
        let mut object = claims;
        for name in &self.outer {
            let inner = object.entry(name.as_str()).or_insert(Value::Null);
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            let Value::Object(inner) = inner else {
                return;
            };
            object = inner;
        }
        object.insert(self.last.clone(), value);
    }
}

/// What tokens are read by.
#[derive(Clone, Debug)]
pub(super) struct ClaimReader {
    pub(super) role: ClaimPath,
    pub(super) school: ClaimPath,
    pub(super) leeway_seconds: i64,
}

impl ClaimReader {
    /// Who the claims of a token with a good signature speak of, and until when.
    pub(super) fn read(
        &self,
        claims: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<(Credential, Timestamp), AuthError> {
        let expires_at = self.check_times(claims, now)?;
        let subject = text(claims.get("sub"), "sub")?;
        let role = text(self.role.find(claims), "role")?
            .parse()
            .map_err(|_| AuthError::UnknownRole)?;
        let school = match self.school.find(claims) {
            None => None,
            Some(Value::String(id)) => {
                let id = Uuid::try_parse(id).map_err(|_| AuthError::UnknownSchool)?;
                Some(SchoolId(id))
            }
            // Something else than an id must not read as "all schools".
            Some(_) => return Err(AuthError::UnknownSchool),
        };
        let credential = Credential::from_claims(role, school, subject)?;
        Ok((credential, expires_at))
    }

    /// RFC 7519 §4.1.4 and §4.1.5: `now` is before `exp` and not before `nbf`, give or take the
    /// leeway. Returns the first instant at which the token is refused.
    fn check_times(
        &self,
        claims: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<Timestamp, AuthError> {
        let expires_at = instant(claims, "exp")?
            .ok_or(AuthError::MissingClaim("exp"))?
            .plus_seconds(self.leeway_seconds);
        if now >= expires_at {
            return Err(AuthError::Expired);
        }
        let not_before = instant(claims, "nbf")?;
        if not_before.is_some_and(|start| now.plus_seconds(self.leeway_seconds) < start) {
            return Err(AuthError::NotYetValid);
        }
        Ok(expires_at)
    }
}

fn text<'a>(claim: Option<&'a Value>, name: &'static str) -> Result<&'a str, AuthError> {
    match claim {
        None | Some(Value::Null) => Err(AuthError::MissingClaim(name)),
        Some(Value::String(text)) => Ok(text),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(AuthError::InvalidClaim(name))
        }
    }
}

/// A NumericDate (RFC 7519 §2): seconds since 1970, with or without a fraction, which is dropped.
fn instant(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<Timestamp>, AuthError> {
    let number = match claims.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number,
        Some(Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
            return Err(AuthError::InvalidClaim(name));
        }
    };
    let seconds = match number.as_u64() {
        Some(seconds) => Some(seconds),
        None => number
            .as_f64()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .map(|since| since.as_secs()),
    };
    // Negative, or beyond what can be counted: neither is a date of ours.
    let seconds = seconds
        .and_then(|seconds| i64::try_from(seconds).ok())
        .ok_or(AuthError::InvalidClaim(name))?;
    Ok(Some(
        Timestamp::new(DateTime::<Utc>::UNIX_EPOCH).plus_seconds(seconds),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::at;

    fn path(text: &str) -> ClaimPath {
        ClaimPath::parse("role_claim", text).unwrap()
    }

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_users_write_themselves_is_no_place_for_a_role() {
        for text in ["user_metadata.role", "user_metadata", "User_Metadata.role"] {
            let refused = ClaimPath::parse("role_claim", text);
            assert!(
                matches!(refused, Err(AuthConfigError::UserMetadata { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn a_path_has_names() {
        for text in ["", ".", "a.", ".a", "a..b", "a. b", " "] {
            let refused = ClaimPath::parse("role_claim", text);
            assert!(
                matches!(refused, Err(AuthConfigError::ClaimPath { .. })),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_claim_is_found_where_it_was_put() {
        let mut claims = map(json!({ "app_metadata": { "provider": "email" }, "flat": 1 }));
        for text in ["app_metadata.role", "a.b.c", "role", "flat.inner"] {
            path(text).put(&mut claims, json!(text));
            assert_eq!(path(text).find(&claims), Some(&json!(text)));
        }
        assert_eq!(claims["app_metadata"]["provider"], "email");
    }

    #[test]
    fn a_claim_that_is_null_or_inside_something_else_is_not_there() {
        let claims = map(json!({ "a": { "b": null }, "c": [1], "d": "e" }));
        for text in ["a.b", "a.c", "c.0", "d.e", "x.y"] {
            assert_eq!(path(text).find(&claims), None, "{text}");
        }
    }

    #[test]
    fn a_numeric_date_may_have_a_fraction_and_must_make_sense() {
        let read = |value: Value| instant(&map(json!({ "exp": value })), "exp");
        assert_eq!(read(json!(100)).unwrap(), Some(at(100)));
        assert_eq!(read(json!(100.9)).unwrap(), Some(at(100)));
        assert_eq!(read(json!(null)).unwrap(), None);
        for odd in [
            json!(-1),
            json!(-0.5),
            json!(u64::MAX),
            json!(1e300),
            json!("100"),
            json!([100]),
            json!(true),
        ] {
            let refused = read(odd.clone());
            assert!(
                matches!(refused, Err(AuthError::InvalidClaim("exp"))),
                "{odd}"
            );
        }
    }
}
