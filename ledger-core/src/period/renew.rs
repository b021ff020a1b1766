//! Renewals: a new period begins with the allocations that have auto-renew, in the order of
//! priority and age, as far as the funding pool has headroom; the others lapse.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::event::Renewal;
use crate::allocation::{Holder, Line, Pool, Priority};
use crate::ids::{DepartmentId, Seq};
use crate::plan::Management;
use crate::quantity::{Quota, Units};
use crate::school::{MemberStatus, School};
use crate::service::ServiceId;
use crate::state::SchoolState;

/// Every allocation of a period that has just ended, in the order of the decisions: those funded by
/// departments first, so that a department never has less than its members; within both groups in
/// the order of the grants.
pub(super) fn order(state: &SchoolState) -> Vec<(Holder, ServiceId)> {
    let (by_pool, by_departments): (Vec<_>, Vec<_>) = ranked(state)
        .into_iter()
        .partition(|allocation| allocation.funded_by.is_none());
    by_departments
        .into_iter()
        .chain(by_pool)
        .map(|allocation| (allocation.holder, allocation.service.clone()))
        .collect()
}

/// The renewals of undecided allocations, at most `max`. Departments compete with the members in
/// none for the pool. Their renewals fund those of their members, so they are decided first and
/// recorded last.
pub(super) fn renewals(
    state: &SchoolState,
    school: &School,
    undecided: &[(Holder, ServiceId)],
    max: usize,
) -> Vec<Renewal> {
    let allocations = undecided.iter().map(|(holder, service)| Allocation {
        holder: *holder,
        funded_by: state.funded_by(*holder),
        service,
        line: state.line(*holder, service),
    });
    let (mut by_pool, mut by_departments): (Vec<_>, Vec<_>) =
        allocations.partition(|allocation| allocation.funded_by.is_none());
    let mut sums = BTreeMap::new();
    for allocation in by_pool.iter().chain(&by_departments) {
        let sum: &mut Units = sums
            .entry((allocation.funded_by, allocation.service))
            .or_default();
        *sum = sum.saturating_add(allocation.line.allocated.finite().unwrap_or(Units::ZERO));
    }
    let mut renewing = Renewing {
        state,
        school,
        undecided: sums,
        pools: BTreeMap::new(),
        granted: BTreeMap::new(),
    };
    // Grants by the pool matter to preceding allocations only if there are departments.
    if by_departments.is_empty() {
        by_pool.truncate(max);
    }
    by_departments.truncate(max);
    let by_pool = renewing.renew_all(&by_pool);
    let mut rows = renewing.renew_all(&by_departments);
    rows.extend(by_pool);
    rows.truncate(max);
    rows
}

/// An allocation at the end of the period.
struct Allocation<'a> {
    holder: Holder,
    funded_by: Option<DepartmentId>,
    service: &'a ServiceId,
    line: Line,
}

impl Allocation<'_> {
    /// From high to low priority; within a priority the oldest allocation first.
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
            funded_by: member.department_id,
            service,
            line: *line,
        })
    });
    let departments = state.departments.iter().flat_map(|(id, department)| {
        let lines = department.lines();
        lines.map(|(service, line)| Allocation {
            holder: Holder::Department(*id),
            funded_by: None,
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

/// The renewals so far, over an unchanged state.
struct Renewing<'a> {
    state: &'a SchoolState,
    school: &'a School,
    /// Σ of the finite undecided allocations, by funding pool.
    undecided: BTreeMap<(Option<DepartmentId>, &'a ServiceId), Units>,
    /// The funding pools after the renewals so far, with their headroom.
    pools: BTreeMap<(Option<DepartmentId>, &'a ServiceId), (Pool, Quota)>,
    /// The allocations of departments in the new period.
    granted: BTreeMap<(DepartmentId, &'a ServiceId), Quota>,
}

impl<'a> Renewing<'a> {
    fn renew_all(&mut self, allocations: &[Allocation<'a>]) -> Vec<Renewal> {
        allocations.iter().map(|one| self.renew(one)).collect()
    }

    fn renew(&mut self, allocation: &Allocation<'a>) -> Renewal {
        let (state, line) = (self.state, &allocation.line);
        let (service, funded_by) = (allocation.service, allocation.funded_by);
        let drafted = self.pools.get(&(funded_by, service)).copied();
        let (pool, headroom) = drafted.unwrap_or_else(|| {
            (
                state.pool_of(funded_by, service),
                self.headroom(funded_by, service),
            )
        });
        let after = if line.auto_renew && may_renew(state, self.school, allocation.holder) {
            // The last renewal may be partial.
            let wanted = line.allocated.min(headroom);
            let cap = self.school.cap(allocation.holder, service);
            fitting(&pool, line.allocated, wanted.min(cap))
        } else {
            Quota::ZERO
        };
        let pool = pool.replacing(line.allocated, after).unwrap_or(pool);
        self.pools
            .insert((funded_by, service), (pool, minus(headroom, after)));
        if let Holder::Department(department_id) = allocation.holder {
            self.granted.insert((department_id, service), after);
        }
        Renewal {
            holder: allocation.holder,
            funded_by,
            service: service.clone(),
            before: line.allocated,
            after,
            priority: line.priority,
        }
    }
}

impl Renewing<'_> {
    /// The headroom of a pool: its total in the new period minus the allocations decided before.
    fn headroom(&self, funded_by: Option<DepartmentId>, service: &ServiceId) -> Quota {
        let pool = self.state.pool_of(funded_by, service);
        let granted = funded_by.and_then(|id| self.granted.get(&(id, service)));
        let total = granted.copied().unwrap_or(pool.total);
        let undecided = self.undecided.get(&(funded_by, service)).copied();
        let decided = pool
            .finite_allocated
            .saturating_sub(undecided.unwrap_or(Units::ZERO));
        total.minus(decided)
    }
}

/// Whether the holder may have allocations: it is present, and the plan has allocations.
fn may_renew(state: &SchoolState, school: &School, holder: Holder) -> bool {
    let is_present = match holder {
        Holder::Member(member_id) => state
            .member(member_id)
            .is_ok_and(|member| member.status != MemberStatus::Removed),
        Holder::Department(department_id) => state.open_department(department_id).is_ok(),
    };
    is_present && school.management != Management::None
}

/// As much of `wanted` as fits into 64 bits beside the other finite allocations: a lowered cap may
/// turn an unlimited allocation into a finite one.
fn fitting(pool: &Pool, before: Quota, wanted: Quota) -> Quota {
    let Quota::Finite(units) = wanted else {
        return wanted;
    };
    let others = pool
        .replacing(before, Quota::ZERO)
        .map_or(pool.finite_allocated, |pool| pool.finite_allocated);
    Quota::Finite(units.min(Units::MAX.saturating_sub(others)))
}

/// The headroom after a grant.
fn minus(headroom: Quota, granted: Quota) -> Quota {
    match granted {
        Quota::Finite(units) => headroom.minus(units),
        // Only an unlimited total permits this, and it stays unlimited.
        Quota::Unlimited => headroom,
    }
}
