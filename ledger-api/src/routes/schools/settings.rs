//! A school's own rules are changed.

use axum::extract::State;

use super::answers::ChangedSettingsAnswer;
use super::bodies::SettingsBody;
use crate::auth::Allowed;
use crate::command::RequestMeta;
use crate::http::{IdempotencyKey, IfMatch, Json, SchoolPath, Written};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::AppState;
use ledger_auth::Administer;

problems!(SettingsProblems: PreconditionFailed, PlanRequired, UnknownService);

/// Changes a school's own rules. What is not named stays; what members hold stays too. Rules of
/// allocating are not changed where the plan has no allocations.
#[utoipa::path(
    patch,
    path = "/v1/schools/{school}/settings",
    tag = "schools",
    params(SchoolPath, IdempotencyKey, IfMatch),
    request_body = SettingsBody,
    responses(
        (status = 200, description = "The rules now.", body = ChangedSettingsAnswer,
            headers(("ETag" = String, description = "The version that the change left."))),
        SettingsProblems,
    ),
)]
pub async fn change_settings(
    allowed: Allowed<Administer>,
    State(state): State<AppState>,
    meta: RequestMeta,
    IfMatch(version): IfMatch,
    Json(body): Json<SettingsBody>,
) -> Result<Written<ChangedSettingsAnswer>, Problem> {
    let actor = allowed.actor();
    let envelope = body.into_envelope(actor, &meta, version, &state.catalogue())?;
    let receipt = state.submit(allowed.school, envelope).await?;
    let answer = ChangedSettingsAnswer::of(&receipt)?;
    let version = answer.version;
    Ok(Written::ok(&receipt, answer).versioned(version))
}
