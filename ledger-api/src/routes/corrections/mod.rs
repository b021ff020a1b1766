//! Corrections: usage is refunded, in full or in part, by a new event that names it.

mod answers;
mod bodies;

use axum::extract::State;

use crate::auth::Allowed;
use crate::command::RequestMeta;
use crate::http::{IdempotencyKey, Json, Path, UsagePath, Written};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::AppState;
use answers::CorrectionAnswer;
use bodies::{CorrectionBody, CorrectionSchema};
use ledger_auth::Correct;

problems!(CorrectionProblems: UsageNotFound, UsageUnattributed, CorrectionExceedsUsage);

/// Refunds usage, in full or in part.
///
/// Usage can be corrected several times, by at most its units altogether. The units are taken from
/// the day and the member of the usage; its requests, tokens and cost stay, since the call was
/// made.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/debits/{id}/correction",
    tag = "usage",
    params(UsagePath, IdempotencyKey),
    request_body = CorrectionSchema,
    responses(
        (status = 201, description = "The usage is refunded.", body = CorrectionAnswer),
        (status = 200, description = "The usage was refunded before.", body = CorrectionAnswer),
        CorrectionProblems,
    ),
)]
pub async fn correct_usage(
    allowed: Allowed<Correct>,
    State(state): State<AppState>,
    Path(path): Path<UsagePath>,
    meta: RequestMeta,
    Json(body): Json<CorrectionBody>,
) -> Result<Written<CorrectionAnswer>, Problem> {
    let usage_id = body.usage_id(&path.id.0)?;
    let envelope = body.into_envelope(usage_id, allowed.actor(), &meta)?;
    let receipt = state.submit(allowed.school, envelope).await?;
    let answer = answers::corrected(usage_id, &receipt)?;
    Ok(match answer.event_id {
        Some(_) => Written::created(&receipt, answer),
        None => Written::ok(&receipt, answer),
    })
}
