//! Reads of the log, as a page of JSON or all of its rest as NDJSON.

use std::io;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream::try_unfold;
use ledger_core::Seq;
use ledger_projections::log::EventView;

use super::answers::{Event, EventsAnswer};
use crate::http::preferred;
use crate::limits::{FRESHNESS_LIMIT, PAGE_MAX, STREAM_PAGE};
use crate::routes::log_reader::LogReader;
use crate::routes::prelude::*;
use crate::values::Position;
use crate::values::schema::{has_schema, text};
use ledger_auth::permission::ReadLog;

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

query! {
    /// The events to read.
    EventsQuery {
        /// Only events after this position; all if not given.
        after: Position,
        /// The maximum number of events; by default 1,000 as JSON and all as NDJSON.
        limit: PageLimit,
    }
}

problems!(EventsProblems: NotAcceptable);

/// Reads the log, oldest first.
///
/// With `Accept: application/x-ndjson` each line is an event, up to the end of the log at the time
/// of the request. A complete answer ends with a line feed.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/events",
    responses(
        (status = 200, description = "The events.", content(
            (EventsAnswer = "application/json"),
            (EventLines = "application/x-ndjson"),
        )),
        EventsProblems,
    ),
)]
pub async fn list_events(
    caller: Caller<Allowed<ReadLog>>,
    headers: HeaderMap,
    Query(query): Query<EventsQuery>,
) -> Result<Response, Problem> {
    let format = preferred(&headers, &[JSON, NDJSON])?;
    let after = query.after.unwrap_or_default().0;
    let min_seq = query.min_seq.unwrap_or_default().0;
    let limit = query.limit.map(|limit| i64::from(limit.0));
    let mut log = LogReader::new(&caller, after);
    let head = log.reach(min_seq, FRESHNESS_LIMIT).await?;
    if format == NDJSON {
        let end = limit.map_or(head, |limit| head.min(Seq(after.0.saturating_add(limit))));
        return Ok(lines(log, end).into_response());
    }
    let events = log.next_page(limit.unwrap_or(PAGE_MAX)).await?;
    let answer = EventsAnswer {
        events: events.into_iter().map(Event::from).collect(),
        next_after: log.after.into(),
    };
    Ok(axum::Json(answer).into_response())
}

/// The schema of the events as NDJSON.
#[derive(Debug)]
pub struct EventLines;

has_schema!(
    EventLines = text(0, usize::MAX >> 1)
        .description(Some("One event per line, in the form of the JSON page."))
        .max_length(None)
);

/// The events up to `end`, each page read after the previous one was sent.
fn lines(log: LogReader, end: Seq) -> impl IntoResponse {
    let pages = try_unfold(log, move |mut log| async move {
        let left = end.0 - log.after.0;
        if left <= 0 {
            return io::Result::Ok(None);
        }
        // The status is sent already: a failure breaks off the body.
        let events = log.next_page(left.min(STREAM_PAGE)).await;
        let events = events.map_err(|_| io::Error::other("the log could not be read"))?;
        if events.is_empty() {
            return Ok(None);
        }
        Ok(Some((page(events)?, log)))
    });
    ([(CONTENT_TYPE, NDJSON)], Body::from_stream(pages))
}

fn page(events: Vec<EventView>) -> io::Result<Bytes> {
    let mut bytes = Vec::with_capacity(events.len() * 512);
    for event in events {
        serde_json::to_writer(&mut bytes, &Event::from(event))?;
        bytes.push(b'\n');
    }
    Ok(bytes.into())
}
