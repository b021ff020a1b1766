//! The rules of allocating, transferring and suspending.

use std::collections::BTreeSet;

use super::command::{AllocationCommand, AllocationRow, Change};
use super::draft::Draft;
use super::event::{
    AllocationChanged, AllocationEvent, Cause, MemberReactivated, MemberSuspended, TermsSet,
    UnitsTransferred,
};
use super::holder::Holder;
use super::reclaim::revoked;
use super::state::Line;
use crate::catalog::Event;
use crate::context::Context;
use crate::ids::{DepartmentId, MemberId};
use crate::plan::{Catalogue, Management};
use crate::quantity::{Quota, Units};
use crate::refusal::{Refusal, RowRefusal, known_service};
use crate::school::{School, Standing};
use crate::service::ServiceId;
use crate::state::SchoolState;
use crate::text::{Commitment, FreeText};

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
        school,
        reason: reason.commitment(),
        cause,
    };
    batch.apply(state, rows)
}

/// What the plan must include before a row is looked at. Where it includes allocations, a row that
/// needs more is refused by itself; where it includes none, the plan that is named must have all of
/// the command.
fn needed(school: &School, command: &AllocationCommand) -> Management {
    if school.management == Management::None && command.rows().iter().any(is_advanced) {
        return Management::Advanced;
    }
    command.management()
}

/// Whether a row is a transfer or a department's.
const fn is_advanced(row: &AllocationRow) -> bool {
    matches!(row.change, Change::Transfer { .. }) || row.holder.department_id().is_some()
}

/// Whether a command only ends what a plan with allocation management began: a member who was
/// suspended must not stay so because the school pays for less.
fn undoes(state: &SchoolState, command: &AllocationCommand) -> bool {
    match command {
        AllocationCommand::Reactivate { member_id, .. } => state
            .member(*member_id)
            .is_ok_and(|member| member.standing == Standing::Suspended),
        AllocationCommand::Apply { .. }
        | AllocationCommand::Import { .. }
        | AllocationCommand::Suspend { .. } => false,
    }
}

/// A command that the plan does not include names the plan that would.
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

struct Batch<'a> {
    catalogue: &'a Catalogue,
    context: &'a Context,
    school: &'a School,
    reason: Commitment,
    cause: Option<Cause>,
}

/// A row with what it comes to: read once, refused or done later.
struct Resolved<'a> {
    index: usize,
    row: &'a AllocationRow,
    holder: Holder,
    service: ServiceId,
    rank: u8,
}

/// The lines that the rows so far name. One row changes a line, or transfers move units on it:
/// both together would come out differently in another order.
#[derive(Default)]
struct Named {
    changed: BTreeSet<(Holder, ServiceId)>,
    moved: BTreeSet<(Holder, ServiceId)>,
}

impl Named {
    fn take(&mut self, holder: Holder, service: &ServiceId, change: Change) -> Result<(), Refusal> {
        let line = (holder, service.clone());
        let repeated = match change {
            Change::Transfer { to, .. } => {
                let other = (to, service.clone());
                let changed = self.changed.contains(&line) || self.changed.contains(&other);
                self.moved.extend([line, other]);
                changed
            }
            Change::Set(_) | Change::Add(_) | Change::Revoke(_) | Change::Keep => {
                self.moved.contains(&line) || !self.changed.insert(line)
            }
        };
        if repeated {
            Err(Refusal::RepeatedRow)
        } else {
            Ok(())
        }
    }
}

