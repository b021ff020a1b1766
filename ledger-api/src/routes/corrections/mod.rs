//! Corrections: usage is refunded, in full or in part, by a new event that names it.

mod answers;
mod bodies;

use crate::routes::prelude::*;
use answers::CorrectionAnswer;
use bodies::CorrectionSchema;
use ledger_auth::permission::Correct;

problems!(CorrectionProblems: UsageNotFound, UsageUnattributed, CorrectionExceedsUsage);

/// Refunds usage, in full or in part.
///
/// Usage can be corrected several times, by at most its units altogether. The units are taken from
/// the day and the member of the usage; its requests, tokens and cost stay, since the call was
/// made.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/debits/{id}/correction",
    responses(CorrectionProblems)
)]
pub async fn correct_usage(
    issuer: Issuer<Allowed<Correct>>,
    Path(path): Path<UsagePath>,
    Json(Constrained(body)): Json<CorrectionSchema>,
) -> Result<Created<CorrectionAnswer>, Problem> {
    let usage_id = body.usage_id(&path.id.0)?;
    let envelope = body.into_envelope(usage_id, &issuer.origin)?;
    let receipt = issuer.submit(envelope).await?;
    let answer = answers::corrected(usage_id, &receipt)?;
    Ok(Created::if_any(answer.event_id.is_some(), &receipt, answer))
}
