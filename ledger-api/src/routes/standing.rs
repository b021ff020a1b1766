//! Standing: a member is suspended, and reactivated.

use axum::extract::State;
use ledger_core::allocation::AllocationCommand;
use ledger_core::school::MemberStatus;
use ledger_core::{Action, EventId, FreeText, MemberId, Seq};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Allowed;
use crate::command::{RequestMeta, free_text};
use crate::http::{IdempotencyKey, Json, MemberPath, Path, Written, fingerprint};
use crate::openapi::{problems, schema};
use crate::problem::Problem;
use crate::state::AppState;
use crate::values::words;
use ledger_auth::Allocate;

/// Why a member's standing is changed.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "on leave until the next term" }))]
pub struct StandingBody {
    /// Why.
    #[schema(value_type = schema::Reason)]
    reason: String,
}

/// A member's standing.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StandingAnswer {
    /// The head of the school's log.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The change's identity in the school; none when it was so already.
    #[schema(value_type = Option<Uuid>, required)]
    event_id: Option<EventId>,
    /// Whether it was done before, and this is what came of it then.
    replayed: bool,
    /// The member.
    #[schema(value_type = Uuid)]
    member_id: MemberId,
    /// Whether he may use what he holds.
    #[schema(value_type = words::Standing)]
    status: MemberStatus,
    /// Whether it was otherwise before.
    changed: bool,
}

problems!(StandingProblems: MemberNotFound, PlanRequired);

/// Suspends a member: new debits and holds are refused at once. What he holds stays his; calls in
/// flight may still settle.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/members/{member}/suspend",
    tag = "allocations",
    params(MemberPath, IdempotencyKey),
    request_body = StandingBody,
    responses(
        (status = 200, description = "The member is suspended.", body = StandingAnswer),
        StandingProblems,
    ),
)]
pub async fn suspend_member(
    allowed: Allowed<Allocate>,
    State(state): State<AppState>,
    Path(path): Path<MemberPath>,
    meta: RequestMeta,
    Json(body): Json<StandingBody>,
) -> Result<Written<StandingAnswer>, Problem> {
    let change = Change {
        member_id: MemberId(path.member),
        status: MemberStatus::Suspended,
        body,
    };
    change.make(&state, &allowed, meta).await
}

/// Lets a suspended member go on.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/members/{member}/reactivate",
    tag = "allocations",
    params(MemberPath, IdempotencyKey),
    request_body = StandingBody,
    responses(
        (status = 200, description = "The member is active.", body = StandingAnswer),
        StandingProblems,
    ),
)]
pub async fn reactivate_member(
    allowed: Allowed<Allocate>,
    State(state): State<AppState>,
    Path(path): Path<MemberPath>,
    meta: RequestMeta,
    Json(body): Json<StandingBody>,
) -> Result<Written<StandingAnswer>, Problem> {
    let change = Change {
        member_id: MemberId(path.member),
        status: MemberStatus::Active,
        body,
    };
    change.make(&state, &allowed, meta).await
}

/// The standing that a member is to have.
struct Change {
    member_id: MemberId,
    status: MemberStatus,
    body: StandingBody,
}

impl Change {
    async fn make(
        self,
        state: &AppState,
        allowed: &Allowed<Allocate>,
        meta: RequestMeta,
    ) -> Result<Written<StandingAnswer>, Problem> {
        let Self {
            member_id,
            status,
            body,
        } = self;
        let fingerprint = fingerprint(status.as_str(), &[&member_id], &body)?;
        let action = action(member_id, status, free_text("reason", &body.reason)?);
        let envelope = meta.envelope(allowed.actor(), fingerprint, action);
        let receipt = state.submit(allowed.school, envelope).await?;
        let changed = !receipt.events.is_empty();
        let answer = StandingAnswer {
            seq: receipt.seq,
            event_id: changed.then_some(receipt.event_id),
            replayed: receipt.replayed,
            member_id,
            status,
            changed,
        };
        Ok(Written::ok(&receipt, answer))
    }
}

fn action(member_id: MemberId, status: MemberStatus, reason: FreeText) -> Action {
    Action::Allocation(match status {
        MemberStatus::Suspended => AllocationCommand::Suspend { member_id, reason },
        MemberStatus::Active | MemberStatus::Removed => {
            AllocationCommand::Reactivate { member_id, reason }
        }
    })
}
