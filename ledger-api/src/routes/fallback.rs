//! What is answered where there is no route.

use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::problem::{Code, Problem};

/// The path has no route.
pub async fn not_found() -> Problem {
    Problem::new(
        Code::NotFound,
        "the path does not exist; /openapi.json lists all paths",
    )
}

/// The path has routes, but not of this method; the router adds which. `OPTIONS` asks just that.
pub async fn method_not_allowed(method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    Problem::new(
        Code::MethodNotAllowed,
        "the Allow header lists the supported methods",
    )
    .into_response()
}
