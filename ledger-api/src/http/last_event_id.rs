//! `Last-Event-ID`: the last event received before a stream was interrupted (HTML §9.2.4).

use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;
use ledger_core::Seq;
use utoipa::PartialSchema as _;

use crate::openapi::{Description, Input};
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

impl Input for LastEventId {
    fn describe(description: &mut Description<'_>) {
        let meaning = "The `id` of the last event received.";
        description.request_header("Last-Event-ID", meaning, Position::schema());
    }
}
