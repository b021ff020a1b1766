//! Holds: units are reserved for a call in flight, then settled or released.

mod answers;
mod bodies;

use axum::extract::State;

use crate::auth::Allowed;
use crate::http::{HoldPath, Json, Now, Path, SchoolPath, Written};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::AppState;
use answers::{HoldAnswer, ReleaseAnswer, SettleAnswer};
use bodies::{HoldBody, HoldSchema, ReleaseBody, SettleBody};
use ledger_auth::Spend;

problems!(
    HoldProblems: MemberSuspended, MemberNotFound, UnknownService, AmountOutOfRange, QuotaExceeded,
);
problems!(SettleProblems: HoldNotFound, HoldClosed, AmountOutOfRange);
problems!(ReleaseProblems: HoldNotFound, HoldClosed);

/// Reserves units for a call in flight.
///
/// The same `id` with the same body again gets the first outcome.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/holds",
    tag = "usage",
    params(SchoolPath),
    request_body = HoldSchema,
    responses(
        (status = 201, description = "The units are reserved.", body = HoldAnswer),
        (status = 200, description = "The units were reserved before.", body = HoldAnswer),
        HoldProblems,
    ),
)]
pub async fn place_hold(
    allowed: Allowed<Spend>,
    State(state): State<AppState>,
    Now(now): Now,
    Json(body): Json<HoldBody>,
) -> Result<Written<HoldAnswer>, Problem> {
    let envelope = body.into_envelope(allowed.credential.actor, now)?;
    let receipt = state.writer.submit(allowed.school, envelope).await??;
    Ok(Written::created(&receipt, answers::placed(&receipt)?))
}

/// Records the usage of a held call and frees the hold.
///
/// The usage is recorded in full, also beyond the available units (`overage`) and after the hold's
/// expiry (`late`).
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/holds/{id}/settle",
    tag = "usage",
    params(HoldPath),
    request_body = SettleBody,
    responses(
        (status = 200, description = "The usage is recorded.", body = SettleAnswer),
        SettleProblems,
    ),
)]
pub async fn settle_hold(
    allowed: Allowed<Spend>,
    State(state): State<AppState>,
    Path(hold): Path<HoldPath>,
    Now(now): Now,
    Json(body): Json<SettleBody>,
) -> Result<Written<SettleAnswer>, Problem> {
    let envelope = body.into_envelope(hold.id.0, allowed.credential.actor, now)?;
    let receipt = state.writer.submit(allowed.school, envelope).await??;
    Ok(Written::ok(&receipt, answers::settled(&receipt)?))
}

/// Frees a hold whose call used nothing.
///
/// The release of an expired hold is not an error and changes nothing.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/holds/{id}/release",
    tag = "usage",
    params(HoldPath),
    request_body = Option<ReleaseBody>,
    responses(
        (status = 200, description = "The units are free.", body = ReleaseAnswer),
        ReleaseProblems,
    ),
)]
pub async fn release_hold(
    allowed: Allowed<Spend>,
    State(state): State<AppState>,
    Path(hold): Path<HoldPath>,
    Now(now): Now,
    body: Option<Json<ReleaseBody>>,
) -> Result<Written<ReleaseAnswer>, Problem> {
    let Json(body) = body.unwrap_or_default();
    let envelope = body.into_envelope(hold.id.0.clone(), allowed.credential.actor, now)?;
    let receipt = state.writer.submit(allowed.school, envelope).await??;
    Ok(Written::ok(
        &receipt,
        answers::released(hold.id.0, &receipt)?,
    ))
}
