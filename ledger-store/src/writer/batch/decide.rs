//! Decides the commands of a batch one after another, each on what the ones before it left.

use std::ops::Range;

use ledger_core::allocation::{AllocationCommand, HolderName};
use ledger_core::decider::{accounts, decide, due, school_view, version};
use ledger_core::request::ClosedRequest;
use ledger_core::usage::{Hold, PriorUsage};
use ledger_core::{
    Action, Actor, Context, EventId, ExternalId, Fact, Key, MemberId, Owner, Period, Recorded,
    Refusal, RequestId, SchoolId, SchoolState, Timestamp, evolve,
};

use super::Batch;
use super::outcome::Outcome;
use crate::row::NewEvent;
use crate::writer::answer::{Receipt, Refused, RefusedBy, StateView};
use crate::writer::envelope::Envelope;
use crate::writer::{lookup, replay};

impl Batch {
    /// Decides a new command.
    pub(super) fn decide_new(&mut self, school_id: SchoolId, envelope: &Envelope) -> Outcome {
        self.catch_up_with_time(school_id, envelope.command.now);
        let context = self.context(school_id, envelope);
        if let Some(moved) = self.version_moved(school_id, envelope, &context) {
            return self.refuse(school_id, envelope, &context, moved);
        }
        let decided = match self.state(school_id) {
            Some(state) => decide(&self.catalogue, state, &envelope.command, &context),
            None => Err(Refusal::SchoolNotFound),
        };
        match decided {
            Ok(facts) if envelope.dry_run => self.dry_run(school_id, envelope, &context, facts),
            Ok(facts) if facts.is_empty() => self.unchanged(school_id, envelope, &context),
            Ok(facts) => self.append(school_id, envelope, &context, facts),
            Err(refusal) => {
                let reason = RefusedBy::Rule(Box::new(refusal));
                self.refuse(school_id, envelope, &context, reason)
            }
        }
    }

    /// What the decision of a command needs besides the state, from the log, the directory and the
    /// batch so far.
    pub(super) fn context(&self, school_id: SchoolId, envelope: &Envelope) -> Context {
        let needs = envelope.command.action.needs();
        let owner = |id: &ExternalId| {
            let key = (school_id, id.clone());
            let owner = self.known.owners.get(&key).copied()?;
            Some((key.1, owner))
        };
        Context {
            closed_hold: needs
                .hold
                .and_then(|hold_id| self.closed_hold(school_id, hold_id)),
            closed_request: needs
                .request
                .and_then(|request_id| self.closed_request(school_id, request_id)),
            prior_usage: needs
                .usage
                .and_then(|usage_id| self.prior_usage(school_id, usage_id)),
            owners: needs.external_ids.into_iter().filter_map(owner).collect(),
            actor_member: envelope.actor_member,
        }
    }

    fn closed_hold(&self, school_id: SchoolId, hold_id: &Key) -> Option<Hold> {
        if self.state(school_id)?.is_held(hold_id) {
            return None;
        }
        let placed = self.first_event(school_id, lookup::placed_by(hold_id))?;
        lookup::hold(placed)
    }

    fn closed_request(&self, school_id: SchoolId, request_id: RequestId) -> Option<ClosedRequest> {
        if self.is_pending(school_id, request_id) {
            return None;
        }
        let in_log = self.known.requests.get(&(school_id, request_id)).copied();
        let in_batch = || {
            let mut closed = self
                .newest_first(school_id)
                .filter_map(lookup::closed_request);
            closed.find_map(|(id, outcome)| (id == request_id).then_some(outcome))
        };
        in_log.or_else(in_batch)
    }

    fn prior_usage(&self, school_id: SchoolId, usage_id: EventId) -> Option<PriorUsage> {
        let usage = self.first_event(school_id, usage_id)?;
        let mut in_batch = self.newest_first(school_id);
        let newest = in_batch
            .find(|recorded| recorded.event.usage_id() == Some(usage_id))
            .or_else(|| self.known.newest.get(&(school_id, usage_id)));
        PriorUsage::of(usage, newest)
    }

    /// The first event of a command, from the log or from this batch.
    fn first_event(&self, school_id: SchoolId, event_id: EventId) -> Option<&Recorded> {
        let key = (school_id, event_id);
        let in_log = self.known.events.get(&key).map(|(recorded, _)| recorded);
        let in_batch = || {
            let range = self.appended.get(&key)?;
            Some(&self.events[range.start].recorded)
        };
        in_log.or_else(in_batch)
    }

    /// The school's events of this batch, the newest first. A scan: few commands need it.
    fn newest_first(&self, school_id: SchoolId) -> impl Iterator<Item = &Recorded> {
        let events = self.events.iter().rev().map(|new| &new.recorded);
        events.filter(move |recorded| recorded.school_id == school_id)
    }

