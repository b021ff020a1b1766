//! Decides the commands of a batch one after another, each on what the ones before it left.

use std::ops::Range;

use ledger_core::allocation::AllocationCommand;
use ledger_core::decider::{accounts, decide, due, school_view, version};
use ledger_core::{
    Action, Actor, EventId, Fact, Period, Recorded, Refusal, RequestId, SchoolId, SchoolState,
    Timestamp, evolve,
};

use super::Batch;
use super::outcome::Outcome;
use crate::row::NewEvent;
use crate::writer::answer::{Receipt, Refused, RefusedBy, StateView};
use crate::writer::envelope::Envelope;
use crate::writer::{lookup, replay};

impl Batch {
    /// Decides a command that was not done before.
    pub(super) fn decide_new(&mut self, school_id: SchoolId, envelope: &mut Envelope) -> Outcome {
        self.catch_up_with_time(school_id, envelope.command.now);
        self.recall_request(school_id, envelope);
        if let Some(moved) = self.version_moved(school_id, envelope) {
            return self.refuse(school_id, envelope, moved);
        }
        match self.resolve_and_decide(school_id, envelope) {
            Ok(facts) if envelope.dry_run => self.dry_run(school_id, envelope, facts),
            Ok(facts) if facts.is_empty() => self.unchanged(school_id, envelope),
            Ok(facts) => self.append(school_id, envelope, facts),
            Err(refusal) => self.refuse(school_id, envelope, RefusedBy::Rule(Box::new(refusal))),
        }
    }

    /// The outcome of an earlier command of this batch.
    pub(super) fn repeat(
        &self,
        school_id: SchoolId,
        envelope: &Envelope,
        range: Range<usize>,
    ) -> Outcome {
        let first = &self.events[range.start];
        if let Err(refused) = replay::check(envelope, &first.recorded, first.fingerprint) {
            return self.refuse(school_id, envelope, refused);
        }
        let event_id = first.recorded.event_id;
        let period = self.period_at(school_id, first.recorded.recorded_at);
        Outcome::Repeated {
            range,
            event_id,
            period,
            view: self.view_after(school_id, envelope),
        }
    }

