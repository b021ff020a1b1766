//! `ETag` and `If-Match` (RFC 9110 §8.8.3, §13.1.1) on what is decided: requests, what a school
//! bought and its own rules. Who decides says on which version, and is told when it is not the
//! present one.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use ledger_core::Seq;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};

use crate::problem::{Code, Problem};
use crate::values::schema::text;

/// The version that the caller decided on, if he says so: its `ETag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub Option<Seq>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let value = parts.headers.get(header::IF_MATCH);
        let said = value.map(|value| value.to_str().unwrap_or_default());
        match said {
            None | Some("*") => Ok(Self(None)),
            Some(tag) => read(tag).map(|version| Self(Some(version))).ok_or_else(|| {
                Problem::new(
                    Code::PreconditionFailed,
                    "If-Match is not an ETag of this resource; read the resource again",
                )
            }),
        }
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let tag = text(1, 21).pattern(Some(r#"^(\*|"[0-9]{1,18}")$"#));
        let parameter = ParameterBuilder::new()
            .name("If-Match")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "The ETag of what is decided on (the request; the school, for what it bought and its \
                 rules); 412 when it was changed in between.",
            ))
            .schema(Some(tag));
        vec![parameter.build()]
    }
}

fn read(tag: &str) -> Option<Seq> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok().map(Seq)).flatten()
}

/// The `ETag` of a version.
#[must_use]
pub fn etag(version: Seq) -> HeaderValue {
    // Digits in quotes are always a header's value.
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_read_as_it_was_given_out_and_no_other() {
        assert_eq!(read(etag(Seq(42)).to_str().unwrap()), Some(Seq(42)));
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
            assert_eq!(read(other), None, "{other}");
        }
    }
}
