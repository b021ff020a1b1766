//! Members: they are enrolled, read, given another role, let go, and erased.

mod answers;
mod bodies;
pub mod erase;
pub mod read;

use axum::extract::State;
use ledger_core::MemberId;

use crate::auth::{Administer, Allowed};
use crate::convention::{
    IdempotencyKey, Json, MemberPath, Path, SchoolPath, Stamp, Written, problems,
};
use crate::problem::Problem;
use crate::state::AppState;
use answers::{EnrolledAnswer, RemovedAnswer, RoleAnswer};
use bodies::{EnrolBody, RoleBody, remove};

problems!(EnrolProblems: MemberExists, ExternalIdTaken, IndividualIsOneMember);
problems!(MemberProblems: MemberNotFound);

/// Lets a person into the school. A teacher comes with the school's default grant, as far as the
/// pool reaches.
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
    stamp: Stamp,
    Json(body): Json<EnrolBody>,
) -> Result<Written<EnrolledAnswer>, Problem> {
    let issue = body.into_issue(allowed.school, allowed.actor(), stamp)?;
    let receipt = issue.send(&state).await?;
    let answer = EnrolledAnswer::of(&receipt)?;
    let path = format!(
        "/v1/schools/{}/members/{}",
        allowed.school, answer.member_id
    );
    Ok(Written::created(&receipt, answer).located(path))
}

/// Gives a member another role.
#[utoipa::path(
    patch,
    path = "/v1/schools/{school}/members/{member}",
    tag = "members",
    params(MemberPath, IdempotencyKey),
    request_body = RoleBody,
    responses(
        (status = 200, description = "The member's role.", body = RoleAnswer),
        MemberProblems,
    ),
)]
pub async fn change_member(
    allowed: Allowed<Administer>,
    State(state): State<AppState>,
    Path(path): Path<MemberPath>,
    stamp: Stamp,
    Json(body): Json<RoleBody>,
) -> Result<Written<RoleAnswer>, Problem> {
    let (member_id, role) = (MemberId(path.member), body.role);
    let issue = body.into_issue(allowed.school, member_id, allowed.actor(), stamp)?;
    let receipt = issue.send(&state).await?;
    Ok(Written::ok(
        &receipt,
        RoleAnswer::of(member_id, role, &receipt),
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
    stamp: Stamp,
) -> Result<Written<RemovedAnswer>, Problem> {
    let member_id = MemberId(path.member);
    let issue = remove(allowed.school, member_id, allowed.actor(), stamp)?;
    let receipt = issue.send(&state).await?;
    Ok(Written::ok(
        &receipt,
        RemovedAnswer::of(member_id, &receipt),
    ))
}