impl Batch<'_> {
    /// Rows that give back are done before rows that take, and of those the members' before their
    /// departments', which take before their members do: so a batch succeeds in any order of its
    /// rows whenever its end is allowed, and no event between breaks a rule. Transfers alone build
    /// on each other: they keep the given order.
    fn apply(&self, state: &SchoolState, rows: &[AllocationRow]) -> Result<Vec<Event>, Refusal> {
        let mut refused = Vec::new();
        let mut named = Named::default();
        let mut resolved = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            match self.resolve(state, &mut named, index, row) {
                Ok(row) => resolved.push(row),
                Err(refusal) => refused.push(RowRefusal { index, refusal }),
            }
        }
        resolved.sort_by_key(|row| row.rank);
        let mut draft = Draft::new(state, self.school);
        let mut events = Vec::with_capacity(rows.len());
        for Resolved {
            index,
            row,
            holder,
            service,
            ..
        } in resolved
        {
            match self.change(&mut draft, row, holder, &service) {
                Ok(event) => events.extend(event.map(Event::Allocation)),
                Err(refusal) => refused.push(RowRefusal { index, refusal }),
            }
        }
        if refused.is_empty() {
            return Ok(events);
        }
        if self.cause.is_none() && refused.len() == 1 {
            return Err(refused.swap_remove(0).refusal);
        }
        refused.sort_by_key(|row| row.index);
        Err(Refusal::Rows(refused))
    }

    fn resolve<'r>(
        &self,
        state: &SchoolState,
        named: &mut Named,
        index: usize,
        row: &'r AllocationRow,
    ) -> Result<Resolved<'r>, Refusal> {
        let service = known_service(self.catalogue, &row.service)?;
        if is_advanced(row) {
            needs(self.catalogue, self.school, Management::Advanced)?;
        }
        let holder = self.context.holder(&row.holder)?;
        let line = Draft::new(state, self.school).line(holder, &service)?;
        named.take(holder, &service, row.change)?;
        let is_department = matches!(holder, Holder::Department(_));
        let rank = match row.change {
            Change::Revoke(_) => u8::from(is_department),
            Change::Set(units) if units.fits_in(line.allocated) => u8::from(is_department),
            Change::Transfer { .. } => 2,
            Change::Set(_) | Change::Add(_) | Change::Keep => 3 + u8::from(!is_department),
        };
        Ok(Resolved {
            index,
            row,
            holder,
            service,
            rank,
        })
    }

    fn change(
        &self,
        draft: &mut Draft<'_>,
        row: &AllocationRow,
        holder: Holder,
        service: &ServiceId,
    ) -> Result<Option<AllocationEvent>, Refusal> {
        let before = draft.line(holder, service)?;
        let mut after = before;
        after.priority = row.priority.unwrap_or(before.priority);
        after.auto_renew = row.auto_renew.unwrap_or(before.auto_renew);
        after.allocated = match row.change {
            Change::Set(units) => units,
            Change::Add(units) => plus(before.allocated, above_zero(units)?)?,
            Change::Revoke(None) => draft.least(holder, service, &before),
            Change::Revoke(Some(units)) => {
                draft.without(holder, service, &before, above_zero(units)?)?
            }
            Change::Transfer { units, to } => {
                return self.transfer(draft, holder, to, service, units);
            }
            Change::Keep => before.allocated,
        };
        if after.allocated == before.allocated {
            draft.keep(holder, service, after);
        } else {
            draft.set(holder, service, after)?;
        }
        Ok(self.event(holder, draft.out_of(holder), service, (&before, &after)))
    }

    fn event(
        &self,
        holder: Holder,
        out_of: Option<DepartmentId>,
        service: &ServiceId,
        (before, after): (&Line, &Line),
    ) -> Option<AllocationEvent> {
        if before == after {
            return None;
        }
        if before.allocated == after.allocated {
            return Some(AllocationEvent::TermsSet(TermsSet {
                holder,
                service: service.clone(),
                priority_before: before.priority,
                priority: after.priority,
                auto_renew_before: before.auto_renew,
                auto_renew: after.auto_renew,
                reason: self.reason,
                cause: self.cause.clone(),
            }));
        }
        let changed = AllocationChanged {
            holder,
            out_of,
            service: service.clone(),
            before: before.allocated,
            after: after.allocated,
            priority: after.priority,
            auto_renew: after.auto_renew,
            reason: Some(self.reason),
            cause: self.cause.clone(),
        };
        Some(if before.allocated.fits_in(after.allocated) {
            AllocationEvent::Allocated(changed)
        } else {
            AllocationEvent::Revoked(changed)
        })
    }

    fn transfer(
        &self,
        draft: &mut Draft<'_>,
        holder: Holder,
        to: Holder,
        service: &ServiceId,
        units: Units,
    ) -> Result<Option<AllocationEvent>, Refusal> {
        if holder == to {
            return Err(Refusal::TransferToSelf);
        }
        let (out_of, to_out_of) = (draft.out_of(holder), draft.out_of(to));
        let is_own = |department: Holder, out_of: Option<DepartmentId>| {
            out_of.is_some() && department.department_id() == out_of
        };
        if is_own(holder, to_out_of) || is_own(to, out_of) {
            return Err(Refusal::TransferWithinDepartment);
        }
        let units = above_zero(units)?;
        let from_before = draft.line(holder, service)?;
        let to_before = draft.line(to, service)?;
        let from_after = Line {
            allocated: draft.without(holder, service, &from_before, units)?,
            ..from_before
        };
        let to_after = Line {
            allocated: plus(to_before.allocated, units)?,
            ..to_before
        };
        draft.transfer((holder, from_after), (to, to_after), service)?;
        Ok(Some(AllocationEvent::Transferred(UnitsTransferred {
            holder,
            out_of,
            to,
            to_out_of,
            service: service.clone(),
            units,
            before: from_before.allocated,
            after: from_after.allocated,
            to_before: to_before.allocated,
            to_after: to_after.allocated,
            reason: self.reason,
            cause: self.cause.clone(),
        })))
    }
}

