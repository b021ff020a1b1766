//! Members: they are enrolled, read, given another role, moved between departments, let go, and
//! erased.

mod answers;
mod bodies;
pub mod erase;
pub mod read;

use axum::extract::State;
use ledger_core::MemberId;

use crate::auth::Allowed;
use crate::command::RequestMeta;
use crate::http::{IdempotencyKey, Json, MemberPath, Path, SchoolPath, Written};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::AppState;
use answers::{ChangedAnswer, EnrolledAnswer, RemovedAnswer};
use bodies::{ChangeBody, ChangeDocument, EnrolBody, remove};
use ledger_auth::Administer;

problems!(
    EnrolProblems: MemberExists, ExternalIdTaken, IndividualIsOneMember, DepartmentNotFound,
    PlanRequired, PoolExceeded, AmountOutOfRange,
);
problems!(MemberProblems: MemberNotFound);
problems!(
    ChangeProblems: MemberNotFound, DepartmentNotFound, PlanRequired, PoolExceeded,
    AmountOutOfRange,
);

/// Lets a person into the school. A teacher comes with the school's default grant, as far as his
/// department or the pool reaches.
///
/// Without a `member_id` the id follows from the Idempotency-Key, so that sending the request
/// again finds the member that it made.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/members",
    tag = "members",
    params(SchoolPath, IdempotencyKey),
    request_body = EnrolBody,
    responses(
        (status = 201, description = "The member is enrolled.", body = EnrolledAnswer,
            headers(("Location" = String, description = "Where the member is read."))),
        (status = 200, description = "He was enrolled before.", body = EnrolledAnswer),
        EnrolProblems,
    ),
)]
pub async fn enrol_member(
    allowed: Allowed<Administer>,
    State(state): State<AppState>,
    meta: RequestMeta,
    Json(body): Json<EnrolBody>,
) -> Result<Written<EnrolledAnswer>, Problem> {
    let department_id = body.department_id;
    let envelope = body.into_envelope(allowed.school, allowed.actor(), &meta)?;
    let receipt = state.submit(allowed.school, envelope).await?;
    let answer = EnrolledAnswer::of(department_id, &receipt)?;
    let path = format!(
        "/v1/schools/{}/members/{}",
        allowed.school, answer.member_id
    );
    Ok(Written::created(&receipt, answer).located(path))
}

/// Gives a member another role, or moves him into a department or out of every one.
///
/// He moves with all that he holds: it comes out of the new department's allocation from then on,
/// which must have room for it, or out of the pool. Role and department change one at a time.
#[utoipa::path(
    patch,
    path = "/v1/schools/{school}/members/{member}",
    tag = "members",
    params(MemberPath, IdempotencyKey),
    request_body = ChangeDocument,
    responses(
        (status = 200, description = "The member's role or department.", body = ChangedAnswer),
        ChangeProblems,
    ),
)]
pub async fn change_member(
    allowed: Allowed<Administer>,
    State(state): State<AppState>,
    Path(path): Path<MemberPath>,
    meta: RequestMeta,
    Json(body): Json<ChangeBody>,
) -> Result<Written<ChangedAnswer>, Problem> {
    let (member_id, change) = (MemberId(path.member), body.change()?);
    let envelope = body.into_envelope(member_id, allowed.actor(), &meta)?;
    let receipt = state.submit(allowed.school, envelope).await?;
    Ok(Written::ok(
        &receipt,
        ChangedAnswer::of(member_id, change, &receipt),
    ))
}

/// Lets a member go: what he did not use returns to the pool, his history stays.
///
/// Letting go whoever has gone already changes nothing, and that is no error.
#[utoipa::path(
    delete,
    path = "/v1/schools/{school}/members/{member}",
    tag = "members",
    params(MemberPath, IdempotencyKey),
    responses(
        (status = 200, description = "The member is gone.", body = RemovedAnswer),
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
    let envelope = remove(member_id, allowed.actor(), &meta)?;
    let receipt = state.submit(allowed.school, envelope).await?;
    Ok(Written::ok(
        &receipt,
        RemovedAnswer::of(member_id, &receipt),
    ))
}
