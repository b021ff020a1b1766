//! Reported usage: what happened is told afterwards, as CloudEvents, and always recorded.

mod body;
mod document;
mod event;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ledger_core::{Seq, Timestamp};
use ledger_store::writer::Envelope;

use crate::auth::{Allowed, AllowedAtHome};
use crate::http::{LEDGER_SEQ, Now};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::AppState;
use body::Events;
use document::{BatchDocument, EitherDocument, EventDocument, SchoolHeader};
use ledger_auth::Spend;

/// Everything that was reported is recorded.
#[derive(Debug)]
pub struct Recorded {
    /// The last position that any of it has.
    seq: Seq,
}

impl IntoResponse for Recorded {
    fn into_response(self) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        headers.insert(LEDGER_SEQ, HeaderValue::from(self.seq.0));
        response
    }
}

problems!(ReportProblems: InvalidEvent, SchoolNotFound, AmountOutOfRange);

/// Records usage that happened, told as CloudEvents 1.0: over quota, late, of a member who is
/// suspended or whom nobody knows.
///
/// One event or, as `application/cloudevents-batch+json`, up to 10,000 and 16 MiB. The school and
/// who reports come from the credential. A batch is all or nothing in being understood: an event
/// that is none is refused with its `index`, and then nothing was recorded. Sending it again is
/// safe: an event is known by `source` and `id`, and the first one of them counts.
#[utoipa::path(
    post,
    path = "/v1/events",
    tag = "usage",
    params(SchoolHeader),
    request_body(content(
        (EventDocument = "application/cloudevents+json"),
        (BatchDocument = "application/cloudevents-batch+json"),
        (EitherDocument = "application/json"),
    )),
    responses((status = 204, description = "It is recorded."), ReportProblems),
)]
pub async fn report_usage(
    AllowedAtHome(allowed): AllowedAtHome<Spend>,
    State(state): State<AppState>,
    Now(now): Now,
    events: Events,
) -> Result<Recorded, Problem> {
    record(&allowed, &state, now, events).await
}

/// The same under the path that usage collectors know: records usage that happened.
#[utoipa::path(
    post,
    path = "/api/v1/events",
    tag = "usage",
    params(SchoolHeader),
    request_body(content(
        (EventDocument = "application/cloudevents+json"),
        (BatchDocument = "application/cloudevents-batch+json"),
        (EitherDocument = "application/json"),
    )),
    responses((status = 204, description = "It is recorded."), ReportProblems),
)]
pub async fn report_usage_to_collector(
    AllowedAtHome(allowed): AllowedAtHome<Spend>,
    State(state): State<AppState>,
    Now(now): Now,
    events: Events,
) -> Result<Recorded, Problem> {
    record(&allowed, &state, now, events).await
}

async fn record(
    allowed: &Allowed<Spend>,
    state: &AppState,
    now: Timestamp,
    events: Events,
) -> Result<Recorded, Problem> {
    let actor = allowed.credential.actor;
    let mut requests: Vec<Envelope> = Vec::new();
    let mut places = Vec::new();
    for (index, event) in events.into_parts() {
        let request = event.into_envelope(actor, now);
        requests.push(request.map_err(|problem| placed(problem, index))?);
        places.push(index);
    }
    if requests.is_empty() {
        return Ok(Recorded { seq: Seq::ZERO });
    }
    let answers = state.writer.submit_all(allowed.school, requests).await?;
    let mut seq = Seq::ZERO;
    for (answer, index) in answers.into_iter().zip(places) {
        let receipt = answer.map_err(|refused| placed(refused.into(), index))?;
        seq = seq.max(receipt.seq);
    }
    Ok(Recorded { seq })
}

/// The problem of one event, and which event of a batch it is.
fn placed(problem: Problem, index: Option<usize>) -> Problem {
    match index {
        Some(index) => problem.index(i64::try_from(index).unwrap_or(i64::MAX)),
        None => problem,
    }
}
