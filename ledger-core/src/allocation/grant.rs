//! Grants by decisions elsewhere, under the rules of every allocation.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::event::{AllocationChanged, AllocationEvent, Cause};
use super::holder::Holder;
use super::line::Priority;
use crate::catalog::Event;
use crate::ids::{DepartmentId, MemberId};
use crate::plan::Quotas;
use crate::quantity::Units;
use crate::refusal::Refusal;
use crate::school::School;
use crate::service::ServiceId;
use crate::state::SchoolState;
use crate::text::Commitment;

/// A grant of units of some services to one member: all or none.
pub(crate) struct Grant<'a> {
    /// The member.
    pub(crate) member_id: MemberId,
    /// The units of each service.
    pub(crate) units: &'a BTreeMap<ServiceId, Units>,
    /// The commitment to the reason.
    pub(crate) reason: Option<Commitment>,
    /// The cause that the events name.
    pub(crate) cause: Cause,
}

impl Grant<'_> {
    /// The events of the grant. An unlimited allocation stays as it is.
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
            after.allocated = before.plus(*units)?;
            if after == before {
                continue;
            }
            draft.set(holder, service, after)?;
            let allocated = AllocationEvent::Allocated(AllocationChanged {
                holder,
                funded_by: draft.funded_by(holder),
                service: service.clone(),
                before: before.allocated,
                after: after.allocated,
                priority: after.priority,
                auto_renew: after.auto_renew,
                reason: self.reason,
                cause: Some(self.cause.clone()),
            });
            events.push(allocated.into());
        }
        Ok(events)
    }
}

/// The allocations that a member takes along to another department or to none.
///
/// # Errors
/// The refusal if there is no headroom for them.
pub(crate) fn movable(
    state: &SchoolState,
    school: &School,
    member_id: MemberId,
    to: Option<DepartmentId>,
) -> Result<Quotas, Refusal> {
    Draft::new(state, school).move_member(member_id, to)
}

/// The grant of the school's default quota to a new teacher, as far as the headroom of the cap and
/// of the department or pool allows.
pub(crate) fn grant_default_quota(
    state: &SchoolState,
    school: &School,
    member_id: MemberId,
    funded_by: Option<DepartmentId>,
) -> Result<Vec<Event>, Refusal> {
    let holder = Holder::Member(member_id);
    let mut draft = Draft::new(state, school);
    // A member who returns brings along the units used before.
    if state.funded_by(holder) != funded_by {
        draft.move_member(member_id, funded_by)?;
    }
    let quotas = school.settings.default_member_quota.iter();
    Ok(quotas
        .map(|(service, quota)| {
            let before = state.line(holder, service).allocated;
            let after = draft.within_headroom(funded_by, service, before, *quota);
            (service, before, after)
        })
        .filter(|(_, before, after)| before.fits_in(*after) && before != after)
        .map(|(service, before, after)| {
            let allocated = AllocationEvent::Allocated(AllocationChanged {
                holder,
                funded_by,
                service: service.clone(),
                before,
                after,
                priority: Priority::default(),
                auto_renew: false,
                reason: None,
                cause: Some(Cause::Enrolment),
            });
            allocated.into()
        })
        .collect())
}
