//! The log: a page of it, or the whole rest.

mod documents;
mod lines;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use ledger_core::Seq;
use ledger_projections::log::EventView;
use serde::Serialize;
use utoipa::ToSchema;

use super::log_reader::LogReader;
use crate::auth::Allowed;
use crate::http::{PageLimit, Query, SchoolPath, preferred, query};
use crate::limits::{FRESHNESS_LIMIT, PAGE_MAX};
use crate::openapi::{problems, schema};
use crate::problem::Problem;
use crate::state::AppState;
use crate::values::Position;
use ledger_auth::ReadLog;
use lines::{EventLines, lines};

pub use documents::EventDocument;

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

query! {
    /// Which events to read.
    EventsQuery {
        /// Those after this position; all from the first on when not given.
        after: Position,
        /// At most so many. When not given, 1,000 as JSON, and the whole rest as NDJSON.
        limit: PageLimit,
    }
}

/// Events, oldest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventsAnswer {
    /// The events.
    #[schema(value_type = Vec<EventDocument>)]
    events: Vec<EventView>,
    /// The `after` of the next page. When there were no events, it is the one that was asked for.
    #[schema(value_type = schema::Seq)]
    next_after: Seq,
}

problems!(EventsProblems: NotAcceptable);

/// Reads the log, oldest first.
///
/// With `Accept: application/x-ndjson` an event is a line, and the whole rest is sent, up to where
/// the log ended when it was asked for. It ends with a line feed; one that breaks off is not whole.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/events",
    tag = "log",
    params(SchoolPath, EventsQuery),
    responses(
        (status = 200, description = "The events.", content(
            (EventsAnswer = "application/json"),
            (EventLines = "application/x-ndjson"),
        )),
        EventsProblems,
    ),
)]
pub async fn list_events(
    allowed: Allowed<ReadLog>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Query(query): Query<EventsQuery>,
) -> Result<Response, Problem> {
    let format = preferred(&headers, &[JSON, NDJSON])?;
    let after = query.after.map_or(Seq::ZERO, |after| after.0);
    let min_seq = query.min_seq.map_or(Seq::ZERO, |min_seq| min_seq.0);
    let limit = query.limit.map(|limit| i64::from(limit.0));
    let mut log = LogReader::new(&state.database, &state.wakes, allowed.viewer(), after);
    let head = log.reach(min_seq, FRESHNESS_LIMIT).await?;
    if format == NDJSON {
        let end = limit.map_or(head, |limit| head.min(Seq(after.0.saturating_add(limit))));
        return Ok(lines(log, end).into_response());
    }
    let events = log.next_page(limit.unwrap_or(PAGE_MAX)).await?;
    let next_after = log.after;
    Ok(axum::Json(EventsAnswer { events, next_after }).into_response())
}
