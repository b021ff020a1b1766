//! Debits: units are checked and spent in one step, one call or a batch.

mod answers;
mod bodies;
pub(super) mod call;

use ledger_core::{Actor, Refusal, Timestamp};
use ledger_store::writer::{Answer, Envelope, RefusedBy};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::routes::prelude::*;
use answers::{BatchAnswer, DebitAnswer, Shown, debited};
pub(super) use bodies::Elements;
use bodies::{DebitItems, DebitSchema};
use ledger_auth::permission::Spend;

problems!(
    DebitProblems: MemberSuspended, MemberNotFound, UnknownService, AmountOutOfRange, QuotaExceeded,
);

/// Spends units for a call: checks and records in one step.
///
/// The same `id` with the same body again gets the first outcome.
#[utoipa::path(post, path = "/v1/schools/{school}/debits", responses(DebitProblems))]
pub async fn debit(
    caller: Caller<Allowed<Spend>>,
    Json(Constrained(body)): Json<DebitSchema>,
) -> Result<Created<DebitAnswer>, Problem> {
    let envelope = body.into_envelope(caller.actor(), caller.now)?;
    let receipt = caller.spend(envelope).await?;
    Ok(Created::new(&receipt, debited(&receipt)?))
}

/// The query of a batch.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
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
#[utoipa::path(post, path = "/v1/schools/{school}/debits/batch")]
pub async fn debit_batch(
    caller: Caller<Allowed<Spend>>,
    Query(query): Query<BatchQuery>,
    items: DebitItems,
) -> Result<Written<BatchAnswer>, Problem> {
    let (envelopes, unreadable) = envelopes(items, caller.actor(), caller.now);
    let answers = caller
        .state
        .writer
        .submit_all(caller.school(), envelopes)
        .await?;
    if answers.iter().any(is_without_school) {
        return Err(Problem::from(Refusal::SchoolNotFound));
    }
    let answer = BatchAnswer::new(answers, unreadable, query.results);
    Ok(Written::at(answer.last_seq.0, answer))
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
