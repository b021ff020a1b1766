//! `ETag` and `If-Match` (RFC 9110 §8.8.3, §13.1.1) of requests for units and of a school's
//! subscription and settings: a write with another version than the current one is refused.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use ledger_core::Seq;

use crate::openapi::{Description, Input};
use crate::problem::{Code, Problem};
use crate::values::schema::text;

/// The expected version, if the caller gives one: its `ETag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub Option<Seq>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let value = parts.headers.get(header::IF_MATCH);
        let tag = value.map(|value| value.to_str().unwrap_or_default());
        match tag {
            None | Some("*") => Ok(Self(None)),
            Some(tag) => parse(tag)
                .map(|version| Self(Some(version)))
                .ok_or_else(|| {
                    Problem::new(
                        Code::PreconditionFailed,
                        "If-Match is not an ETag of this resource; read the resource again",
                    )
                }),
        }
    }
}

impl Input for IfMatch {
    fn describe(description: &mut Description<'_>) {
        description.request_header(
            "If-Match",
            "The ETag of the request for units, or of the school for its subscription and \
             settings; 412 if it has changed.",
            text(1, 21).pattern(Some(r#"^(\*|"[0-9]{1,18}")$"#)),
        );
    }
}

fn parse(tag: &str) -> Option<Seq> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok().map(Seq)).flatten()
}

/// The `ETag` of a version.
#[must_use]
pub fn etag(version: Seq) -> HeaderValue {
    // Digits in quotes are always valid in a header.
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_tag_of_this_api_parses() {
        assert_eq!(parse(etag(Seq(42)).to_str().unwrap()), Some(Seq(42)));
        for other in [
            "",
            "42",
            "\"\"",
            "W/\"42\"",
            "\"+42\"",
            "\"42",
            "\"1\", \"2\"",
            "\"a\"",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
