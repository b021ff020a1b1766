//! The rules of departments: they need a plan, they are closed empty, and a member's allocations
//! move only into a department with headroom for them.

use super::command::DepartmentCommand;
use super::event::{DepartmentClosed, DepartmentEvent, DepartmentOpened, MemberMoved};
use crate::allocation::{self, Holder};
use crate::catalog::Event;
use crate::ids::{DepartmentId, MemberId};
use crate::plan::{Catalogue, Management};
use crate::refusal::Refusal;
use crate::school::{Member, MemberStatus, School};
use crate::state::SchoolState;

pub(crate) fn decide(
    catalogue: &Catalogue,
    state: &SchoolState,
    command: &DepartmentCommand,
) -> Result<Vec<Event>, Refusal> {
    let school = state.school()?;
    if !undoes(state, command) {
        allocation::needs(catalogue, school, Management::Advanced)?;
    }
    match command {
        DepartmentCommand::Open { department_id } => open(state, *department_id),
        DepartmentCommand::Close { department_id } => close(state, *department_id),
        DepartmentCommand::Move { member_id, to } => {
            state.present_member(*member_id)?;
            Ok(moved(state, school, *member_id, *to)?.into_iter().collect())
        }
    }
}

/// Whether a command only undoes what a larger plan permitted, which is possible under any plan.
fn undoes(state: &SchoolState, command: &DepartmentCommand) -> bool {
    match command {
        DepartmentCommand::Open { .. } => false,
        DepartmentCommand::Close { department_id } => state.open_department(*department_id).is_ok(),
        DepartmentCommand::Move { member_id, to } => {
            let has_department = |member: &Member| member.department_id.is_some();
            to.is_none() && state.present_member(*member_id).is_ok_and(has_department)
        }
    }
}

/// An id is used once, so that the log refers to one department by it.
fn open(state: &SchoolState, department_id: DepartmentId) -> Result<Vec<Event>, Refusal> {
    if department_id.0.is_nil() {
        return Err(Refusal::NilDepartment);
    }
    if state.departments.contains_key(&department_id) {
        return Err(Refusal::DepartmentExists { department_id });
    }
    Ok(vec![Event::Department(DepartmentEvent::Opened(
        DepartmentOpened { department_id },
    ))])
}

fn close(state: &SchoolState, department_id: DepartmentId) -> Result<Vec<Event>, Refusal> {
    state.open_department(department_id)?;
    let members = state.members.values().filter(|member| {
        member.department_id == Some(department_id) && member.status != MemberStatus::Removed
    });
    let members = members.count();
    if members > 0 {
        return Err(Refusal::DepartmentNotEmpty {
            department_id,
            members,
        });
    }
    let holder = Holder::Department(department_id);
    let mut events: Vec<Event> =
        allocation::returned(state, holder, &allocation::Cause::DepartmentClosed).collect();
    events.push(Event::Department(DepartmentEvent::Closed(
        DepartmentClosed { department_id },
    )));
    Ok(events)
}

/// The move of a present or past member with all allocations; `None` if already there.
pub(crate) fn moved(
    state: &SchoolState,
    school: &School,
    member_id: MemberId,
    to: Option<DepartmentId>,
) -> Result<Option<Event>, Refusal> {
    if let Some(department_id) = to {
        state.open_department(department_id)?;
    }
    let before = state.funded_by(Holder::Member(member_id));
    if before == to {
        return Ok(None);
    }
    let units = allocation::movable(state, school, member_id, to)?;
    Ok(Some(Event::Department(DepartmentEvent::MemberMoved(
        MemberMoved {
            member_id,
            before,
            after: to,
            units,
        },
    ))))
}
