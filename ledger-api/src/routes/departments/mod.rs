//! Departments: opening, reads, closing.

mod answers;
mod bodies;
pub mod read;

use ledger_core::DepartmentId;

use crate::routes::prelude::*;
use answers::{DepartmentClosedAnswer, DepartmentOpenedAnswer};
use bodies::OpenBody;
use ledger_auth::permission::Administer;

problems!(OpenProblems: DepartmentExists, PlanRequired);
problems!(CloseProblems: DepartmentNotFound, DepartmentNotEmpty);

/// Opens a department without allocations and members. Requires a plan with advanced management.
///
/// Without a `department_id` the id is derived from the Idempotency-Key, so that a retry finds the
/// department.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/departments",
    responses(OpenProblems)
)]
pub async fn open_department(
    issuer: Issuer<Allowed<Administer>>,
    Json(body): Json<OpenBody>,
) -> Result<Located<Created<DepartmentOpenedAnswer>>, Problem> {
    let (school, name) = (issuer.school(), body.name.0.clone());
    let envelope = body.into_envelope(school, &issuer.origin)?;
    let receipt = issuer.submit(envelope).await?;
    let answer = answers::opened(name, &receipt)?;
    let url = format!(
        "/v1/schools/{school}/departments/{}",
        answer.subject.department_id
    );
    Ok(Located(url, Created::new(&receipt, answer)))
}

/// Closes a department without members: unused units return to the pool, the history stays, and the
/// id is not reused.
#[utoipa::path(
    delete,
    path = "/v1/schools/{school}/departments/{department}",
    responses(CloseProblems)
)]
pub async fn close_department(
    issuer: Issuer<Allowed<Administer>>,
    Path(path): Path<DepartmentPath>,
) -> Result<Written<DepartmentClosedAnswer>, Problem> {
    let department_id = DepartmentId(path.department);
    let envelope = bodies::close(department_id, &issuer.origin)?;
    let receipt = issuer.submit(envelope).await?;
    let answer = answers::closed(department_id, &receipt);
    Ok(Written::new(&receipt, answer))
}
