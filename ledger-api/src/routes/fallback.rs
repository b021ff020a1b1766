//! What is answered where there is no route.

use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::problem::{Code, Problem};

/// The path has no route.
pub async fn not_found() -> Problem {
    Problem::new(
        Code::NotFound,
        "no resource has this path; /openapi.json lists those that there are",
    )
}

/// The path has routes, but not of this method; the router adds which. `OPTIONS` asks just that.
pub async fn method_not_allowed(method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    Problem::new(
        Code::MethodNotAllowed,
        "the Allow header lists the methods of this path",
    )
    .into_response()
}
