//! The claims of a verified token: their paths, and the credential that they make.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ledger_core::{SchoolId, Timestamp};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::credential::Credential;
use crate::error::{AuthConfigError, AuthError};
use crate::settings::JwtSettings;

/// The claim that Supabase lets every user write.
const USER_METADATA: &str = "user_metadata";

/// The path of a claim: names of nested objects, separated by dots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimPath {
    outer: Vec<String>,
    last: String,
}

impl ClaimPath {
    fn parse(setting: &'static str, path: &str) -> Result<Self, AuthConfigError> {
        let invalid = || AuthConfigError::ClaimPath(setting);
        let mut names: Vec<String> = path.split('.').map(str::to_owned).collect();
        if names
            .iter()
            .any(|name| name.trim() != name || name.is_empty())
        {
            return Err(invalid());
        }
        if names[0].eq_ignore_ascii_case(USER_METADATA) {
            return Err(AuthConfigError::UserMetadata(setting));
        }
        let last = names.pop().ok_or_else(invalid)?;
        Ok(Self { outer: names, last })
    }

    /// The claim, unless it is missing or `null`.
    fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        let object = self
            .outer
            .iter()
            .try_fold(claims, |object, name| object.get(name)?.as_object())?;
        object.get(&self.last).filter(|value| !value.is_null())
    }

    /// Inserts the claim and its outer objects. An outer claim that is not an object is replaced.
    pub(crate) fn insert(&self, claims: &mut Map<String, Value>, value: Value) {
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

/// Reads the claims of tokens.
#[derive(Clone, Debug)]
pub(crate) struct ClaimReader {
    pub(crate) role: ClaimPath,
    pub(crate) school: ClaimPath,
    leeway_seconds: i64,
}

impl ClaimReader {
    /// # Errors
    /// [`AuthConfigError`] for a path that is invalid or in `user_metadata`.
    pub(crate) fn new(settings: &JwtSettings) -> Result<Self, AuthConfigError> {
        Ok(Self {
            role: ClaimPath::parse("role_claim", &settings.role_claim)?,
            school: ClaimPath::parse("school_claim", &settings.school_claim)?,
            leeway_seconds: i64::from(settings.leeway_seconds),
        })
    }

    /// The credential of a token with a valid signature, and the instant at which it expires.
    pub(crate) fn read(
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
            // A value that is not an id must not mean all schools.
            Some(_) => return Err(AuthError::UnknownSchool),
        };
        let credential = Credential::from_claims(role, school, subject)?;
        Ok((credential, expires_at))
    }

    /// RFC 7519 §4.1.4 and §4.1.5: `now` is before `exp` and not before `nbf`, with leeway. Returns
    /// the first instant at which the token is rejected.
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

/// A NumericDate (RFC 7519 §2): seconds since 1970. A fraction is dropped.
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
    // Negative or too large numbers are not dates.
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
    fn an_invalid_path_is_refused() {
        for text in ["", ".", "a.", ".a", "a..b", "a. b", " "] {
            let refused = ClaimPath::parse("role_claim", text);
            assert!(
                matches!(refused, Err(AuthConfigError::ClaimPath(_))),
                "{text:?}"
            );
        }
        // Users write these claims themselves.
        for text in ["user_metadata.role", "user_metadata", "User_Metadata.role"] {
            let refused = ClaimPath::parse("role_claim", text);
            assert!(
                matches!(refused, Err(AuthConfigError::UserMetadata(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn an_inserted_claim_is_found() {
        let mut claims = map(json!({ "app_metadata": { "provider": "email" }, "flat": 1 }));
        for text in ["app_metadata.role", "a.b.c", "role", "flat.inner"] {
            path(text).insert(&mut claims, json!(text));
            assert_eq!(path(text).find(&claims), Some(&json!(text)));
        }
        assert_eq!(claims["app_metadata"]["provider"], "email");
    }

    #[test]
    fn a_claim_that_is_null_or_not_in_an_object_is_missing() {
        let claims = map(json!({ "a": { "b": null }, "c": [1], "d": "e" }));
        for text in ["a.b", "a.c", "c.0", "d.e", "x.y"] {
            assert_eq!(path(text).find(&claims), None, "{text}");
        }
    }

    #[test]
    fn a_numeric_date_is_a_positive_number() {
        let read = |value: Value| instant(&map(json!({ "exp": value })), "exp");
        assert_eq!(read(json!(100)).unwrap(), Some(at(100)));
        assert_eq!(read(json!(100.9)).unwrap(), Some(at(100)));
        assert_eq!(read(json!(null)).unwrap(), None);
        for value in [
            json!(-1),
            json!(-0.5),
            json!(u64::MAX),
            json!(1e300),
            json!("100"),
            json!([100]),
            json!(true),
        ] {
            let refused = read(value.clone());
            assert!(
                matches!(refused, Err(AuthError::InvalidClaim("exp"))),
                "{value}"
            );
        }
    }
}
