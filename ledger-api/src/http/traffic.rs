//! Metrics of requests: count and duration by method, route and status.

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

/// A cache of the recorder's series: the recorder's own look-up builds and hashes every label and
/// costs ten times as much. Its size is routes × methods × statuses, without schools or members.
type SeriesByRoute = HashMap<String, HashMap<(&'static str, StatusCode), Series>>;

static SERIES: LazyLock<RwLock<SeriesByRoute>> = LazyLock::new(RwLock::default);

/// The method as a label; `other` for non-standard ones.
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

/// Counts an answered request.
pub(super) fn count(method: &'static str, route: &str, status: StatusCode, took: Duration) {
    let series = cached(method, route, status).unwrap_or_else(|| register(method, route, status));
    series.requests.increment(1);
    series.seconds.record(took.as_secs_f64());
}

fn cached(method: &'static str, route: &str, status: StatusCode) -> Option<Series> {
    let series = SERIES.read().unwrap_or_else(PoisonError::into_inner);
    series.get(route)?.get(&(method, status)).cloned()
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
    let mut by_route = SERIES.write().unwrap_or_else(PoisonError::into_inner);
    by_route
        .entry(route.to_owned())
        .or_default()
        .insert((method, status), series.clone());
    series
}
