//! Which allocations a new period begins with: those with auto-renew, in the order of priority and
//! then of age, as far as what they come out of reaches; the others lapse.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::event::Renewal;
use crate::allocation::{Holder, Line, Pool, Priority};
use crate::ids::{DepartmentId, Seq};
use crate::plan::Management;
use crate::quantity::{Quota, Units};
use crate::school::{School, Standing};
use crate::service::ServiceId;
use crate::state::SchoolState;

/// What comes of every allocation of a period that has just ended. Departments are granted theirs
/// beside the members in none; what comes of that is what their own members are granted out of.
pub(super) fn renewals(state: &SchoolState) -> Vec<Renewal> {
    let Some(school) = &state.school else {
        return Vec::new();
    };
    let (out_of_pool, out_of_departments): (Vec<_>, Vec<_>) = ranked(state)
        .into_iter()
        .partition(|allocation| allocation.out_of.is_none());
    let mut renewing = Renewing {
        state,
        school,
        pools: BTreeMap::new(),
        granted: BTreeMap::new(),
    };
    let out_of_pool = renewing.renew_all(&out_of_pool);
    let mut rows = renewing.renew_all(&out_of_departments);
    rows.extend(out_of_pool);
    rows
}

/// What somebody held when the period ended.
struct Allocation<'a> {
    holder: Holder,
    out_of: Option<DepartmentId>,
    service: &'a ServiceId,
    line: Line,
}

impl Allocation<'_> {
    /// Those of high priority first, then of normal, then of low; of one priority those first that
    /// their holders have had for longest.
    fn rank(&self) -> (Reverse<Priority>, Seq, Holder, &ServiceId) {
        let line = &self.line;
        (
            Reverse(line.priority),
            line.since,
            self.holder,
            self.service,
        )
    }
}

fn ranked(state: &SchoolState) -> Vec<Allocation<'_>> {
    let members = state.members.iter().flat_map(|(member_id, member)| {
        let lines = member.lines();
        lines.map(|(service, line)| Allocation {
            holder: Holder::Member(*member_id),
            out_of: member.department_id,
            service,
            line: *line,
        })
    });
    let departments = state.departments.iter().flat_map(|(id, department)| {
        let lines = department.lines();
        lines.map(|(service, line)| Allocation {
            holder: Holder::Department(*id),
            out_of: None,
            service,
            line: line.line(),
        })
    });
    let mut ranked: Vec<_> = members
        .chain(departments)
        .filter(|allocation| allocation.line.allocated != Quota::ZERO)
        .collect();
    ranked.sort_unstable_by(|a, b| a.rank().cmp(&b.rank()));
    ranked
}

/// The rows in the making, over an untouched state.
struct Renewing<'a> {
    state: &'a SchoolState,
    school: &'a School,
    /// What the rows so far leave of what they come out of, and how much of it can still be
    /// granted.
    pools: BTreeMap<(Option<DepartmentId>, &'a ServiceId), (Pool, Quota)>,
    /// What departments hold in the new period.
    granted: BTreeMap<(DepartmentId, &'a ServiceId), Quota>,
}

impl<'a> Renewing<'a> {
    fn renew_all(&mut self, allocations: &[Allocation<'a>]) -> Vec<Renewal> {
        allocations.iter().map(|one| self.renew(one)).collect()
    }

    fn renew(&mut self, allocation: &Allocation<'a>) -> Renewal {
        let (state, line) = (self.state, &allocation.line);
        let (service, out_of) = (allocation.service, allocation.out_of);
        let total = match out_of {
            None => state.pool(service).total,
            Some(department_id) => {
                let granted = self.granted.get(&(department_id, service));
                granted.copied().unwrap_or(Quota::ZERO)
            }
        };
        let (pool, reach) = self
            .pools
            .entry((out_of, service))
            .or_insert_with(|| (state.pool_of(out_of, service), total));
        let after = if line.auto_renew && may_renew(state, self.school, allocation.holder) {
            // What is left for the last one may be a part of what he had.
            let wanted = line.allocated.min(*reach);
            let cap = cap(self.school, allocation.holder, service);
            fitting(pool, line.allocated, wanted.min(cap))
        } else {
            Quota::ZERO
        };
        *pool = pool.replacing(line.allocated, after).unwrap_or(*pool);
        *reach = less(*reach, after);
        if let Holder::Department(department_id) = allocation.holder {
            self.granted.insert((department_id, service), after);
        }
        Renewal {
            holder: allocation.holder,
            out_of,
            service: service.clone(),
            before: line.allocated,
            after,
            priority: line.priority,
        }
    }
}

/// Whether anybody could still give the holder what he has: he has not left, and the plan has
/// allocations.
fn may_renew(state: &SchoolState, school: &School, holder: Holder) -> bool {
    let is_there = match holder {
        Holder::Member(member_id) => state
            .member(member_id)
            .is_ok_and(|member| member.standing != Standing::Removed),
        Holder::Department(department_id) => state.open_department(department_id).is_ok(),
    };
    is_there && school.management != Management::None
}

/// The most that a member may hold; a department may hold any number.
fn cap(school: &School, holder: Holder, service: &ServiceId) -> Quota {
    match holder {
        Holder::Member(_) => {
            let cap = school.settings.member_cap.get(service);
            cap.copied().unwrap_or(Quota::Unlimited)
        }
        Holder::Department(_) => Quota::Unlimited,
    }
}

/// As much of `wanted` as fits beside the others' finite allocations into 64 bits: a cap that was
/// lowered may make a finite allocation out of an unlimited one.
fn fitting(pool: &Pool, before: Quota, wanted: Quota) -> Quota {
    let Quota::Finite(units) = wanted else {
        return wanted;
    };
    let others = pool
        .replacing(before, Quota::ZERO)
        .map_or(pool.allocated, |pool| pool.allocated);
    Quota::Finite(units.min(Units::MAX.saturating_sub(others)))
}

/// What is left of `reach` when `granted` is.
fn less(reach: Quota, granted: Quota) -> Quota {
    match granted {
        Quota::Finite(units) => reach.minus(units),
        // Only an unlimited total reaches so far, and it is not less by it.
        Quota::Unlimited => reach,
    }
}