    pub(super) fn is_pending(&self, school_id: SchoolId, request_id: RequestId) -> bool {
        self.state(school_id)
            .is_some_and(|state| state.requests().get(request_id).is_some())
    }

    /// The outcome of an earlier command of this batch.
    pub(super) fn repeat(
        &self,
        school_id: SchoolId,
        envelope: &Envelope,
        range: Range<usize>,
    ) -> Outcome {
        let context = self.context(school_id, envelope);
        let first = &self.events[range.start];
        if let Err(refused) = replay::check(envelope, &first.recorded, first.fingerprint) {
            return self.refuse(school_id, envelope, &context, refused);
        }
        let event_id = first.recorded.event_id;
        let period = self.period_at(school_id, first.recorded.recorded_at);
        Outcome::Repeated {
            range,
            event_id,
            period,
            view: self.view_after(school_id, envelope, &context),
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

    /// The refusal of a command whose subject is no longer at the version that the caller expects.
    fn version_moved(
        &self,
        school_id: SchoolId,
        envelope: &Envelope,
        context: &Context,
    ) -> Option<RefusedBy> {
        let expected = envelope.if_version?;
        let version = version(self.state(school_id)?, &envelope.command, context)?;
        (version != expected).then_some(RefusedBy::VersionMoved { version })
    }

    fn append(
        &mut self,
        school_id: SchoolId,
        envelope: &Envelope,
        context: &Context,
        facts: Vec<Fact>,
    ) -> Outcome {
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
        self.known.note_owners(school_id, &envelope.command.action);
        Outcome::Appended {
            range,
            event_id,
            // Of the state that the command leaves: before its registration a school has no period.
            period: self.period_at(school_id, now),
            view: self.view_after(school_id, envelope, &context),
        }
    }

    /// The events of a dry run, applied to a copy of the state.
    fn dry_run(
        &self,
        school_id: SchoolId,
        envelope: &Envelope,
        context: &Context,
        facts: Vec<Fact>,
    ) -> Outcome {
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
            view: self.view_before(school_id, envelope, context),
        })))
    }

    fn unchanged(&self, school_id: SchoolId, envelope: &Envelope, context: &Context) -> Outcome {
        Outcome::Ready(Box::new(Ok(Receipt {
            seq: self.head(school_id),
            event_id: envelope.event_id,
            events: Vec::new(),
            replayed: false,
            period: self.period_now(school_id, envelope),
            view: self.view_before(school_id, envelope, context),
        })))
    }

    pub(super) fn refuse(
        &self,
        school_id: SchoolId,
        envelope: &Envelope,
        context: &Context,
        reason: RefusedBy,
    ) -> Outcome {
        let spender = envelope.command.action.spender();
        let member_id = spender.and_then(|owner| context.member_id(owner).ok());
        Outcome::Ready(Box::new(Err(Refused {
            seq: self.head(school_id),
            member_id,
            reason,
        })))
    }

    /// What the command is about as it stands.
    fn view_before(
        &self,
        school_id: SchoolId,
        envelope: &Envelope,
        context: &Context,
    ) -> StateView {
        let action = &envelope.command.action;
        self.state(school_id)
            .map_or_else(StateView::default, |state| StateView {
                accounts: accounts(&self.catalogue, state, action, context),
                school: school_view(state, action).map(Box::new),
                row_members: row_members(action, context),
            })
    }

    /// What a command that brought something about leaves, as far as its events do not tell: new
    /// terms of an allocation do not name its amount.
    pub(super) fn view_after(
        &self,
        school_id: SchoolId,
        envelope: &Envelope,
        context: &Context,
    ) -> StateView {
        let action = &envelope.command.action;
        match action {
            Action::Allocation(AllocationCommand::Apply { as_batch, .. }) if !as_batch => {
                self.view_before(school_id, envelope, context)
            }
            Action::School(_)
            | Action::Department(_)
            | Action::Allocation(_)
            | Action::Request(_)
            | Action::Usage(_) => StateView {
                row_members: row_members(action, context),
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

/// The member of each row of an allocation command that names members by external id; `None` for
/// an external id without an owner and for a department.
fn row_members(action: &Action, context: &Context) -> Vec<Option<MemberId>> {
    let Action::Allocation(command) = action else {
        return Vec::new();
    };
    let rows = command.rows();
    let is_external = |name: &HolderName| matches!(name, HolderName::Owner(Owner::External(_)));
    if !rows.iter().any(|row| is_external(&row.holder)) {
        return Vec::new();
    }
    rows.iter()
        .map(|row| context.holder(&row.holder).ok()?.member_id())
        .collect()
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