    /// Records what time alone has brought about by `now`.
    fn catch_up_with_time(&mut self, school_id: SchoolId, now: Timestamp) {
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

    /// Tells a command that closes a request how that ended, when it is not pending any more:
    /// before this batch, or in it.
    fn recall_request(&self, school_id: SchoolId, envelope: &mut Envelope) {
        let Some(request_id) = lookup::request_closing(envelope).map(|c| c.request_id) else {
            return;
        };
        let in_batch = || {
            let events = self.events.iter().rev().map(|new| &new.recorded);
            let mut closed = events
                .filter(|recorded| recorded.school_id == school_id)
                .filter_map(lookup::closes_request);
            closed.find_map(|(id, how)| (id == request_id).then_some(how))
        };
        let before = self.closed_requests.get(&(school_id, request_id)).copied();
        let is_pending = self.is_pending(school_id, request_id);
        let closed = (!is_pending).then(|| before.or_else(in_batch)).flatten();
        lookup::recall_request(envelope, closed);
    }

    pub(super) fn is_pending(&self, school_id: SchoolId, request_id: RequestId) -> bool {
        self.state(school_id)
            .is_some_and(|state| state.requests().get(request_id).is_some())
    }

    /// Whether what the command is about is not any more what the caller took it for.
    fn version_moved(&self, school_id: SchoolId, envelope: &Envelope) -> Option<RefusedBy> {
        let expected = envelope.if_version?;
        let version = version(self.state(school_id)?, &envelope.command)?;
        (version != expected).then_some(RefusedBy::VersionMoved { version })
    }

    fn resolve_and_decide(
        &self,
        school_id: SchoolId,
        envelope: &mut Envelope,
    ) -> Result<Vec<Fact>, Refusal> {
        let stream = self
            .streams
            .get(&school_id)
            .ok_or(Refusal::SchoolNotFound)?;
        if envelope.subject.is_some() {
            stream.cached.state.school()?;
            lookup::resolve_subject(&self.owners, school_id, envelope)?;
        }
        lookup::resolve_claims(&self.owners, school_id, envelope);
        if let Some(placed) = lookup::placed_by(envelope)
            && let Some(placed) = self.first_event(school_id, placed)
        {
            lookup::recall(placed, envelope);
        }
        if let Some(usage_id) = lookup::adjusts(envelope)
            && let Some(usage) = self.first_event(school_id, usage_id)
        {
            lookup::recall_usage(usage, self.newest_about(school_id, usage_id), envelope);
        }
        decide(&self.catalogue, &stream.cached.state, &envelope.command)
    }

    /// The first event of a command, from the log or from this batch.
    fn first_event(&self, school_id: SchoolId, event_id: EventId) -> Option<&Recorded> {
        let key = (school_id, event_id);
        let in_log = self.known.get(&key).map(|(recorded, _)| recorded);
        let in_batch = || {
            self.appended
                .get(&key)
                .map(|at| &self.events[at.start].recorded)
        };
        in_log.or_else(in_batch)
    }

    /// The newest event about a usage, from this batch or from the log. Few commands ask, so they
    /// look through the batch.
    fn newest_about(&self, school_id: SchoolId, usage_id: EventId) -> Option<&Recorded> {
        let mut in_batch = self.events.iter().rev().map(|new| &new.recorded);
        let is_about = |recorded: &&Recorded| {
            recorded.school_id == school_id && recorded.event.usage_id() == Some(usage_id)
        };
        in_batch
            .find(is_about)
            .or_else(|| self.newest.get(&(school_id, usage_id)))
    }

    fn append(&mut self, school_id: SchoolId, envelope: &Envelope, facts: Vec<Fact>) -> Outcome {
        let event_id = envelope.event_id;
        let start = self.events.len();
        let mut now = envelope.command.now;
        if let Some(stream) = self.streams.get_mut(&school_id) {
            let state = &mut stream.cached.state;
            now = state.not_before_last(now);
            for (index, fact) in facts.into_iter().enumerate() {
                let id = event_id.at_index(index);
                let recorded = record(state, school_id, id, envelope.command.actor, now, fact);
                let fingerprint = (index == 0).then_some(envelope.fingerprint);
                self.events.push(NewEvent {
                    recorded,
                    fingerprint,
                });
            }
        }
        let range = start..self.events.len();
        self.appended.insert((school_id, event_id), range.clone());
        lookup::note_claims(&mut self.owners, school_id, envelope);
        Outcome::Appended {
            range,
            event_id,
            // Of the state that the command leaves: before its registration a school has no period.
            period: self.period_at(school_id, now),
            view: self.view_after(school_id, envelope),
        }
    }

    /// What a dry run would bring about, recorded on a copy of the state.
    fn dry_run(&self, school_id: SchoolId, envelope: &Envelope, facts: Vec<Fact>) -> Outcome {
        let event_id = envelope.event_id;
        let mut state = self.state(school_id).cloned().unwrap_or_default();
        let now = state.not_before_last(envelope.command.now);
        let events: Vec<_> = facts
            .into_iter()
            .enumerate()
            .map(|(index, fact)| {
                let id = event_id.at_index(index);
                record(&mut state, school_id, id, envelope.command.actor, now, fact)
            })
            .collect();
        Outcome::Ready(Box::new(Ok(Receipt {
            seq: self.head(school_id),
            event_id,
            events,
            replayed: false,
            period: period_at(Some(&state), now),
            view: self.view_before(school_id, envelope),
        })))
    }

    fn unchanged(&self, school_id: SchoolId, envelope: &Envelope) -> Outcome {
        Outcome::Ready(Box::new(Ok(Receipt {
            seq: self.head(school_id),
            event_id: envelope.event_id,
            events: Vec::new(),
            replayed: false,
            period: self.period_now(school_id, envelope),
            view: self.view_before(school_id, envelope),
        })))
    }

    pub(super) fn refuse(
        &self,
        school_id: SchoolId,
        envelope: &Envelope,
        reason: RefusedBy,
    ) -> Outcome {
        let member_id = envelope.command.action.member_id();
        Outcome::Ready(Box::new(Err(Refused {
            seq: self.head(school_id),
            member_id,
            reason,
        })))
    }

    /// What the command is about as it stands.
    fn view_before(&self, school_id: SchoolId, envelope: &Envelope) -> StateView {
        let action = &envelope.command.action;
        self.state(school_id)
            .map_or_else(StateView::default, |state| StateView {
                accounts: accounts(&self.catalogue, state, action),
                school: school_view(state, action).map(Box::new),
                row_members: lookup::row_members(envelope),
            })
    }

    /// What a command that brought something about leaves, as far as its events do not tell: new
    /// terms of an allocation do not name its amount.
    pub(super) fn view_after(&self, school_id: SchoolId, envelope: &Envelope) -> StateView {
        match &envelope.command.action {
            Action::Allocation(AllocationCommand::Apply { as_batch, .. }) if !as_batch => {
                self.view_before(school_id, envelope)
            }
            Action::School(_)
            | Action::Department(_)
            | Action::Allocation(_)
            | Action::Request(_)
            | Action::Usage(_) => StateView {
                row_members: lookup::row_members(envelope),
                ..StateView::default()
            },
        }
    }

    /// The billing cycle that a command is decided in: the current one, however slow its clock.
    fn period_now(&self, school_id: SchoolId, envelope: &Envelope) -> Period {
        let now = envelope.command.now;
        let now = self
            .state(school_id)
            .map_or(now, |state| state.not_before_last(now));
        self.period_at(school_id, now)
    }

    pub(super) fn period_at(&self, school_id: SchoolId, instant: Timestamp) -> Period {
        period_at(self.state(school_id), instant)
    }
}

/// The billing cycle at `instant`; where there is no school it is empty.
fn period_at(state: Option<&SchoolState>, instant: Timestamp) -> Period {
    match state.and_then(|state| state.school().ok()) {
        Some(school) if instant < school.period.start => school.cycles.period_at(instant),
        Some(school) => school.period,
        None => Period {
            start: instant,
            end: instant,
        },
    }
}

/// Gives a fact its place in the stream and takes it into the state.
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
