//! The rules of allocating, transferring and suspending.

use std::collections::BTreeSet;

use super::command::{AllocationCommand, AllocationRow, Change};
use super::draft::Draft;
use super::event::{
    AllocationChanged, AllocationEvent, Cause, MemberReactivated, MemberSuspended, TermsSet,
    UnitsTransferred,
};
use super::reclaim::revoked;
use super::state::Line;
use crate::catalog::Event;
use crate::ids::MemberId;
use crate::plan::{Catalogue, Management};
use crate::quantity::{Quota, Units};
use crate::refusal::{Refusal, RowRefusal, known_service};
use crate::school::{Member, School, Standing};
use crate::service::ServiceId;
use crate::state::SchoolState;
use crate::text::{Commitment, FreeText};

pub(crate) fn decide(
    catalogue: &Catalogue,
    state: &SchoolState,
    command: &AllocationCommand,
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
        school,
        reason: reason.commitment(),
        cause,
    };
    batch.apply(state, rows)
}

/// What the plan must include before a row is looked at. Where it includes allocations, a transfer
/// among the rows is refused by itself; where it includes none, the plan that is named must have
/// all of the command.
fn needed(school: &School, command: &AllocationCommand) -> Management {
    let is_transfer = |row: &AllocationRow| matches!(row.change, Change::Transfer { .. });
    if school.management == Management::None && command.rows().iter().any(is_transfer) {
        return Management::Advanced;
    }
    command.management()
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
    school: &'a School,
    reason: Commitment,
    cause: Option<Cause>,
}

/// A row with what it comes to: read once, refused or done later.
struct Resolved<'a> {
    index: usize,
    row: &'a AllocationRow,
    service: ServiceId,
    rank: u8,
}

/// The lines that the rows so far name. One row changes a line, or transfers move units on it:
/// both together would come out differently in another order.
#[derive(Default)]
struct Named {
    changed: BTreeSet<(MemberId, ServiceId)>,
    moved: BTreeSet<(MemberId, ServiceId)>,
}

