//! A person is erased.

use axum::extract::State;
use ledger_core::school::SchoolCommand;
use ledger_core::{Action, EventId, MemberId, Seq};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::MemberProblems;
use crate::auth::Allowed;
use crate::command::{RequestMeta, free_text};
use crate::http::{IdempotencyKey, Json, MemberPath, Path, Written, fingerprint};
use crate::openapi::schema;
use crate::problem::Problem;
use crate::state::AppState;
use ledger_auth::Erase;

/// Why a person is erased.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "request 17 of the data protection officer" }))]
pub struct EraseBody {
    /// Why, if there is something to say. It is about the erasure and stays: it names nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Reason>)]
    reason: Option<String>,
}

/// A person who is erased.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErasedAnswer {
    /// The member's id, which is all that is left of him.
    #[schema(value_type = Uuid)]
    member_id: MemberId,
    /// The head of the school's log.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The erasure's identity in the school.
    #[schema(value_type = Uuid)]
    event_id: EventId,
    /// Whether it was done before, and this is what came of it then.
    replayed: bool,
}

/// Erases what is kept of a person beside the log: his name and e-mail address, his external ids,
/// and the free texts that are about him or that he wrote.
///
/// Every event, every number and every proof stays, under his opaque id. It cannot be undone. Who
/// is still a member stays one; whoever is to go is removed first. He can be erased again when
/// something was written since.
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
    let fingerprint = fingerprint("erase-member", &[&member_id], &body)?;
    let reason = body.reason.as_deref();
    let reason = reason.map(|text| free_text("reason", text)).transpose()?;
    let action = Action::School(SchoolCommand::EraseMember { member_id, reason });
    let envelope = meta.envelope(allowed.actor(), fingerprint, action);
    let receipt = state.submit(allowed.school, envelope).await?;
    let answer = ErasedAnswer {
        member_id,
        seq: receipt.seq,
        event_id: receipt.event_id,
        replayed: receipt.replayed,
    };
    Ok(Written::ok(&receipt, answer))
}