fn above_zero(units: Units) -> Result<Units, Refusal> {
    if units.is_zero() {
        Err(Refusal::NothingAsked)
    } else {
        Ok(units)
    }
}

pub(super) fn plus(allocated: Quota, units: Units) -> Result<Quota, Refusal> {
    match allocated {
        Quota::Unlimited => Ok(Quota::Unlimited),
        Quota::Finite(have) => have
            .checked_add(units)
            .map(Quota::Finite)
            .ok_or(Refusal::AmountOutOfRange),
    }
}

fn suspend(
    state: &SchoolState,
    member_id: MemberId,
    reason: &FreeText,
) -> Result<Vec<Event>, Refusal> {
    if state.present_member(member_id)?.standing == Standing::Suspended {
        return Ok(Vec::new());
    }
    let reason = reason.commitment();
    let suspended = MemberSuspended { member_id, reason };
    Ok(vec![Event::Allocation(AllocationEvent::Suspended(
        suspended,
    ))])
}

fn reactivate(
    state: &SchoolState,
    member_id: MemberId,
    reason: &FreeText,
) -> Result<Vec<Event>, Refusal> {
    if state.present_member(member_id)?.standing == Standing::Active {
        return Ok(Vec::new());
    }
    let reason = reason.commitment();
    let reactivated = MemberReactivated { member_id, reason };
    Ok(vec![Event::Allocation(AllocationEvent::Reactivated(
        reactivated,
    ))])
}

/// The first line on which units that are not used or held are to go back by themselves: of
/// somebody who left, of a department that ended, or of anybody where the plan has no allocations
/// any more.
pub(crate) fn due(state: &SchoolState) -> Option<Event> {
    state.leavers.iter().find_map(|holder| {
        let cause = match holder {
            Holder::Member(member_id) => match state.member(member_id).ok()?.standing {
                Standing::Removed => Cause::Removal,
                Standing::Active | Standing::Suspended => Cause::Downgrade,
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

/// What is not used or held of a leaving holder's lines returns to what it came out of.
pub(crate) fn returned<'a>(
    state: &'a SchoolState,
    holder: Holder,
    cause: &'a Cause,
) -> impl Iterator<Item = Event> + 'a {
    let member = holder.member_id().and_then(|id| state.member(id).ok());
    let members = member.into_iter().flat_map(|member| {
        let lines = member.lines();
        lines.map(|(service, line)| (service, *line, line.least()))
    });
    let department = holder
        .department_id()
        .and_then(|id| state.department(id).ok());
    let departments = department.into_iter().flat_map(|department| {
        let lines = department.lines();
        lines.map(|(service, line)| (service, line.line(), line.pool.least()))
    });
    members
        .chain(departments)
        .filter_map(move |(service, line, after)| {
            // An unlimited line stays where what was used of it does not fit beside the finite
            // allocations into 64 bits: the total is unlimited then, and nothing is missing from it.
            let out_of = state.out_of(holder);
            let pool = state.pool_of(out_of, service);
            pool.replacing(line.allocated, after)?;
            (after != line.allocated)
                .then(|| revoked((holder, out_of), service, &line, after, cause.clone()))
        })
}
