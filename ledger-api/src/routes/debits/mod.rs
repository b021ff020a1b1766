//! Debits: units are checked and spent in one step, one call or a batch.

mod answers;
mod bodies;
pub(super) mod call;

use axum::extract::State;
use ledger_core::{Actor, Refusal, Timestamp};
use ledger_store::writer::{Answer, Envelope, RefusedBy};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Allowed;
use crate::http::{Json, Now, Query, SchoolPath, Written};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::AppState;
use answers::{BatchAnswer, DebitAnswer, Shown, debited};
pub(super) use bodies::Elements;
use bodies::{DebitArray, DebitBody, DebitItems, DebitLines, DebitSchema};
use ledger_auth::Spend;

problems!(
    DebitProblems: MemberSuspended, MemberNotFound, UnknownService, AmountOutOfRange, QuotaExceeded,
);

/// Spends units for a call: checks and records in one step.
///
/// The same `id` with the same body again gets the first outcome.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/debits",
    tag = "usage",
    params(SchoolPath),
    request_body = DebitSchema,
    responses(
        (status = 201, description = "The units are spent.", body = DebitAnswer),
        (status = 200, description = "The units were spent before.", body = DebitAnswer),
        DebitProblems,
    ),
)]
pub async fn debit(
    allowed: Allowed<Spend>,
    State(state): State<AppState>,
    Now(now): Now,
    Json(body): Json<DebitBody>,
) -> Result<Written<DebitAnswer>, Problem> {
    let envelope = body.into_envelope(allowed.credential.actor, now)?;
    let receipt = state.writer.submit(allowed.school, envelope).await??;
    Ok(Written::created(&receipt, debited(&receipt)?))
}

/// The query of a batch.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct BatchQuery {
    /// The results to list: `not_accepted` for those that were not newly accepted, or `all`.
    #[serde(default)]
    #[param(inline, required = false)]
    results: Shown,
}

/// Spends units for many calls, each alone.
///
/// A JSON array, or one debit per line with `Content-Type: application/x-ndjson`: up to 10,000 and
/// 16 MiB. A refused or unreadable debit does not affect the others.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/debits/batch",
    tag = "usage",
    params(SchoolPath, BatchQuery),
    request_body(content(
        (DebitArray = "application/json"),
        (DebitLines = "application/x-ndjson"),
    )),
    responses((status = 200, description = "The result of each debit.", body = BatchAnswer)),
)]
pub async fn debit_batch(
    allowed: Allowed<Spend>,
    State(state): State<AppState>,
    Now(now): Now,
    Query(query): Query<BatchQuery>,
    items: DebitItems,
) -> Result<Written<BatchAnswer>, Problem> {
    let (envelopes, unreadable) = envelopes(items, allowed.credential.actor, now);
    let answers = state.writer.submit_all(allowed.school, envelopes).await?;
    if answers.iter().any(is_without_school) {
        return Err(Problem::from(Refusal::SchoolNotFound));
    }
    let answer = BatchAnswer::new(answers, unreadable, query.results);
    Ok(Written::ok_at(answer.last_seq.0, answer))
}

/// The debits in their order, and the unreadable items by index.
fn envelopes(
    DebitItems(items): DebitItems,
    actor: Actor,
    now: Timestamp,
) -> (Vec<Envelope>, Vec<(usize, Problem)>) {
    let mut envelopes = Vec::with_capacity(items.len());
    let mut unreadable = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        match item.and_then(|debit| debit.into_envelope(actor, now)) {
            Ok(envelope) => envelopes.push(envelope),
            Err(problem) => unreadable.push((index, problem)),
        }
    }
    (envelopes, unreadable)
}

/// A school that does not exist is the problem of the batch, not of each debit.
fn is_without_school(answer: &Answer) -> bool {
    let Err(refused) = answer else { return false };
    match &refused.reason {
        RefusedBy::Rule(refusal) => matches!(**refusal, Refusal::SchoolNotFound),
        RefusedBy::KeyReused | RefusedBy::VersionMoved { .. } => false,
    }
}
