//! A batch in one statement: decide on the states at hand, append on the condition that no stream
//! moved since.
//!
//! **Invariant.** What is appended was decided on the state at the head that it follows, and no
//! command is appended twice: the statement moves a head only from where the state stands, under
//! its row lock, and an event id that the log holds makes it fail whole.
//!
//! **What it leaves.** It answers only what it appended. A refusal may be due to a state that is
//! behind, and a command without effect may be a repeated one: whatever is not appended is decided
//! again under the lock. So is everything when the statement fails; a commit that was not heard of
//! is then found in the log.

use std::time::Instant;

use ledger_core::usage::UsageCommand;
use ledger_core::{Action, SchoolState};

use super::outcome::{Outcome, Written};
use super::{Batch, measure};
use crate::error::StoreError;
use crate::row::append;
use crate::writer::envelope::Envelope;
use crate::writer::shard::{Shard, Submission};
use crate::writer::state_cache::StateCache;

/// A stream is appended to on condition when so many batches found it as it was left: else there
/// is another process that writes it, or somebody repeats commands, and failing costs a state.
const CALM_BATCHES_MIN: u32 = 32;

/// Whether the batch may be tried this way.
pub(in crate::writer) fn applies(cache: &StateCache, submissions: &[Submission]) -> bool {
    submissions.iter().all(|submission| {
        cache.peek(submission.school_id).is_some_and(|cached| {
            cached.calm_batches >= CALM_BATCHES_MIN
                && matches!(submission.envelopes.as_slice(),
                            [only] if needs_only_the_state(&cached.state, only))
        })
    })
}

/// Whether the decision needs only the state, and the command writes nothing but events.
fn needs_only_the_state(state: &SchoolState, envelope: &Envelope) -> bool {
    let action = &envelope.command.action;
    let needs = action.needs();
    let writes_only_events = match action {
        Action::Usage(UsageCommand::Release(release)) => release.reason.is_none(),
        Action::Usage(
            UsageCommand::Debit(_) | UsageCommand::PlaceHold(_) | UsageCommand::Settle(_),
        ) => true,
        Action::Usage(_)
        | Action::School(_)
        | Action::Department(_)
        | Action::Allocation(_)
        | Action::Request(_) => false,
    };
    !envelope.dry_run
        && writes_only_events
        && needs.external_ids.is_empty()
        && needs.hold.is_none_or(|hold_id| state.is_held(hold_id))
}

/// What was appended, and the submissions that are still to be decided.
pub(in crate::writer) struct Appended {
    /// Those that were appended, with their answers.
    pub done: Vec<Submission>,
    /// Their answers and what else the append left.
    pub written: Written,
    /// The others.
    pub rest: Vec<Submission>,
}

/// Tries the batch this way. The states that it could not append to are dropped.
///
/// # Errors
/// [`StoreError`] with the submissions: all of them are still to be decided.
pub(in crate::writer) async fn write(
    shard: &mut Shard,
    submissions: Vec<Submission>,
) -> Result<Appended, (StoreError, Vec<Submission>)> {
    let started = Instant::now();
    let mut batch = Batch::new(shard.catalogue());
    let outcomes = batch.decide_on_cached(&mut shard.cache, &submissions);
    if !batch.events.is_empty() {
        let appended = batch.append_on_condition(shard).await;
        if let Err(error) = appended {
            return Err((error, submissions));
        }
        measure("conditional", batch.events.len(), started);
    }
    let (mut done, mut rest, mut answered) = (Vec::new(), Vec::new(), Vec::new());
    for (submission, outcome) in submissions.into_iter().zip(outcomes) {
        match outcome {
            Some(outcome @ Outcome::Appended { .. })
                if batch.streams.contains_key(&submission.school_id) =>
            {
                done.push(submission);
                answered.push(Ok(vec![outcome]));
            }
            Some(_) | None => rest.push(submission),
        }
    }
    Ok(Appended {
        done,
        written: batch.finish(answered),
        rest,
    })
}

impl Batch {
    /// Decides each command that was not before it in this batch.
    fn decide_on_cached(
        &mut self,
        cache: &mut StateCache,
        submissions: &[Submission],
    ) -> Vec<Option<Outcome>> {
        submissions
            .iter()
            .map(|submission| {
                let school_id = submission.school_id;
                if let Some(cached) = cache.take(school_id) {
                    self.enter(school_id, cached);
                }
                let [envelope] = submission.envelopes.as_slice() else {
                    return None;
                };
                let repeats = (school_id, envelope.event_id);
                (!self.appended.contains_key(&repeats))
                    .then(|| self.decide_new(school_id, envelope))
            })
            .collect()
    }

    /// Appends; the streams that had moved are given up.
    async fn append_on_condition(&mut self, shard: &mut Shard) -> Result<(), StoreError> {
        let heads = self.moved_heads();
        let mut connection = shard.connect().await?;
        let moved = append(&mut connection, &self.events, &heads).await?;
        shard.connection = Some(connection);
        for head in heads {
            if !moved.contains(&head.school_id) {
                self.streams.remove(&head.school_id);
            }
        }
        Ok(())
    }
}
