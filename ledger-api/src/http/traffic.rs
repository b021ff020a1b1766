//! How many requests of each kind there are, and how long they take.

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use metrics::{Counter, Histogram};

/// The series of one method, route and status.
#[derive(Clone)]
struct Series {
    requests: Counter,
    seconds: Histogram,
}

/// Looking a series up in the recorder costs ten times as much as here: it builds and hashes every
/// label. There are as many as routes × methods × statuses, never one by school or member.
type Known = HashMap<String, HashMap<(&'static str, StatusCode), Series>>;

static KNOWN: LazyLock<RwLock<Known>> = LazyLock::new(RwLock::default);

/// The method as a label; what HTTP does not define is one of many.
pub(super) const fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Counts a request that was answered.
pub(super) fn count(method: &'static str, route: &str, status: StatusCode, took: Duration) {
    let series = known(method, route, status).unwrap_or_else(|| register(method, route, status));
    series.requests.increment(1);
    series.seconds.record(took.as_secs_f64());
}

fn known(method: &'static str, route: &str, status: StatusCode) -> Option<Series> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    known.get(route)?.get(&(method, status)).cloned()
}

fn register(method: &'static str, route: &str, status: StatusCode) -> Series {
    let labels = [
        ("method", method.to_owned()),
        ("path", route.to_owned()),
        ("status", status.as_str().to_owned()),
    ];
    let series = Series {
        requests: metrics::counter!("http_requests_total", &labels),
        seconds: metrics::histogram!("http_request_seconds", &labels),
    };
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known
        .entry(route.to_owned())
        .or_default()
        .insert((method, status), series.clone());
    series
}
