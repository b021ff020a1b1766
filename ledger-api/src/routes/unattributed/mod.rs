//! Unattributed usage: reads, and the assignment to a member.

mod answers;
mod bodies;
pub mod read;

use axum::extract::State;
use ledger_core::EventId;

use crate::auth::Allowed;
use crate::command::RequestMeta;
use crate::http::{IdempotencyKey, Json, Path, UnattributedPath, Written};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::AppState;
use answers::AssignedAnswer;
use bodies::AssignBody;
use ledger_auth::Correct;

problems!(AssignProblems: UsageNotFound, MemberNotFound, UnknownService, AmountOutOfRange);

/// Assigns unattributed usage to a member, or assigned usage to another member.
///
/// The usage counts for the member on the day it occurred, in usage and balance, even above the
/// quota.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/unattributed/{event_id}/assign",
    tag = "usage",
    params(UnattributedPath, IdempotencyKey),
    request_body = AssignBody,
    responses(
        (status = 200, description = "The usage is assigned.", body = AssignedAnswer),
        AssignProblems,
    ),
)]
pub async fn assign_usage(
    allowed: Allowed<Correct>,
    State(state): State<AppState>,
    Path(path): Path<UnattributedPath>,
    meta: RequestMeta,
    Json(body): Json<AssignBody>,
) -> Result<Written<AssignedAnswer>, Problem> {
    let (usage_id, member_id) = (EventId(path.event_id), body.member_id());
    let envelope = body.into_envelope(usage_id, allowed.actor(), &meta)?;
    let receipt = state.submit(allowed.school, envelope).await?;
    let answer = answers::assigned(usage_id, member_id, &receipt)?;
    Ok(Written::ok(&receipt, answer))
}
