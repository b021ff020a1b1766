//! Units that a decision elsewhere grants, under the rules that every allocation is under.

use std::collections::BTreeMap;

use super::decide::plus;
use super::draft::Draft;
use super::event::{AllocationChanged, AllocationEvent, Cause};
use crate::catalog::Event;
use crate::ids::MemberId;
use crate::quantity::Units;
use crate::refusal::Refusal;
use crate::school::School;
use crate::service::ServiceId;
use crate::state::SchoolState;
use crate::text::Commitment;

/// So many more units of some services for one member: all or none.
pub(crate) struct Grant<'a> {
    /// Who gets them.
    pub(crate) member_id: MemberId,
    /// How many of each service.
    pub(crate) units: &'a BTreeMap<ServiceId, Units>,
    /// Commitment to why.
    pub(crate) reason: Option<Commitment>,
    /// What the events name as their cause.
    pub(crate) cause: Cause,
}

impl Grant<'_> {
    /// The allocations that it makes. Whoever holds without limit holds no more by it.
    pub(crate) fn decide(
        &self,
        state: &SchoolState,
        school: &School,
    ) -> Result<Vec<Event>, Refusal> {
        state.present_member(self.member_id)?;
        let mut draft = Draft::new(state, school);
        let mut events = Vec::with_capacity(self.units.len());
        for (service, units) in self.units {
            let before = draft.line(self.member_id, service)?;
            let mut after = before;
            after.allocated = plus(before.allocated, *units)?;
            if after == before {
                continue;
            }
            draft.set(self.member_id, service, after)?;
            events.push(Event::Allocation(AllocationEvent::Allocated(
                AllocationChanged {
                    member_id: self.member_id,
                    service: service.clone(),
                    before: before.allocated,
                    after: after.allocated,
                    priority: after.priority,
                    auto_renew: after.auto_renew,
                    reason: self.reason,
                    cause: Some(self.cause.clone()),
                },
            )));
        }
        Ok(events)
    }
}
