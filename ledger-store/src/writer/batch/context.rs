//! The context of a decision: what it needs besides the state, from the log, the directory and the
//! earlier commands of the batch.

use ledger_core::request::ClosedRequest;
use ledger_core::usage::{Hold, PriorUsage};
use ledger_core::{Action, Context, EventId, ExternalId, Key, Recorded, RequestId, SchoolId};

use super::Batch;
use crate::writer::envelope::Envelope;
use crate::writer::lookup;

/// The input of one decision.
pub(super) struct Input<'a> {
    pub school_id: SchoolId,
    pub envelope: &'a Envelope,
    pub context: Context,
}

impl Input<'_> {
    pub fn action(&self) -> &Action {
        &self.envelope.command.action
    }
}

impl Batch {
    /// Adds the context to a command.
    pub(super) fn input<'a>(&self, school_id: SchoolId, envelope: &'a Envelope) -> Input<'a> {
        let needs = envelope.command.action.needs();
        let owner = |id: &ExternalId| {
            let key = (school_id, id.clone());
            let owner = self.known.owners.get(&key).copied()?;
            Some((key.1, owner))
        };
        let context = Context {
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
        };
        Input {
            school_id,
            envelope,
            context,
        }
    }

    /// Returns whether the state has the request, so that its outcome need not be looked up.
    pub(super) fn is_pending(&self, school_id: SchoolId, request_id: RequestId) -> bool {
        self.state(school_id)
            .is_some_and(|state| state.requests().get(request_id).is_some())
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

    /// Returns the first event of a command, from the log or from this batch.
    fn first_event(&self, school_id: SchoolId, event_id: EventId) -> Option<&Recorded> {
        let key = (school_id, event_id);
        let in_log = self.known.events.get(&key).map(|(recorded, _)| recorded);
        let in_batch = || {
            let range = self.appended.get(&key)?;
            Some(&self.events[range.start].recorded)
        };
        in_log.or_else(in_batch)
    }

    /// Returns the school's events of this batch, newest first. A scan, which few commands need.
    fn newest_first(&self, school_id: SchoolId) -> impl Iterator<Item = &Recorded> {
        let events = self.events.iter().rev().map(|new| &new.recorded);
        events.filter(move |recorded| recorded.school_id == school_id)
    }
}
