//! The rules of allocating, suspending and returning units.

use super::batch::{Batch, is_advanced};
use super::command::AllocationCommand;
use super::event::{AllocationEvent, Cause, MemberReactivated, MemberSuspended};
use super::holder::Holder;
use super::reclaim::revoked;
use crate::catalog::Event;
use crate::context::Context;
use crate::ids::MemberId;
use crate::plan::{Catalogue, Management};
use crate::refusal::Refusal;
use crate::school::{MemberStatus, School};
use crate::state::SchoolState;
use crate::text::FreeText;

pub(crate) fn decide(
    catalogue: &Catalogue,
    state: &SchoolState,
    command: &AllocationCommand,
    context: &Context,
) -> Result<Vec<Event>, Refusal> {
    let school = state.school()?;
    if !undoes(state, command) {
        needs(catalogue, school, needed(school, command))?;
    }
    let (rows, reason, cause) = match command {
        AllocationCommand::Apply {
            rows,
            reason,
            as_batch,
        } => (rows, reason, as_batch.then_some(Cause::Batch)),
        AllocationCommand::Import { rows, reason } => (rows, reason, Some(Cause::Batch)),
        AllocationCommand::Suspend { member_id, reason } => {
            return suspend(state, *member_id, reason);
        }
        AllocationCommand::Reactivate { member_id, reason } => {
            return reactivate(state, *member_id, reason);
        }
    };
    let batch = Batch {
        catalogue,
        context,
        state,
        school,
        reason: reason.commitment(),
        cause,
    };
    batch.apply(rows)
}

/// The allocation management that the plan must include before any row is checked. A plan with
/// allocations refuses an advanced row by itself; a plan without must include the whole command.
fn needed(school: &School, command: &AllocationCommand) -> Management {
    if school.management == Management::None && command.rows().iter().any(is_advanced) {
        return Management::Advanced;
    }
    command.management()
}

/// Whether a command only ends a suspension, which is possible under any plan: a member must not
/// stay suspended because the school pays for less.
fn undoes(state: &SchoolState, command: &AllocationCommand) -> bool {
    match command {
        AllocationCommand::Reactivate { member_id, .. } => state
            .member(*member_id)
            .is_ok_and(|member| member.status == MemberStatus::Suspended),
        AllocationCommand::Apply { .. }
        | AllocationCommand::Import { .. }
        | AllocationCommand::Suspend { .. } => false,
    }
}

/// Checks that the plan includes the management.
///
/// # Errors
/// [`Refusal::PlanRequired`] with the lowest tier that includes it.
pub(crate) fn needs(
    catalogue: &Catalogue,
    school: &School,
    needs: Management,
) -> Result<(), Refusal> {
    if school.management >= needs {
        return Ok(());
    }
    let tier = catalogue.tier_with(school.org_type, needs);
    Err(Refusal::PlanRequired {
        has: school.management,
        needs,
        tier,
    })
}

fn suspend(
    state: &SchoolState,
    member_id: MemberId,
    reason: &FreeText,
) -> Result<Vec<Event>, Refusal> {
    if state.present_member(member_id)?.status == MemberStatus::Suspended {
        return Ok(Vec::new());
    }
    let reason = reason.commitment();
    let suspended = MemberSuspended { member_id, reason };
    Ok(vec![AllocationEvent::Suspended(suspended).into()])
}

fn reactivate(
    state: &SchoolState,
    member_id: MemberId,
    reason: &FreeText,
) -> Result<Vec<Event>, Refusal> {
    if state.present_member(member_id)?.status == MemberStatus::Active {
        return Ok(Vec::new());
    }
    let reason = reason.commitment();
    let reactivated = MemberReactivated { member_id, reason };
    Ok(vec![AllocationEvent::Reactivated(reactivated).into()])
}

/// The first due return of unused units: of a removed member, of a closed department, or of any
/// holder if the plan has no allocations.
pub(crate) fn due(state: &SchoolState) -> Option<Event> {
    state.pending_reclaims.iter().find_map(|holder| {
        let cause = match holder {
            Holder::Member(member_id) => match state.member(member_id).ok()?.status {
                MemberStatus::Removed => Cause::Removal,
                MemberStatus::Active | MemberStatus::Suspended => Cause::Downgrade,
            },
            Holder::Department(department_id) => {
                if state.department(department_id).ok()?.closed {
                    Cause::DepartmentClosed
                } else {
                    Cause::Downgrade
                }
            }
        };
        returned(state, holder, &cause).next()
    })
}

/// The return of all unused units of a holder.
pub(crate) fn returned<'a>(
    state: &'a SchoolState,
    holder: Holder,
    cause: &'a Cause,
) -> impl Iterator<Item = Event> + 'a {
    let member = holder.member_id().and_then(|id| state.member(id).ok());
    let members = member.into_iter().flat_map(|member| {
        let lines = member.lines();
        lines.map(|(service, line)| (service, *line, line.min_allocated()))
    });
    let department = holder
        .department_id()
        .and_then(|id| state.department(id).ok());
    let departments = department.into_iter().flat_map(|department| {
        let lines = department.lines();
        lines.map(|(service, line)| (service, line.line(), line.pool.min_total()))
    });
    let funded_by = state.funded_by(holder);
    members
        .chain(departments)
        .filter_map(move |(service, line, after)| {
            // An unlimited line stays if its used units and the finite allocations do not fit into
            // 64 bits. The total is unlimited then, so no unit is missing.
            let pool = state.pool_of(funded_by, service);
            pool.replacing(line.allocated, after)?;
            (after != line.allocated)
                .then(|| revoked((holder, funded_by), service, &line, after, cause.clone()))
        })
}
