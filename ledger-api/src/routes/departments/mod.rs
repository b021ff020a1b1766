//! Departments: they are opened, read, and ended once nobody is in them.

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
use answers::{ClosedAnswer, OpenedAnswer};
use bodies::{OpenBody, close};
use ledger_auth::Administer;

problems!(OpenProblems: DepartmentExists, PlanRequired);
problems!(CloseProblems: DepartmentNotFound, DepartmentNotEmpty);

/// Opens a department: it holds nothing yet, and nobody is in it. Needs a plan with advanced
/// management.
///
/// Without a `department_id` the id follows from the Idempotency-Key, so that sending the request
/// again finds the department that it made.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/departments",
    tag = "departments",
    params(SchoolPath, IdempotencyKey),
    request_body = OpenBody,
    responses(
        (status = 201, description = "The department is open.", body = OpenedAnswer,
            headers(("Location" = String, description = "Where the department is read."))),
        (status = 200, description = "It was opened before.", body = OpenedAnswer),
        OpenProblems,
    ),
)]
pub async fn open_department(
    allowed: Allowed<Administer>,
    State(state): State<AppState>,
    meta: RequestMeta,
    Json(body): Json<OpenBody>,
) -> Result<Written<OpenedAnswer>, Problem> {
    let name = body.name.0.clone();
    let envelope = body.into_envelope(allowed.school, allowed.actor(), &meta)?;
    let receipt = state.submit(allowed.school, envelope).await?;
    let answer = OpenedAnswer::of(name, &receipt)?;
    let path = format!(
        "/v1/schools/{}/departments/{}",
        allowed.school, answer.department_id
    );
    Ok(Written::created(&receipt, answer).located(path))
}

/// Ends a department that nobody is in any more: what it did not use returns to the pool, its
/// history stays, and so does its id, which no other gets.
#[utoipa::path(
    delete,
    path = "/v1/schools/{school}/departments/{department}",
    tag = "departments",
    params(DepartmentPath, IdempotencyKey),
    responses(
        (status = 200, description = "The department has ended.", body = ClosedAnswer),
        CloseProblems,
    ),
)]
pub async fn close_department(
    allowed: Allowed<Administer>,
    State(state): State<AppState>,
    Path(path): Path<DepartmentPath>,
    meta: RequestMeta,
) -> Result<Written<ClosedAnswer>, Problem> {
    let department_id = DepartmentId(path.department);
    let envelope = close(department_id, allowed.actor(), &meta)?;
    let receipt = state.submit(allowed.school, envelope).await?;
    Ok(Written::ok(
        &receipt,
        ClosedAnswer::of(department_id, &receipt),
    ))
}
