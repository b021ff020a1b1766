//! How events about allocations change the state.

use super::event::AllocationEvent;
use super::holder::Holder;
use super::line::Priority;
use crate::ids::{DepartmentId, MemberId, Seq};
use crate::quantity::Quota;
use crate::school::MemberStatus;
use crate::service::ServiceId;
use crate::state::SchoolState;

pub(crate) fn evolve(state: &mut SchoolState, seq: Seq, event: &AllocationEvent) {
    match event {
        AllocationEvent::Allocated(e) | AllocationEvent::Revoked(e) => {
            set_allocated(state, seq, e.holder, &e.service, e.after);
            set_terms(state, e.holder, &e.service, e.priority, e.auto_renew);
        }
        AllocationEvent::Transferred(e) => {
            set_allocated(state, seq, e.holder, &e.service, e.after);
            set_allocated(state, seq, e.to, &e.service, e.to_after);
        }
        AllocationEvent::TermsSet(e) => {
            set_terms(state, e.holder, &e.service, e.priority, e.auto_renew);
        }
        AllocationEvent::Suspended(e) => set_status(state, e.member_id, MemberStatus::Suspended),
        AllocationEvent::Reactivated(e) => set_status(state, e.member_id, MemberStatus::Active),
    }
}

/// Sets the allocation of a holder, by the event at `seq`.
pub(crate) fn set_allocated(
    state: &mut SchoolState,
    seq: Seq,
    holder: Holder,
    service: &ServiceId,
    after: Quota,
) {
    let before = state.line(holder, service).allocated;
    let funded_by = state.funded_by(holder);
    state.pool_mut(funded_by, service).replace(before, after);
    let set_since = |since: &mut Seq| {
        if after == Quota::ZERO {
            *since = Seq::ZERO;
        } else if before == Quota::ZERO {
            *since = seq;
        }
    };
    match holder {
        Holder::Member(member_id) => {
            let draws_on_pool = state.draws_on_pool();
            if let Some(member) = state.members.get_mut(&member_id) {
                let line = member.line_mut(service);
                set_since(&mut line.since);
                line.allocated = after;
                state
                    .pending_reclaims
                    .note(member_id, member, draws_on_pool);
            }
        }
        Holder::Department(department_id) => {
            if let Some(department) = state.departments.get_mut(&department_id) {
                let line = department.line_mut(service);
                set_since(&mut line.since);
                line.pool.total = after;
            }
            note_department(state, department_id);
        }
    }
    if let Some(department_id) = funded_by {
        note_department(state, department_id);
    }
}

/// Updates whether a department has units to reclaim.
pub(crate) fn note_department(state: &mut SchoolState, department_id: DepartmentId) {
    let draws_on_pool = state.draws_on_pool();
    if let Some(department) = state.departments.get(&department_id) {
        state
            .pending_reclaims
            .note_department(department_id, department, draws_on_pool);
    }
}

fn set_terms(
    state: &mut SchoolState,
    holder: Holder,
    service: &ServiceId,
    priority: Priority,
    auto_renew: bool,
) {
    let terms = match holder {
        Holder::Member(member_id) => state.members.get_mut(&member_id).map(|member| {
            let line = member.line_mut(service);
            (&mut line.priority, &mut line.auto_renew)
        }),
        Holder::Department(department_id) => {
            let department = state.departments.get_mut(&department_id);
            department.map(|department| {
                let line = department.line_mut(service);
                (&mut line.priority, &mut line.auto_renew)
            })
        }
    };
    if let Some(terms) = terms {
        (*terms.0, *terms.1) = (priority, auto_renew);
    }
}

fn set_status(state: &mut SchoolState, member_id: MemberId, status: MemberStatus) {
    if let Some(member) = state.members.get_mut(&member_id) {
        member.status = status;
    }
}