impl Named {
    fn take(&mut self, row: &AllocationRow, service: &ServiceId) -> Result<(), Refusal> {
        let line = (row.member_id, service.clone());
        let repeated = match row.change {
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
    /// Rows that give back are done before rows that take, so that a batch succeeds in any order
    /// of its rows whenever its end is allowed, and no event between breaks a rule. Transfers
    /// alone build on each other: they keep the given order.
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
            service,
            ..
        } in resolved
        {
            match self.change(&mut draft, row, &service) {
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
        let line = state.present_member(row.member_id)?.line(&service);
        named.take(row, &service)?;
        let rank = match row.change {
            Change::Revoke(_) => 0,
            Change::Set(units) if units.fits_in(line.allocated) => 0,
            Change::Transfer { .. } => 1,
            Change::Set(_) | Change::Add(_) | Change::Keep => 2,
        };
        Ok(Resolved {
            index,
            row,
            service,
            rank,
        })
    }

    fn change(
        &self,
        draft: &mut Draft<'_>,
        row: &AllocationRow,
        service: &ServiceId,
    ) -> Result<Option<AllocationEvent>, Refusal> {
        let before = draft.line(row.member_id, service)?;
        let mut after = before;
        after.priority = row.priority.unwrap_or(before.priority);
        after.auto_renew = row.auto_renew.unwrap_or(before.auto_renew);
        after.allocated = match row.change {
            Change::Set(units) => units,
            Change::Add(units) => plus(before.allocated, above_zero(units)?)?,
            Change::Revoke(None) => before.least(),
            Change::Revoke(Some(units)) => draft.without(service, &before, above_zero(units)?)?,
            Change::Transfer { units, to } => {
                needs(self.catalogue, self.school, Management::Advanced)?;
                return self.transfer(draft, row.member_id, to, service, units);
            }
            Change::Keep => before.allocated,
        };
        if after.allocated == before.allocated {
            draft.keep(row.member_id, service, after);
        } else {
            draft.set(row.member_id, service, after)?;
        }
        Ok(self.event(row.member_id, service, &before, &after))
    }

    fn event(
        &self,
        member_id: MemberId,
        service: &ServiceId,
        before: &Line,
        after: &Line,
    ) -> Option<AllocationEvent> {
        if before == after {
            return None;
        }
        if before.allocated == after.allocated {
            return Some(AllocationEvent::TermsSet(TermsSet {
                member_id,
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
            member_id,
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
        member_id: MemberId,
        to_member_id: MemberId,
        service: &ServiceId,
        units: Units,
    ) -> Result<Option<AllocationEvent>, Refusal> {
        if member_id == to_member_id {
            return Err(Refusal::TransferToSelf);
        }
        let units = above_zero(units)?;
        let from = draft.line(member_id, service)?;
        let to = draft.line(to_member_id, service)?;
        let from_after = Line {
            allocated: draft.without(service, &from, units)?,
            ..from
        };
        let to_after = Line {
            allocated: plus(to.allocated, units)?,
            ..to
        };
        draft.transfer((member_id, from_after), (to_member_id, to_after), service)?;
        Ok(Some(AllocationEvent::Transferred(UnitsTransferred {
            member_id,
            to_member_id,
            service: service.clone(),
            units,
            before: from.allocated,
            after: from_after.allocated,
            to_before: to.allocated,
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

/// What a new teacher is granted: the school's default, as far as pool and cap reach.
pub(crate) fn default_grant(
    state: &SchoolState,
    school: &School,
    member_id: MemberId,
) -> Vec<Event> {
    let draft = Draft::new(state, school);
    let held = |service| {
        state
            .member(member_id)
            .map_or(Quota::ZERO, |m| m.line(service).allocated)
    };
    school
        .settings
        .default_grant
        .iter()
        .map(|(service, grant)| {
            let before = held(service);
            (service, before, draft.reachable(service, before, *grant))
        })
        .filter(|(_, before, after)| before.fits_in(*after) && before != after)
        .map(|(service, before, after)| {
            Event::Allocation(AllocationEvent::Allocated(AllocationChanged {
                member_id,
                service: service.clone(),
                before,
                after,
                priority: super::Priority::default(),
                auto_renew: false,
                reason: None,
                cause: Some(Cause::Enrolment),
            }))
        })
        .collect()
}

/// The first line on which units that are not used or held are to go back by themselves: of
/// somebody who left, or of anybody where the plan has no allocations any more.
pub(crate) fn due(state: &SchoolState) -> Option<Event> {
    state.leavers.iter().find_map(|member_id| {
        let member = state.member(member_id).ok()?;
        let cause = match member.standing {
            Standing::Removed => Cause::Removal,
            Standing::Active | Standing::Suspended => Cause::Downgrade,
        };
        returned(state, member_id, member, cause).next()
    })
}

/// What is not used or held of a leaving member's lines returns to the pool.
pub(crate) fn returned_on_removal<'a>(
    state: &'a SchoolState,
    member_id: MemberId,
    member: &'a Member,
) -> impl Iterator<Item = Event> + 'a {
    returned(state, member_id, member, Cause::Removal)
}

fn returned<'a>(
    state: &'a SchoolState,
    member_id: MemberId,
    member: &'a Member,
    cause: Cause,
) -> impl Iterator<Item = Event> + 'a {
    member.lines().filter_map(move |(service, line)| {
        line_returned(state, member_id, service, line, cause.clone())
    })
}

/// An unlimited line stays where what was used of it does not fit beside the finite allocations
/// into 64 bits: the total is unlimited then, and nothing is missing from it.
fn line_returned(
    state: &SchoolState,
    member_id: MemberId,
    service: &ServiceId,
    line: &Line,
    cause: Cause,
) -> Option<Event> {
    let after = line.least();
    state.pool(service).replacing(line.allocated, after)?;
    (after != line.allocated).then(|| revoked(member_id, service, line, after, cause))
}
