//! `Last-Event-ID`: the last event received before a stream was interrupted (HTML §9.2.4).

use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;
use ledger_core::Seq;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::{IntoParams, PartialSchema as _};

use crate::problem::Problem;
use crate::values::Position;

const HEADER: HeaderName = HeaderName::from_static("last-event-id");

/// The last event that the caller received, unless the stream is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastEventId(pub Option<Position>);

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(HEADER) else {
            return Ok(Self(None));
        };
        let seq = value.to_str().ok().and_then(|text| text.parse().ok());
        seq.filter(|seq| *seq >= 0)
            .map(|seq| Self(Some(Seq(seq).into())))
            .ok_or_else(|| Problem::invalid("Last-Event-ID must be the seq of an event"))
    }
}

impl IntoParams for LastEventId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameter = ParameterBuilder::new()
            .name("Last-Event-ID")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("The `id` of the last event received."))
            .schema(Some(Position::schema()));
        vec![parameter.build()]
    }
}
