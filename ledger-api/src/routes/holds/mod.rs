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
use bodies::{HoldBody, HoldDocument, ReleaseBody, SettleBody};
use ledger_auth::Spend;

problems!(
    HoldProblems: MemberSuspended, MemberNotFound, UnknownService, AmountOutOfRange, QuotaExceeded,
);
problems!(SettleProblems: HoldNotFound, HoldClosed, AmountOutOfRange);
problems!(ReleaseProblems: HoldNotFound, HoldClosed);

/// Reserves units for a call in flight.
///
/// The same `id` with the same body again answers what came of it the first time.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/holds",
    tag = "usage",
    params(SchoolPath),
    request_body = HoldDocument,
    responses(
        (status = 201, description = "The units are held.", body = HoldAnswer),
        (status = 200, description = "They were held before.", body = HoldAnswer),
        HoldProblems,
    ),
)]
pub async fn place_hold(
    allowed: Allowed<Spend>,
    State(state): State<AppState>,
    Now(now): Now,
    Json(body): Json<HoldBody>,
) -> Result<Written<HoldAnswer>, Problem> {
    let request = body.into_envelope(allowed.credential.actor, now)?;
    let receipt = state.writer.submit(allowed.school, request).await??;
    Ok(Written::created(&receipt, HoldAnswer::of(&receipt)?))
}

/// Records what a held call used, and frees the hold.
///
/// What happened is recorded whole, beyond the hold (`overage`) and after its expiry (`late`).
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
    let request = body.into_envelope(hold.id.0, allowed.credential.actor, now)?;
    let receipt = state.writer.submit(allowed.school, request).await??;
    Ok(Written::ok(&receipt, SettleAnswer::of(&receipt)?))
}

/// Frees a hold whose call used nothing.
///
/// A hold that has expired is free already: nothing happens, and that is no error.
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
    let request = body.into_envelope(hold.id.0.clone(), allowed.credential.actor, now)?;
    let receipt = state.writer.submit(allowed.school, request).await??;
    Ok(Written::ok(
        &receipt,
        ReleaseAnswer::of(hold.id.0, &receipt)?,
    ))
}
