//! Units that a decision elsewhere grants, under the rules that every allocation is under.

use std::collections::BTreeMap;

use super::decide::plus;
use super::draft::Draft;
use super::event::{AllocationChanged, AllocationEvent, Cause};
use super::holder::Holder;
use crate::catalog::Event;
use crate::ids::{DepartmentId, MemberId};
use crate::plan::Quotas;
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
        let holder = Holder::Member(self.member_id);
        let mut draft = Draft::new(state, school);
        let mut events = Vec::with_capacity(self.units.len());
        for (service, units) in self.units {
            let before = draft.line(holder, service)?;
            let mut after = before;
            after.allocated = plus(before.allocated, *units)?;
            if after == before {
                continue;
            }
            draft.set(holder, service, after)?;
            events.push(Event::Allocation(AllocationEvent::Allocated(
                AllocationChanged {
                    holder,
                    out_of: draft.out_of(holder),
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

/// What a member holds, if there is room for it where he is to move.
pub(crate) fn movable(
    state: &SchoolState,
    school: &School,
    member_id: MemberId,
    to: Option<DepartmentId>,
) -> Result<Quotas, Refusal> {
    Draft::new(state, school).moved(member_id, to)
}

/// What a new teacher is granted: the school's default, as far as the cap and what it comes out of
/// reach, which is his department's allocation or the pool.
pub(crate) fn default_grant(
    state: &SchoolState,
    school: &School,
    member_id: MemberId,
    out_of: Option<DepartmentId>,
) -> Result<Vec<Event>, Refusal> {
    let holder = Holder::Member(member_id);
    let mut draft = Draft::new(state, school);
    // Somebody who comes back brings along what he used before he left.
    if state.out_of(holder) != out_of {
        draft.moved(member_id, out_of)?;
    }
    let grants = school.settings.default_grant.iter();
    Ok(grants
        .map(|(service, grant)| {
            let before = state.line(holder, service).allocated;
            let after = draft.reachable(out_of, service, before, *grant);
            (service, before, after)
        })
        .filter(|(_, before, after)| before.fits_in(*after) && before != after)
        .map(|(service, before, after)| {
            Event::Allocation(AllocationEvent::Allocated(AllocationChanged {
                holder,
                out_of,
                service: service.clone(),
                before,
                after,
                priority: super::Priority::default(),
                auto_renew: false,
                reason: None,
                cause: Some(Cause::Enrolment),
            }))
        })
        .collect())
}
