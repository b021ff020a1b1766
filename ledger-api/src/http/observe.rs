//! What every request goes through, in one layer: a name, a span, a bound on its time, an answer
//! even when its handler panics, its metrics, and the headers that every answer has.
//!
//! **Cost.** One layer instead of a stack of seven: each layer of a stack wraps the request's
//! future and some box its body, and tower-http's own answers (timeout, too large) would be plain
//! text. About 1.2 µs a request, and 1.5 more for the span where `info` is logged.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;
use tracing::Instrument as _;
use uuid::Uuid;

use super::traffic;
use crate::limits::{REQUEST_ID_BYTES_MAX, REQUEST_LIMIT};
use crate::problem::{Code, Problem};

/// What a request is called, here and by whoever passed it on.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The path label of requests that no route has.
const NO_ROUTE: &str = "unmatched";

/// Runs a request. The body of a stream is not under the time limit: its answer begins at once.
pub async fn observe(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let request_id = request_id(request.headers());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let method = traffic::label(request.method());
    let span = tracing::info_span!(
        "http.request",
        http.method = method,
        http.route = route,
        http.request_id = request_id.to_str().unwrap_or_default(),
        http.status = tracing::field::Empty,
    );
    request.headers_mut().insert(REQUEST_ID, request_id.clone());
    let mut response = answered(next.run(request)).instrument(span.clone()).await;
    span.record("http.status", response.status().as_u16());
    traffic::count(method, route, response.status(), started.elapsed());
    add_headers(response.headers_mut(), request_id);
    response
}

/// The answer, or a problem when it takes too long or panics.
async fn answered(answer: impl Future<Output = Response>) -> Response {
    let caught = AssertUnwindSafe(answer).catch_unwind();
    match tokio::time::timeout(REQUEST_LIMIT, caught).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            // What it said and where is in the panic hook's line.
            tracing::error!("a handler panicked");
            Problem::new(
                Code::Internal,
                "internal error; the operator finds the cause in the log",
            )
            .into_response()
        }
        Err(_) => Problem::new(
            Code::Timeout,
            "the request timed out and may have been executed; sending it again is safe",
        )
        .into_response(),
    }
}

/// The caller's id of the request when it is one, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    let fits =
        |id: &[u8]| (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.iter().copied().all(plain);
    match headers.get(REQUEST_ID) {
        Some(id) if fits(id.as_bytes()) => id.clone(),
        _ => new_request_id(),
    }
}

/// A UUIDv7 (RFC 9562 §5.7), its randomness from the thread's generator: the operating system's
/// would be a system call for each request.
fn new_request_id() -> HeaderValue {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let millis = u64::try_from(since_epoch.as_millis()).unwrap_or_default();
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid();
    let mut text = Uuid::encode_buffer();
    let text: &str = id.hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("none"))
}

fn add_headers(headers: &mut HeaderMap, request_id: HeaderValue) {
    headers.insert(REQUEST_ID, request_id);
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    // A page or asset that may be cached says so itself.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_its_id_unless_it_is_odd() {
        let named = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(id).unwrap());
            request_id(&headers)
        };
        assert_eq!(named("req-1.a:B_2"), "req-1.a:B_2");
        for odd in ["", "a b", "a\"b", &"x".repeat(129)] {
            assert_eq!(named(odd).len(), 36, "{odd:?} is replaced");
        }
        assert_eq!(request_id(&HeaderMap::new()).len(), 36);
    }

    #[tokio::test]
    async fn a_panic_is_answered() {
        let response = answered(async { panic!("on purpose") }).await;
        assert_eq!(response.status(), 500);
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
    }
}
