//! Departments: opening, reads, closing.

mod answers;
mod bodies;
pub mod read;

use axum::extract::State;
use ledger_core::DepartmentId;

use crate::auth::Allowed;
use crate::command::RequestMeta;
use crate::http::{DepartmentPath, IdempotencyKey, Json, Path, SchoolPath, Written};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::AppState;
use answers::{DepartmentClosedAnswer, DepartmentOpenedAnswer};
use bodies::OpenBody;
use ledger_auth::Administer;

problems!(OpenProblems: DepartmentExists, PlanRequired);
problems!(CloseProblems: DepartmentNotFound, DepartmentNotEmpty);

/// Opens a department without allocations and members. Requires a plan with advanced management.
///
/// Without a `department_id` the id is derived from the Idempotency-Key, so that a retry finds the
/// department.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/departments",
    tag = "departments",
    params(SchoolPath, IdempotencyKey),
    request_body = OpenBody,
    responses(
        (status = 201, description = "The department is open.", body = DepartmentOpenedAnswer,
            headers(("Location" = String, description = "The URL of the department."))),
        (status = 200, description = "It was opened before.", body = DepartmentOpenedAnswer),
        OpenProblems,
    ),
)]
pub async fn open_department(
    allowed: Allowed<Administer>,
    State(state): State<AppState>,
    meta: RequestMeta,
    Json(body): Json<OpenBody>,
) -> Result<Written<DepartmentOpenedAnswer>, Problem> {
    let (school, name) = (allowed.school, body.name.0.clone());
    let envelope = body.into_envelope(school, allowed.actor(), &meta)?;
    let receipt = state.submit(school, envelope).await?;
    let answer = answers::opened(name, &receipt)?;
    let id = answer.subject.department_id;
    let path = format!("/v1/schools/{school}/departments/{id}");
    Ok(Written::created(&receipt, answer).located(path))
}

/// Closes a department without members: unused units return to the pool, the history stays, and the
/// id is not reused.
#[utoipa::path(
    delete,
    path = "/v1/schools/{school}/departments/{department}",
    tag = "departments",
    params(DepartmentPath, IdempotencyKey),
    responses(
        (status = 200, description = "The department is closed.", body = DepartmentClosedAnswer),
        CloseProblems,
    ),
)]
pub async fn close_department(
    allowed: Allowed<Administer>,
    State(state): State<AppState>,
    Path(path): Path<DepartmentPath>,
    meta: RequestMeta,
) -> Result<Written<DepartmentClosedAnswer>, Problem> {
    let department_id = DepartmentId(path.department);
    let envelope = bodies::close(department_id, allowed.actor(), &meta)?;
    let receipt = state.submit(allowed.school, envelope).await?;
    let answer = answers::closed(department_id, &receipt);
    Ok(Written::ok(&receipt, answer))
}
