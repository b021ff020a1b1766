//! Allocations: what a member or a department holds of a service is set, alone, with many others or
//! from a table.

pub mod batch;
mod batch_answer;
mod batch_body;
pub mod csv;
mod csv_body;
mod set;

use axum::extract::State;
use ledger_core::{DepartmentId, MemberId};

use crate::auth::Allowed;
use crate::command::RequestMeta;
use crate::http::{AllocationPath, DepartmentAllocationPath, IdempotencyKey, Json, Path, Written};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::AppState;
use ledger_auth::Allocate;
use set::{AllocationAnswer, AllocationBody, AllocationDocument};

problems!(
    AllocationProblems: MemberNotFound, PlanRequired, UnknownService, AmountOutOfRange,
    PoolExceeded, MemberCapExceeded, AllocationBelowUsage,
);
problems!(
    DepartmentAllocationProblems: DepartmentNotFound, PlanRequired, UnknownService,
    AmountOutOfRange, PoolExceeded, TotalBelowAllocated,
);

/// Sets what a member holds of a service: the units, the terms, or both. What is not named stays.
#[utoipa::path(
    put,
    path = "/v1/schools/{school}/members/{member}/allocations/{service}",
    tag = "allocations",
    params(AllocationPath, IdempotencyKey),
    request_body = AllocationDocument,
    responses(
        (status = 200, description = "What the member holds.", body = AllocationAnswer),
        AllocationProblems,
    ),
)]
pub async fn set_allocation(
    allowed: Allowed<Allocate>,
    State(state): State<AppState>,
    Path(path): Path<AllocationPath>,
    meta: RequestMeta,
    Json(body): Json<AllocationBody>,
) -> Result<Written<AllocationAnswer>, Problem> {
    let holder = (MemberId(path.member).into(), path.service);
    let envelope = body.into_envelope(holder, allowed.actor(), &meta)?;
    let receipt = state.submit(allowed.school, envelope).await?;
    Ok(Written::ok(&receipt, AllocationAnswer::of(&receipt)?))
}

/// Sets what a department holds of a service: the units, the terms, or both. What is not named
/// stays. It comes out of the pool, and what the department's members hold out of it.
#[utoipa::path(
    put,
    path = "/v1/schools/{school}/departments/{department}/allocations/{service}",
    tag = "allocations",
    params(DepartmentAllocationPath, IdempotencyKey),
    request_body = AllocationDocument,
    responses(
        (status = 200, description = "What the department holds.", body = AllocationAnswer),
        DepartmentAllocationProblems,
    ),
)]
pub async fn set_department_allocation(
    allowed: Allowed<Allocate>,
    State(state): State<AppState>,
    Path(path): Path<DepartmentAllocationPath>,
    meta: RequestMeta,
    Json(body): Json<AllocationBody>,
) -> Result<Written<AllocationAnswer>, Problem> {
    let holder = (DepartmentId(path.department).into(), path.service);
    let envelope = body.into_envelope(holder, allowed.actor(), &meta)?;
    let receipt = state.submit(allowed.school, envelope).await?;
    Ok(Written::ok(&receipt, AllocationAnswer::of(&receipt)?))
}
