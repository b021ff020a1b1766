//! The rest of the log as NDJSON.

use std::io;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use bytes::Bytes;
use futures::stream::try_unfold;
use ledger_core::Seq;
use ledger_projections::log::EventView;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::NDJSON;
use crate::limits::STREAM_PAGE;
use crate::openapi::schema::text;
use crate::routes::log_reader::LogReader;

/// How the rest of the log is documented.
#[derive(Debug)]
pub struct EventLines;

impl PartialSchema for EventLines {
    fn schema() -> RefOr<Schema> {
        let says = "An event a line, each as in the JSON page.";
        text(0, usize::MAX >> 1)
            .description(Some(says))
            .max_length(None)
            .into()
    }
}

impl ToSchema for EventLines {}

/// The events up to `end`. A page is read when the one before has been sent.
pub(super) fn lines(log: LogReader, end: Seq) -> impl IntoResponse {
    let pages = try_unfold(log, move |mut log| async move {
        let left = end.0 - log.after.0;
        if left <= 0 {
            return io::Result::Ok(None);
        }
        // Too late for another status: the body breaks off.
        let events = log.next_page(left.min(STREAM_PAGE)).await;
        let events = events.map_err(|_| io::Error::other("the log could not be read"))?;
        if events.is_empty() {
            return Ok(None);
        }
        Ok(Some((page(&events)?, log)))
    });
    ([(CONTENT_TYPE, NDJSON)], Body::from_stream(pages))
}

fn page(events: &[EventView]) -> io::Result<Bytes> {
    let mut bytes = Vec::with_capacity(events.len() * 512);
    for event in events {
        serde_json::to_writer(&mut bytes, event)?;
        bytes.push(b'\n');
    }
    Ok(bytes.into())
}
