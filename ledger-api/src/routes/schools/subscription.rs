//! What a school buys is changed.

use axum::extract::State;

use super::answers::SubscriptionAnswer;
use super::bodies::SubscriptionBody;
use crate::auth::Allowed;
use crate::command::RequestMeta;
use crate::http::{IdempotencyKey, IfMatch, Json, SchoolPath, Written};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::AppState;
use ledger_auth::Subscribe;

problems!(
    SubscriptionProblems: PreconditionFailed, AllocationsOutstanding, UnknownService,
    TotalBelowUsage, TotalBelowAllocated,
);

/// Changes what a school buys.
///
/// A total below what is used and held is refused. One below what is allocated is refused too,
/// unless `reclaim` says `by_priority`: then `reclaimed` tells what was taken back of whom. With
/// `dry_run` the answer tells what would come of it, and nothing is done.
#[utoipa::path(
    put,
    path = "/v1/schools/{school}/subscription",
    tag = "schools",
    params(SchoolPath, IdempotencyKey, IfMatch),
    request_body = SubscriptionBody,
    responses(
        (status = 200, description = "What the school buys now.", body = SubscriptionAnswer,
            headers(("ETag" = String, description = "The version that the change left."))),
        SubscriptionProblems,
    ),
)]
pub async fn set_subscription(
    allowed: Allowed<Subscribe>,
    State(state): State<AppState>,
    meta: RequestMeta,
    IfMatch(version): IfMatch,
    Json(body): Json<SubscriptionBody>,
) -> Result<Written<SubscriptionAnswer>, Problem> {
    let dry_run = body.dry_run;
    let actor = allowed.actor();
    let envelope = body.into_envelope(actor, &meta, version, &state.catalogue())?;
    let receipt = state.submit(allowed.school, envelope).await?;
    let answer = SubscriptionAnswer::of(dry_run, &receipt)?;
    let version = answer.version;
    Ok(Written::ok(&receipt, answer).versioned(version))
}
