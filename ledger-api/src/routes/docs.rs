//! The description of the API: `openapi.json`, and pages that display it without loading anything
//! from other hosts.

use std::sync::{Arc, LazyLock, OnceLock};

use axum::Extension;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::Config;

use crate::http::Path;
use crate::problem::{Code, Problem};

/// Returns the description; the router, which has it, adds this to each request.
#[derive(Clone, Copy)]
pub struct Document(pub fn() -> OpenApi);

static JSON: OnceLock<Bytes> = OnceLock::new();

/// Allows the pages' own scripts and styles, and inline styles and images.
const PAGE_POLICY: (HeaderName, &str) = (
    header::CONTENT_SECURITY_POLICY,
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     frame-ancestors 'none'",
);

/// Returns the description of this API (OpenAPI 3.1).
#[utoipa::path(
    get,
    path = "/openapi.json",
    security(()),
    responses((status = 200, description = "The description.", body = Object)),
)]
pub async fn openapi_json(Extension(Document(document)): Extension<Document>) -> Response {
    let json = JSON.get_or_init(|| {
        serde_json::to_vec(&document())
            .unwrap_or_else(|error| unreachable!("the document is plain JSON: {error}"))
            .into()
    });
    ([(header::CONTENT_TYPE, "application/json")], json.clone()).into_response()
}

/// Redirects to the pages.
pub async fn front() -> Redirect {
    Redirect::permanent("/docs/")
}

/// Returns the first page.
pub async fn index() -> Result<Response, Problem> {
    page("")
}

/// Returns a file of the pages.
pub async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    page(&name)
}

fn page(name: &str) -> Result<Response, Problem> {
    static CONFIG: LazyLock<Arc<Config<'static>>> =
        LazyLock::new(|| Arc::new(Config::from("/openapi.json")));
    let file = utoipa_swagger_ui::serve(name, Arc::clone(&CONFIG)).map_err(|error| {
        tracing::error!(
            error = &*error as &dyn std::error::Error,
            "a page of /docs failed"
        );
        Problem::internal()
    })?;
    let file = file.ok_or_else(|| Problem::new(Code::NotFound, "/docs has no such page"))?;
    let headers = [(header::CONTENT_TYPE, file.content_type)];
    Ok((headers, [PAGE_POLICY], file.bytes).into_response())
}
