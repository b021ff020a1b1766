//! Writes a batch in one statement: decide on the cached states, append on the condition that no
//! head has moved.
//!
//! **Invariant.** An appended event was decided on the state at the head that it follows, and no
//! command is appended twice: the statement advances a head only from the position of the state,
//! under its row lock, and fails as a whole if an event id is in the log.
//!
//! **Remainder.** Only appended commands are answered. A refusal may be due to an outdated state,
//! and a command without events may be a repeated one: these are decided again under the lock
//! ([`locked`](super::locked)). If the statement fails, all are; then a commit whose confirmation
//! was lost is found in the log.

use std::time::Instant;

use ledger_core::usage::UsageCommand;
use ledger_core::{Action, SchoolState};

use super::outcome::{Outcome, Written};
use super::{Batch, Stream, measure};
use crate::error::StoreError;
use crate::row::append;
use crate::writer::envelope::Envelope;
use crate::writer::session::Session;
use crate::writer::state_cache::StateCache;
use crate::writer::submission::Submission;

/// The number of calm batches after which a stream is appended to conditionally. Before, another
/// process may be writing it, or a caller repeating commands; a failed attempt costs a state.
const CALM_BATCHES_MIN: u32 = 32;

/// Returns whether the batch can be appended conditionally.
pub(in crate::writer) fn applies(cache: &StateCache, submissions: &[Submission]) -> bool {
    submissions.iter().all(|submission| {
        cache.peek(submission.school_id).is_some_and(|cached| {
            cached.calm_batches >= CALM_BATCHES_MIN
                && matches!(submission.envelopes.as_slice(),
                            [only] if needs_only_the_state(&cached.state, only))
        })
    })
}

/// Returns whether the decision needs only the state, and the command writes only events.
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

/// The appended submissions and the remaining ones.
pub(in crate::writer) struct Appended {
    /// The appended submissions.
    pub done: Vec<Submission>,
    /// The result of the append, with their answers.
    pub written: Written,
    /// The submissions that remain to be decided under the lock.
    pub rest: Vec<Submission>,
}

/// Appends the batch conditionally. States whose head had moved are dropped.
///
/// # Errors
/// [`StoreError`] with the submissions, all of which remain to be decided.
pub(in crate::writer) async fn write(
    session: &mut Session,
    submissions: Vec<Submission>,
) -> Result<Appended, (StoreError, Vec<Submission>)> {
    let started = Instant::now();
    let mut batch = Batch::new(session.catalogue());
    let outcomes = batch.decide_on_cached(&mut session.cache, &submissions);
    if !batch.events.is_empty() {
        let appended = batch.append_on_condition(session).await;
        if let Err(error) = appended {
            return Err((error, submissions));
        }
        measure("conditional", batch.events.len(), started);
    }
    let (mut done, mut rest, mut answered) = (Vec::new(), Vec::new(), Vec::new());
    for (submission, outcome) in submissions.into_iter().zip(outcomes) {
        match outcome {
            Some(outcome)
                if outcome.appended().is_some()
                    && batch.streams.contains_key(&submission.school_id) =>
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
    /// Decides each command, except those that repeat an earlier one of the batch.
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
                    let head = Some(cached.state.head());
                    self.streams.insert(school_id, Stream { cached, head });
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

    /// Appends, and drops the streams whose head had moved.
    async fn append_on_condition(&mut self, session: &mut Session) -> Result<(), StoreError> {
        let heads = self.moved_heads();
        let mut connection = session.connect().await?;
        let moved = append(&mut connection, &self.events, &heads).await?;
        session.connection = Some(connection);
        for head in heads {
            if !moved.contains(&head.school_id) {
                self.streams.remove(&head.school_id);
            }
        }
        Ok(())
    }
}
