//! Reported usage: it has happened already, comes as CloudEvents and is always recorded.

mod bodies;
mod event;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ledger_core::{Seq, Timestamp};
use ledger_store::writer::Envelope;
use utoipa::openapi::ResponseBuilder;

use crate::auth::{Allowed, AllowedAtHome};
use crate::http::{LEDGER_SEQ, Now, describe_seq};
use crate::openapi::{Description, Output, problems};
use crate::problem::Problem;
use crate::state::AppState;
use bodies::Events;
use ledger_auth::permission::Spend;

/// The answer to a report.
#[derive(Debug)]
pub struct Recorded {
    /// The last position of its events.
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

impl Output for Recorded {
    fn describe(description: &mut Description<'_>) {
        let answer = ResponseBuilder::new().description("The usage is recorded.");
        description.add(StatusCode::NO_CONTENT, answer);
        describe_seq(description);
    }
}

problems!(ReportProblems: InvalidEvent, SchoolNotFound, AmountOutOfRange);

/// Declares a route that records reported usage.
macro_rules! report_route {
    ($(#[doc = $doc:literal])* $name:ident, $path:literal) => {
        $(#[doc = $doc])*
        #[utoipa::path(post, path = $path, responses(ReportProblems))]
        pub async fn $name(
            AllowedAtHome(allowed): AllowedAtHome<Spend>,
            State(state): State<AppState>,
            Now(now): Now,
            events: Events,
        ) -> Result<Recorded, Problem> {
            record(&allowed, &state, now, events).await
        }
    };
}

report_route! {
    /// Records usage that has happened, reported as CloudEvents 1.0: over quota, late, of a
    /// suspended or an unknown member.
    ///
    /// One event or, as `application/cloudevents-batch+json`, up to 10,000 and 16 MiB. The
    /// credential determines the school and the actor. If an event of a batch is invalid, the
    /// problem has its `index` and nothing is recorded. A repetition is safe: `source` and `id`
    /// identify an event, and the first one counts.
    report_usage, "/v1/events"
}

report_route! {
    /// Records usage that has happened, under the path that usage collectors use.
    report_usage_to_collector, "/api/v1/events"
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

/// Adds the index of the event in a batch.
fn placed(problem: Problem, index: Option<usize>) -> Problem {
    match index {
        Some(index) => problem.index(i64::try_from(index).unwrap_or(i64::MAX)),
        None => problem,
    }
}
