//! Unattributed usage: reads, and the assignment to a member.

mod answers;
mod bodies;
pub mod read;

use ledger_core::EventId;

use crate::routes::prelude::*;
use answers::AssignedAnswer;
use bodies::AssignBody;
use ledger_auth::permission::Correct;

problems!(AssignProblems: UsageNotFound, MemberNotFound, UnknownService, AmountOutOfRange);

/// Assigns unattributed usage to a member, or assigned usage to another member.
///
/// The usage counts for the member on the day it occurred, in usage and balance, even above the
/// quota.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/unattributed/{event_id}/assign",
    responses(AssignProblems)
)]
pub async fn assign_usage(
    issuer: Issuer<Allowed<Correct>>,
    Path(path): Path<UnattributedPath>,
    Json(body): Json<AssignBody>,
) -> Result<Written<AssignedAnswer>, Problem> {
    let (usage_id, member_id) = (EventId(path.event_id), body.member_id());
    let envelope = body.into_envelope(usage_id, &issuer.origin)?;
    let receipt = issuer.submit(envelope).await?;
    let answer = answers::assigned(usage_id, member_id, &receipt)?;
    Ok(Written::new(&receipt, answer))
}
