//! Liveness, readiness and metrics, for the operator's tools.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::limits::READY_LIMIT;
use crate::openapi::problems;
use crate::problem::{Code, Problem};
use crate::state::AppState;

/// The condition of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The process answers.
    Alive,
    /// The process can accept commands.
    Ready,
}

/// The answer to a probe.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Health {
    status: Condition,
}

/// Reports that the process is alive.
#[utoipa::path(get, path = "/healthz", security(()))]
pub async fn healthz() -> axum::Json<Health> {
    axum::Json(Health {
        status: Condition::Alive,
    })
}

problems!(NotReady: Unavailable);

/// Reports whether the process can accept a debit: the database answers the writer within a second
/// and has every migration, and the process is not stopping.
#[utoipa::path(get, path = "/readyz", security(()), responses(NotReady))]
pub async fn readyz(State(state): State<AppState>) -> Result<axum::Json<Health>, Problem> {
    let not_ready = |detail: &str| Problem::new(Code::Unavailable, detail).retry_after(1);
    if state.draining.is_cancelled() {
        return Err(not_ready("this process is stopping"));
    }
    match tokio::time::timeout(READY_LIMIT, state.database.ready()).await {
        Ok(Ok(())) => Ok(axum::Json(Health {
            status: Condition::Ready,
        })),
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not ready");
            Err(not_ready(
                "the database does not answer, or lacks a migration",
            ))
        }
        Err(_) => Err(not_ready("the database does not answer within a second")),
    }
}

/// Returns the metrics of the process in the Prometheus text format.
#[utoipa::path(
    get,
    path = "/metrics",
    security(()),
    responses((
        status = 200, description = "The metrics.", body = String, content_type = "text/plain",
    )),
)]
pub async fn metrics(State(state): State<AppState>) -> Response {
    let media_type = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (media_type, state.metrics.render()).into_response()
}
