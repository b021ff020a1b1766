//! The log as a live stream of server-sent events.
//!
//! **Shape.** A follower reads pages after its last event until there are no more, then waits for
//! this process's writer, or for a second, since other processes write as well. **Bounds.** One
//! page in memory for each of at most [`FOLLOWERS_MAX`] followers. **Ending.** The stream ends when
//! the process stops, the credential expires or the log cannot be read. The client reconnects with
//! `Last-Event-ID` and misses nothing.

use std::convert::Infallible;
use std::vec::IntoIter;

use axum::http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use axum::response::Sse;
use axum::response::sse::{Event as Message, KeepAlive};
use chrono::Utc;
use futures::Stream;
use futures::stream::unfold;
use ledger_core::{Seq, Timestamp};
use ledger_projections::log::EventView;
use serde::Deserialize;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;

use super::events::Event;
use super::log_reader::LogReader;
use crate::http::LastEventId;
use crate::limits::{FOLLOW_KEEP_ALIVE, FOLLOWERS_MAX, STREAM_PAGE};
use crate::problem::Code;
use crate::routes::prelude::*;
use crate::values::Position;
use ledger_auth::Authenticator;
use ledger_auth::permission::ReadLog;

static FOLLOWERS: Semaphore = Semaphore::const_new(FOLLOWERS_MAX);

/// The start of the stream.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct StreamQuery {
    /// The position to start after; `Last-Event-ID` has priority. Without both, from now on.
    #[param(value_type = Position, inline, required = false)]
    after: Option<Position>,
}

problems!(StreamProblems: Overloaded);

/// Streams the log live, as server-sent events.
///
/// The `id` is the event's position, the `event` its type, and the `data` the event in the form of
/// the JSON page. The stream starts after `Last-Event-ID`, which browsers send when they reconnect.
#[utoipa::path(get, path = "/v1/schools/{school}/stream", responses(StreamProblems))]
pub async fn follow_events(
    caller: Caller<Allowed<ReadLog>>,
    LastEventId(last): LastEventId,
    headers: HeaderMap,
    Query(query): Query<StreamQuery>,
) -> Result<Sse<impl Stream<Item = Result<Message, Infallible>>>, Problem> {
    let permit = FOLLOWERS
        .try_acquire()
        .map_err(|_| Problem::new(Code::Overloaded, "too many live readers").retry_after(5))?;
    let mut log = LogReader::new(&caller, Seq::ZERO);
    let head = log.head().await?;
    log.after = last.or(query.after).map_or(head, |position| position.0);
    let follower = Follower {
        log,
        page: Vec::new().into_iter(),
        authenticator: caller.state.authenticator.clone(),
        authorization: headers.get(AUTHORIZATION).cloned(),
        draining: caller.state.draining.clone(),
        _permit: permit,
    };
    let events = unfold(follower, |mut follower| async {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(FOLLOW_KEEP_ALIVE)))
}

/// An open stream.
struct Follower {
    log: LogReader,
    page: IntoIter<EventView>,
    authenticator: Authenticator,
    authorization: Option<HeaderValue>,
    draining: CancellationToken,
    _permit: SemaphorePermit<'static>,
}

impl Follower {
    /// The next message; none when the stream ends.
    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(event) = self.page.next() {
                return message(event);
            }
            if !self.may_continue().await {
                return None;
            }
            // The failure is logged, and answered when the client reconnects.
            self.page = self.log.next_page(STREAM_PAGE).await.ok()?.into_iter();
            if self.page.len() == 0 {
                tokio::select! {
                    () = self.draining.cancelled() => return None,
                    () = self.log.new_events() => {}
                }
            }
        }
    }

    /// Whether the process keeps running and the credential is still valid.
    async fn may_continue(&self) -> bool {
        let now = Timestamp::new(Utc::now());
        let authorization = self.authorization.as_ref().map(HeaderValue::as_bytes);
        !self.draining.is_cancelled()
            && self
                .authenticator
                .authenticate(authorization, now)
                .await
                .is_ok()
    }
}

fn message(event: EventView) -> Option<Message> {
    let event = Event::from(event);
    let message = Message::default()
        .id(event.seq().to_string())
        .event(event.kind());
    message
        .json_data(&event)
        .inspect_err(|error| tracing::error!(error = %error, "could not serialize an event"))
        .ok()
}
