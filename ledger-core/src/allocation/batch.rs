//! A batch of changes of allocations: all rows or none.

use std::collections::BTreeSet;

use super::command::{AllocationRow, Change};
use super::draft::Draft;
use super::event::{AllocationChanged, AllocationEvent, Cause, TermsSet, UnitsTransferred};
use super::holder::Holder;
use super::line::Line;
use crate::catalog::Event;
use crate::context::Context;
use crate::ids::DepartmentId;
use crate::plan::{Catalogue, Management};
use crate::quantity::Units;
use crate::refusal::{Refusal, RowRefusal, known_service};
use crate::school::School;
use crate::service::ServiceId;
use crate::state::SchoolState;
use crate::text::Commitment;

/// Whether a row is a transfer or a department's.
pub(super) const fn is_advanced(row: &AllocationRow) -> bool {
    matches!(row.change, Change::Transfer { .. }) || row.holder.department_id().is_some()
}

pub(super) struct Batch<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) context: &'a Context,
    pub(super) state: &'a SchoolState,
    pub(super) school: &'a School,
    pub(super) reason: Commitment,
    pub(super) cause: Option<Cause>,
}

/// A row whose holder and service are known.
struct Resolved<'a> {
    index: usize,
    row: &'a AllocationRow,
    holder: Holder,
    service: ServiceId,
    rank: u8,
}

/// The lines of the rows so far. A line has one change, or any number of transfers: the result of
/// both together would depend on the order of rows.
#[derive(Default)]
struct Lines {
    changed: BTreeSet<(Holder, ServiceId)>,
    moved: BTreeSet<(Holder, ServiceId)>,
}

impl Lines {
    fn add(&mut self, holder: Holder, service: &ServiceId, change: Change) -> Result<(), Refusal> {
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
    /// Rows that return units precede rows that take units. Among the former members precede
    /// departments, among the latter departments precede members. So a batch with an allowed result
    /// succeeds in any order of its rows, and each event keeps every rule. Transfers build on each
    /// other: they keep the given order.
    pub(super) fn apply(&self, rows: &[AllocationRow]) -> Result<Vec<Event>, Refusal> {
        let mut refused = Vec::new();
        let mut lines = Lines::default();
        let mut resolved = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            match self.resolve(&mut lines, index, row) {
                Ok(row) => resolved.push(row),
                Err(refusal) => refused.push(RowRefusal { index, refusal }),
            }
        }
        resolved.sort_by_key(|row| row.rank);
        let mut draft = Draft::new(self.state, self.school);
        let mut events = Vec::with_capacity(rows.len());
        for resolved in resolved {
            match self.change(&mut draft, &resolved) {
                Ok(event) => events.extend(event.map(Event::Allocation)),
                Err(refusal) => refused.push(RowRefusal {
                    index: resolved.index,
                    refusal,
                }),
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
        lines: &mut Lines,
        index: usize,
        row: &'r AllocationRow,
    ) -> Result<Resolved<'r>, Refusal> {
        let service = known_service(self.catalogue, &row.service)?;
        if is_advanced(row) {
            super::needs(self.catalogue, self.school, Management::Advanced)?;
        }
        let holder = self.context.holder(&row.holder)?;
        let line = Draft::new(self.state, self.school).line(holder, &service)?;
        lines.add(holder, &service, row.change)?;
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
        resolved: &Resolved<'_>,
    ) -> Result<Option<AllocationEvent>, Refusal> {
        let (row, holder, service) = (resolved.row, resolved.holder, &resolved.service);
        let before = draft.line(holder, service)?;
        let mut after = before;
        after.priority = row.priority.unwrap_or(before.priority);
        after.auto_renew = row.auto_renew.unwrap_or(before.auto_renew);
        after.allocated = match row.change {
            Change::Set(units) => units,
            Change::Add(units) => before.plus(above_zero(units)?)?,
            Change::Revoke(None) => draft.min_allocated(holder, service, &before),
            Change::Revoke(Some(units)) => {
                draft.minus(holder, service, &before, above_zero(units)?)?
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
        let funded_by = draft.funded_by(holder);
        Ok(self.event((holder, funded_by), service, &before, &after))
    }

    fn event(
        &self,
        (holder, funded_by): (Holder, Option<DepartmentId>),
        service: &ServiceId,
        before: &Line,
        after: &Line,
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
        Some(AllocationEvent::changed(AllocationChanged {
            holder,
            funded_by,
            service: service.clone(),
            before: before.allocated,
            after: after.allocated,
            priority: after.priority,
            auto_renew: after.auto_renew,
            reason: Some(self.reason),
            cause: self.cause.clone(),
        }))
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
        let (funded_by, to_funded_by) = (draft.funded_by(holder), draft.funded_by(to));
        let is_own = |department: Holder, funded_by: Option<DepartmentId>| {
            funded_by.is_some() && department.department_id() == funded_by
        };
        if is_own(holder, to_funded_by) || is_own(to, funded_by) {
            return Err(Refusal::TransferWithinDepartment);
        }
        let units = above_zero(units)?;
        let from_before = draft.line(holder, service)?;
        let to_before = draft.line(to, service)?;
        let from_after = Line {
            allocated: draft.minus(holder, service, &from_before, units)?,
            ..from_before
        };
        let to_after = Line {
            allocated: to_before.plus(units)?,
            ..to_before
        };
        draft.transfer((holder, from_after), (to, to_after), service)?;
        Ok(Some(AllocationEvent::Transferred(UnitsTransferred {
            holder,
            funded_by,
            to,
            to_funded_by,
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
