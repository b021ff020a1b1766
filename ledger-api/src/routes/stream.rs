//! The log, followed live: server-sent events.
//!
//! **Shape.** A follower reads pages after his last event until there are no more, then waits to
//! be woken by this process's writer, or for a second to pass, since other processes write too.
//! **Bounds.** A page in memory for each follower, [`FOLLOWERS_MAX`] of them. **Ending.** With the
//! process, with the credential, or when the log cannot be read: whoever follows comes back with
//! `Last-Event-ID` and misses nothing.

use std::convert::Infallible;
use std::vec::IntoIter;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use chrono::Utc;
use futures::Stream;
use futures::stream::unfold;
use ledger_core::{Seq, Timestamp};
use ledger_projections::log::EventView;
use serde::Deserialize;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;

use super::log_reader::LogReader;
use crate::auth::Allowed;
use crate::http::{LastEventId, Query, SchoolPath};
use crate::limits::{FOLLOW_KEEP_ALIVE, FOLLOWERS_MAX, STREAM_PAGE};
use crate::openapi::problems;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use crate::values::Position;
use ledger_auth::{Authenticator, ReadLog};

static FOLLOWERS: Semaphore = Semaphore::const_new(FOLLOWERS_MAX);

/// From where on to follow.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct StreamQuery {
    /// From after this position on; `Last-Event-ID` goes before it. Without either, from now on.
    #[param(value_type = Position, inline, required = false)]
    after: Option<Position>,
}

problems!(StreamProblems: Overloaded);

/// Follows the log live, as server-sent events.
///
/// Each has the event's position as its `id`, its type as its `event`, and as its `data` the event
/// as in the JSON page. It begins after `Last-Event-ID`, which browsers send by themselves.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/stream",
    tag = "log",
    params(SchoolPath, StreamQuery, LastEventId),
    responses(
        (status = 200, description = "The events, as they come about.", body = String,
            content_type = "text/event-stream"),
        StreamProblems,
    ),
)]
pub async fn follow_events(
    allowed: Allowed<ReadLog>,
    State(state): State<AppState>,
    LastEventId(last): LastEventId,
    headers: HeaderMap,
    Query(query): Query<StreamQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let place = FOLLOWERS
        .try_acquire()
        .map_err(|_| Problem::new(Code::Overloaded, "too many live readers").retry_after(5))?;
    let mut log = LogReader::new(&state.database, &state.wakes, allowed.viewer(), Seq::ZERO);
    let head = log.head().await?;
    log.after = last.or(query.after).map_or(head, |position| position.0);
    let follower = Follower {
        log,
        page: Vec::new().into_iter(),
        authenticator: state.authenticator.clone(),
        authorization: headers.get(AUTHORIZATION).cloned(),
        draining: state.draining.clone(),
        _place: place,
    };
    let events = unfold(follower, |mut follower| async {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(FOLLOW_KEEP_ALIVE)))
}

/// Somebody who follows the log.
struct Follower {
    log: LogReader,
    page: IntoIter<EventView>,
    authenticator: Authenticator,
    authorization: Option<HeaderValue>,
    draining: CancellationToken,
    _place: SemaphorePermit<'static>,
}

impl Follower {
    /// The next event; none when he is to follow no more.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.page.next() {
                return message(&event);
            }
            if !self.is_welcome().await {
                return None;
            }
            // What went wrong is in the log of the process: he comes back and is told.
            self.page = self.log.next_page(STREAM_PAGE).await.ok()?.into_iter();
            if self.page.len() == 0 {
                tokio::select! {
                    () = self.draining.cancelled() => return None,
                    () = self.log.news() => {}
                }
            }
        }
    }

    /// Whether the process goes on and his credential is still good.
    async fn is_welcome(&self) -> bool {
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

fn message(event: &EventView) -> Option<Event> {
    let message = Event::default().id(event.seq.to_string()).event(event.kind);
    message
        .json_data(event)
        .inspect_err(|error| tracing::error!(error = %error, "an event cannot be written"))
        .ok()
}
