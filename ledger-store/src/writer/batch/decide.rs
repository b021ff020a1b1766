//! Decides the commands of a batch in order, each on the state that the previous ones left.

use std::ops::Range;

use ledger_core::decider::{decide, due, version};
use ledger_core::{
    Actor, EventId, Fact, Recorded, Refusal, SchoolId, SchoolState, Seq, Timestamp, evolve,
};

use super::Batch;
use super::context::Input;
use super::outcome::Outcome;
use super::view::period_at;
use crate::row::NewEvent;
use crate::writer::answer::{Receipt, Refused, RefusedBy};
use crate::writer::envelope::Envelope;
use crate::writer::replay;

impl Batch {
    /// Decides a new command.
    pub(super) fn decide_new(&mut self, school_id: SchoolId, envelope: &Envelope) -> Outcome {
        self.record_due(school_id, envelope.command.now);
        let input = self.input(school_id, envelope);
        if let Some(moved) = self.version_moved(&input) {
            return self.refuse(&input, moved);
        }
        let decided = match self.state(school_id) {
            Some(state) => decide(&self.catalogue, state, &envelope.command, &input.context),
            None => Err(Refusal::SchoolNotFound),
        };
        match decided {
            Ok(facts) if envelope.dry_run => self.dry_run(&input, facts),
            Ok(facts) if facts.is_empty() => self.unchanged(&input),
            Ok(facts) => self.append(&input, facts),
            Err(refusal) => self.refuse(&input, RefusedBy::Rule(Box::new(refusal))),
        }
    }

    /// Answers a command that repeats an earlier command of this batch.
    pub(super) fn repeat(
        &self,
        school_id: SchoolId,
        envelope: &Envelope,
        range: Range<usize>,
    ) -> Outcome {
        let first = &self.events[range.start];
        let input = self.input(school_id, envelope);
        if let Err(reason) = replay::check(envelope, &first.recorded, first.fingerprint) {
            return self.refuse(&input, reason);
        }
        Outcome::Events {
            range,
            event_id: envelope.event_id,
            period: self.period_at(school_id, first.recorded.recorded_at),
            view: self.view_after(&input),
            replayed: true,
        }
    }

    /// Answers a command that is in the log with the command's events.
    pub(super) fn replay(&self, input: &Input<'_>, events: Vec<Recorded>) -> Outcome {
        let recorded_at = events.first().map(|first| first.recorded_at);
        let recorded_at = recorded_at.unwrap_or(input.envelope.command.now);
        Outcome::Ready(Box::new(Ok(Receipt {
            seq: events.last().map_or(Seq::ZERO, |event| event.seq),
            event_id: input.envelope.event_id,
            events,
            replayed: true,
            period: self.period_at(input.school_id, recorded_at),
            view: self.view_after(input),
        })))
    }

    /// Records the events that are due at `now` without a command.
    fn record_due(&mut self, school_id: SchoolId, now: Timestamp) {
        let Some(stream) = self.streams.get_mut(&school_id) else {
            return;
        };
        let state = &mut stream.cached.state;
        let now = state.not_before_last(now);
        while let Some(due) = due(state, now) {
            let event_id = due.key.first_event_id();
            let recorded = record(state, school_id, event_id, Actor::SYSTEM, now, due.fact);
            self.events.push(NewEvent {
                recorded,
                fingerprint: None,
            });
        }
    }

    /// Returns the refusal of a command whose subject has another version than expected.
    fn version_moved(&self, input: &Input<'_>) -> Option<RefusedBy> {
        let expected = input.envelope.if_version?;
        let state = self.state(input.school_id)?;
        let version = version(state, &input.envelope.command, &input.context)?;
        (version != expected).then_some(RefusedBy::VersionMoved { version })
    }

    fn append(&mut self, input: &Input<'_>, facts: Vec<Fact>) -> Outcome {
        let (school_id, event_id) = (input.school_id, input.envelope.event_id);
        let start = self.events.len();
        let mut now = input.envelope.command.now;
        if let Some(stream) = self.streams.get_mut(&school_id) {
            let state = &mut stream.cached.state;
            now = state.not_before_last(now);
            let mut fingerprint = Some(input.envelope.fingerprint);
            self.events.extend(
                record_all(state, input, now, facts).map(|recorded| NewEvent {
                    recorded,
                    fingerprint: fingerprint.take(),
                }),
            );
        }
        let range = start..self.events.len();
        self.appended.insert((school_id, event_id), range.clone());
        self.known.apply_owners(school_id, input.action());
        Outcome::Events {
            range,
            event_id,
            // After the events: before its registration a school has no period.
            period: self.period_at(school_id, now),
            view: self.view_after(input),
            replayed: false,
        }
    }

    /// Records the events on a copy of the state.
    fn dry_run(&self, input: &Input<'_>, facts: Vec<Fact>) -> Outcome {
        let mut state = self.state(input.school_id).cloned().unwrap_or_default();
        let now = state.not_before_last(input.envelope.command.now);
        let events = record_all(&mut state, input, now, facts).collect();
        Outcome::Ready(Box::new(Ok(Receipt {
            seq: self.head(input.school_id),
            event_id: input.envelope.event_id,
            events,
            replayed: false,
            period: period_at(Some(&state), now),
            view: self.view_before(input),
        })))
    }

    fn unchanged(&self, input: &Input<'_>) -> Outcome {
        Outcome::Ready(Box::new(Ok(Receipt {
            seq: self.head(input.school_id),
            event_id: input.envelope.event_id,
            events: Vec::new(),
            replayed: false,
            period: self.period_now(input),
            view: self.view_before(input),
        })))
    }

    pub(super) fn refuse(&self, input: &Input<'_>, reason: RefusedBy) -> Outcome {
        let spender = input.action().spender();
        Outcome::Ready(Box::new(Err(Refused {
            seq: self.head(input.school_id),
            member_id: spender.and_then(|owner| input.context.member_id(owner).ok()),
            reason,
        })))
    }
}

/// Records the facts of a command as events and applies them to the state.
fn record_all(
    state: &mut SchoolState,
    input: &Input<'_>,
    now: Timestamp,
    facts: Vec<Fact>,
) -> impl Iterator<Item = Recorded> {
    let (school_id, event_id) = (input.school_id, input.envelope.event_id);
    let actor = input.envelope.command.actor;
    let facts = facts.into_iter().enumerate();
    facts.map(move |(index, fact)| {
        record(state, school_id, event_id.at_index(index), actor, now, fact)
    })
}

/// Records a fact as the next event of the stream and applies it to the state.
fn record(
    state: &mut SchoolState,
    school_id: SchoolId,
    event_id: EventId,
    actor: Actor,
    now: Timestamp,
    fact: Fact,
) -> Recorded {
    let recorded = Recorded {
        school_id,
        seq: state.head().next(),
        event_id,
        actor,
        occurred_at: fact.occurred_at,
        recorded_at: now,
        event: fact.event,
    };
    evolve(state, &recorded);
    recorded
}
