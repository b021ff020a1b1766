//! Members: enrolment, role and department, suspension, removal, erasure.

mod answers;
mod bodies;
pub mod read;

use axum::extract::State;
use ledger_core::MemberId;
use ledger_core::school::MemberStatus;

use crate::auth::Allowed;
use crate::command::RequestMeta;
use crate::http::{IdempotencyKey, Json, MemberPath, Path, SchoolPath, Written};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::AppState;
use answers::{EnrolledAnswer, ErasedAnswer, MemberChangedAnswer, RemovedAnswer, StatusAnswer};
use bodies::{ChangeBody, ChangeSchema, EnrolBody, EraseBody, StatusBody};
use ledger_auth::{Administer, Allocate, Erase};

problems!(
    EnrolProblems: MemberExists, ExternalIdTaken, IndividualIsOneMember, DepartmentNotFound,
    PlanRequired, PoolExceeded, AmountOutOfRange,
);
problems!(MemberProblems: MemberNotFound);
problems!(
    ChangeProblems: MemberNotFound, DepartmentNotFound, PlanRequired, PoolExceeded,
    AmountOutOfRange,
);

/// Enrols a member. A teacher receives the school's default grant, as far as the department or the
/// pool has units.
///
/// Without a `member_id` the id is derived from the Idempotency-Key, so that a retry finds the
/// member.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/members",
    tag = "members",
    params(SchoolPath, IdempotencyKey),
    request_body = EnrolBody,
    responses(
        (status = 201, description = "The member is enrolled.", body = EnrolledAnswer,
            headers(("Location" = String, description = "The URL of the member."))),
        (status = 200, description = "The member was enrolled before.", body = EnrolledAnswer),
        EnrolProblems,
    ),
)]
pub async fn enrol_member(
    allowed: Allowed<Administer>,
    State(state): State<AppState>,
    meta: RequestMeta,
    Json(body): Json<EnrolBody>,
) -> Result<Written<EnrolledAnswer>, Problem> {
    let (school, department_id) = (allowed.school, body.department_id);
    let envelope = body.into_envelope(school, allowed.actor(), &meta)?;
    let receipt = state.submit(school, envelope).await?;
    let answer = answers::enrolled(department_id, &receipt)?;
    let path = format!("/v1/schools/{school}/members/{}", answer.subject.member_id);
    Ok(Written::created(&receipt, answer).located(path))
}

/// Changes a member's role or department, one at a time.
///
/// A member moves with all allocations, which the new department, or the pool, must be able to
/// fund.
#[utoipa::path(
    patch,
    path = "/v1/schools/{school}/members/{member}",
    tag = "members",
    params(MemberPath, IdempotencyKey),
    request_body = ChangeSchema,
    responses(
        (status = 200, description = "The new role or department.", body = MemberChangedAnswer),
        ChangeProblems,
    ),
)]
pub async fn change_member(
    allowed: Allowed<Administer>,
    State(state): State<AppState>,
    Path(path): Path<MemberPath>,
    meta: RequestMeta,
    Json(body): Json<ChangeBody>,
) -> Result<Written<MemberChangedAnswer>, Problem> {
    let (member_id, change) = (MemberId(path.member), body.change()?);
    let envelope = body.into_envelope(member_id, allowed.actor(), &meta)?;
    let receipt = state.submit(allowed.school, envelope).await?;
    let answer = answers::changed(member_id, change, &receipt);
    Ok(Written::ok(&receipt, answer))
}

/// Removes a member: unused units return to the pool or the department, the history stays.
///
/// Removing a member twice is not an error and changes nothing.
#[utoipa::path(
    delete,
    path = "/v1/schools/{school}/members/{member}",
    tag = "members",
    params(MemberPath, IdempotencyKey),
    responses(
        (status = 200, description = "The member is removed.", body = RemovedAnswer),
        MemberProblems,
    ),
)]
pub async fn remove_member(
    allowed: Allowed<Administer>,
    State(state): State<AppState>,
    Path(path): Path<MemberPath>,
    meta: RequestMeta,
) -> Result<Written<RemovedAnswer>, Problem> {
    let member_id = MemberId(path.member);
    let envelope = bodies::remove(member_id, allowed.actor(), &meta)?;
    let receipt = state.submit(allowed.school, envelope).await?;
    Ok(Written::ok(&receipt, answers::removed(member_id, &receipt)))
}

/// Erases the personal data of a person: name, e-mail address, external ids, and the free texts
/// that they wrote or that are about them.
///
/// Events, numbers and proofs stay, under the opaque member id. An erasure cannot be undone. It
/// does not remove the member, and can be repeated when new texts were written.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/members/{member}/erase",
    tag = "members",
    params(MemberPath, IdempotencyKey),
    request_body = Option<EraseBody>,
    responses(
        (status = 200, description = "The person is erased.", body = ErasedAnswer),
        MemberProblems,
    ),
)]
pub async fn erase_member(
    allowed: Allowed<Erase>,
    State(state): State<AppState>,
    Path(path): Path<MemberPath>,
    meta: RequestMeta,
    body: Option<Json<EraseBody>>,
) -> Result<Written<ErasedAnswer>, Problem> {
    let Json(body) = body.unwrap_or_default();
    let member_id = MemberId(path.member);
    let envelope = body.into_envelope(member_id, allowed.actor(), &meta)?;
    let receipt = state.submit(allowed.school, envelope).await?;
    Ok(Written::ok(&receipt, answers::erased(member_id, &receipt)))
}

problems!(StatusProblems: MemberNotFound, PlanRequired);

/// Suspends a member: new debits and holds are refused at once. The member keeps all allocations,
/// and calls in flight can be settled.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/members/{member}/suspend",
    tag = "allocations",
    params(MemberPath, IdempotencyKey),
    request_body = StatusBody,
    responses(
        (status = 200, description = "The member is suspended.", body = StatusAnswer),
        StatusProblems,
    ),
)]
pub async fn suspend_member(
    allowed: Allowed<Allocate>,
    State(state): State<AppState>,
    Path(path): Path<MemberPath>,
    meta: RequestMeta,
    Json(body): Json<StatusBody>,
) -> Result<Written<StatusAnswer>, Problem> {
    set_status(
        &state,
        &allowed,
        path,
        &meta,
        (body, MemberStatus::Suspended),
    )
    .await
}

/// Reactivates a suspended member.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/members/{member}/reactivate",
    tag = "allocations",
    params(MemberPath, IdempotencyKey),
    request_body = StatusBody,
    responses(
        (status = 200, description = "The member is active.", body = StatusAnswer),
        StatusProblems,
    ),
)]
pub async fn reactivate_member(
    allowed: Allowed<Allocate>,
    State(state): State<AppState>,
    Path(path): Path<MemberPath>,
    meta: RequestMeta,
    Json(body): Json<StatusBody>,
) -> Result<Written<StatusAnswer>, Problem> {
    set_status(&state, &allowed, path, &meta, (body, MemberStatus::Active)).await
}

async fn set_status(
    state: &AppState,
    allowed: &Allowed<Allocate>,
    path: MemberPath,
    meta: &RequestMeta,
    (body, status): (StatusBody, MemberStatus),
) -> Result<Written<StatusAnswer>, Problem> {
    let member_id = MemberId(path.member);
    let envelope = body.into_envelope(member_id, status, allowed.actor(), meta)?;
    let receipt = state.submit(allowed.school, envelope).await?;
    let answer = answers::status(member_id, status, &receipt);
    Ok(Written::ok(&receipt, answer))
}
