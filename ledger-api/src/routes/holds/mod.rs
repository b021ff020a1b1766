//! Holds: units are reserved for a call in flight, then settled or released.

mod answers;
mod bodies;

use crate::routes::prelude::*;
use answers::{HoldAnswer, ReleaseAnswer, SettleAnswer};
use bodies::{HoldSchema, ReleaseBody, SettleBody};
use ledger_auth::permission::Spend;

problems!(
    HoldProblems: MemberSuspended, MemberNotFound, UnknownService, AmountOutOfRange, QuotaExceeded,
);
problems!(SettleProblems: HoldNotFound, HoldClosed, AmountOutOfRange);
problems!(ReleaseProblems: HoldNotFound, HoldClosed);

/// Reserves units for a call in flight.
///
/// The same `id` with the same body again gets the first outcome.
#[utoipa::path(post, path = "/v1/schools/{school}/holds", responses(HoldProblems))]
pub async fn place_hold(
    caller: Caller<Allowed<Spend>>,
    Json(Constrained(body)): Json<HoldSchema>,
) -> Result<Created<HoldAnswer>, Problem> {
    let envelope = body.into_envelope(caller.actor(), caller.now)?;
    let receipt = caller.spend(envelope).await?;
    Ok(Created::new(&receipt, answers::placed(&receipt)?))
}

/// Records the usage of a held call and frees the hold.
///
/// The usage is recorded in full, also beyond the available units (`overage`) and after the hold's
/// expiry (`late`).
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/holds/{id}/settle",
    responses(SettleProblems)
)]
pub async fn settle_hold(
    caller: Caller<Allowed<Spend>>,
    Path(hold): Path<HoldPath>,
    Json(body): Json<SettleBody>,
) -> Result<Written<SettleAnswer>, Problem> {
    let envelope = body.into_envelope(hold.id.0, caller.actor(), caller.now)?;
    let receipt = caller.spend(envelope).await?;
    Ok(Written::new(&receipt, answers::settled(&receipt)?))
}

/// Frees a hold whose call used nothing.
///
/// The release of an expired hold is not an error and changes nothing.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/holds/{id}/release",
    responses(ReleaseProblems)
)]
pub async fn release_hold(
    caller: Caller<Allowed<Spend>>,
    Path(hold): Path<HoldPath>,
    body: Option<Json<ReleaseBody>>,
) -> Result<Written<ReleaseAnswer>, Problem> {
    let Json(body) = body.unwrap_or_default();
    let envelope = body.into_envelope(hold.id.0.clone(), caller.actor(), caller.now)?;
    let receipt = caller.spend(envelope).await?;
    let answer = answers::released(hold.id.0, &receipt)?;
    Ok(Written::new(&receipt, answer))
}
