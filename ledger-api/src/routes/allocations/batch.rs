//! Many allocations in one step: all or none.

use axum::extract::State;

use super::batch_answer::BatchAnswer;
use super::batch_body::BatchBody;
use crate::auth::Allowed;
use crate::command::RequestMeta;
use crate::http::{IdempotencyKey, Json, SchoolPath, Written};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::AppState;
use ledger_auth::Allocate;

problems!(BatchProblems: PlanRequired, BatchRefused);

/// Changes many allocations: all of them or none, whatever the order of the items.
///
/// When items are refused, the problem's `errors` say which, by `index`, and why. With `dry_run`
/// the answer tells what would come of it, and nothing is done.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/allocations/batch",
    tag = "allocations",
    params(SchoolPath, IdempotencyKey),
    request_body = BatchBody,
    responses(
        (status = 200, description = "What changed, or would.", body = BatchAnswer),
        BatchProblems,
    ),
)]
pub async fn allocate_batch(
    allowed: Allowed<Allocate>,
    State(state): State<AppState>,
    meta: RequestMeta,
    Json(body): Json<BatchBody>,
) -> Result<Written<BatchAnswer>, Problem> {
    let (dry_run, index) = (body.dry_run, body.index(&state.catalogue()));
    let envelope = body.into_envelope(allowed.actor(), &meta)?;
    let receipt = state.submit(allowed.school, envelope).await?;
    Ok(Written::ok(
        &receipt,
        BatchAnswer::of(&receipt, dry_run, index),
    ))
}
