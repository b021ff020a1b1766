//! Debits by the thousand: each stands alone, all of them are written together.

mod items;
mod results;

use axum::extract::State;
use ledger_core::{Actor, Refusal, Timestamp};
use ledger_store::writer::{Answer, Envelope, RefusedBy};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::auth::Allowed;
use crate::http::{Now, Query, SchoolPath, Written};
use crate::problem::Problem;
use crate::state::AppState;
pub(in crate::routes) use items::Elements;
use items::{DebitArray, DebitItems, DebitLines};
use ledger_auth::Spend;
use results::BatchAnswer;

/// Which results are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// Of the debits that were not newly accepted.
    #[default]
    NotAccepted,
    /// Of every debit.
    All,
}

/// What is asked of the answer.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct BatchQuery {
    /// Which results to tell: of what was not newly accepted, or `all`.
    #[serde(default)]
    #[param(inline, required = false)]
    results: Shown,
}

/// Spends units for many calls; each stands alone.
///
/// A JSON array, or one debit a line with `Content-Type: application/x-ndjson`: up to 10,000 and
/// 16 MiB. A debit that is refused, or not of the documented form, does not stop the others.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/debits/batch",
    tag = "usage",
    params(SchoolPath, BatchQuery),
    request_body(content(
        (DebitArray = "application/json"),
        (DebitLines = "application/x-ndjson"),
    )),
    responses((status = 200, description = "What became of each.", body = BatchAnswer)),
)]
pub async fn debit_batch(
    allowed: Allowed<Spend>,
    State(state): State<AppState>,
    Now(now): Now,
    Query(query): Query<BatchQuery>,
    items: DebitItems,
) -> Result<Written<BatchAnswer>, Problem> {
    let (requests, unread) = requests(items, allowed.credential.actor, now);
    let answers = state.writer.submit_all(allowed.school, requests).await?;
    if answers.iter().any(is_of_no_school) {
        return Err(Problem::from(Refusal::SchoolNotFound));
    }
    let answer = BatchAnswer::of(answers, unread, query.results);
    Ok(Written::ok_at(answer.last_seq, answer))
}

/// What can be submitted, in order; and by index what cannot, and why.
fn requests(
    DebitItems(items): DebitItems,
    actor: Actor,
    now: Timestamp,
) -> (Vec<Envelope>, Vec<(usize, Problem)>) {
    let mut requests = Vec::with_capacity(items.len());
    let mut unread = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        match item.and_then(|debit| debit.into_envelope(actor, now)) {
            Ok(request) => requests.push(request),
            Err(problem) => unread.push((index, problem)),
        }
    }
    (requests, unread)
}

/// The school is not there for one debit as for all.
fn is_of_no_school(answer: &Answer) -> bool {
    let Err(refused) = answer else { return false };
    match &refused.reason {
        RefusedBy::Rule(refusal) => matches!(**refusal, Refusal::SchoolNotFound),
        RefusedBy::KeyReused | RefusedBy::VersionMoved { .. } => false,
    }
}
