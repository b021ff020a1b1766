//! Which allocations a new period begins with: those with auto-renew, in the order of priority and
//! then of age, as far as what they come out of reaches; the others lapse.

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

/// Every allocation of a period that has just ended, in the order in which it is told what comes of
/// them: those out of departments' first, so that no department ever has less than its members hold;
/// of each kind those first that are granted first.
pub(super) fn order(state: &SchoolState) -> Vec<(Holder, ServiceId)> {
    let (out_of_pool, out_of_departments): (Vec<_>, Vec<_>) = ranked(state)
        .into_iter()
        .partition(|allocation| allocation.funded_by.is_none());
    out_of_departments
        .into_iter()
        .chain(out_of_pool)
        .map(|allocation| (allocation.holder, allocation.service.clone()))
        .collect()
}

/// What comes of the allocations of which no event tells yet, at max so many of them. Departments
/// are granted theirs beside the members in none; what comes of that is what their own members are
/// granted out of, so it is found out first and told last.
pub(super) fn renewals(
    state: &SchoolState,
    school: &School,
    left: &[(Holder, ServiceId)],
    max: usize,
) -> Vec<Renewal> {
    let allocations = left.iter().map(|(holder, service)| Allocation {
        holder: *holder,
        funded_by: state.funded_by(*holder),
        service,
        line: state.line(*holder, service),
    });
    let (mut out_of_pool, mut out_of_departments): (Vec<_>, Vec<_>) =
        allocations.partition(|allocation| allocation.funded_by.is_none());
    let mut waiting = BTreeMap::new();
    for allocation in out_of_pool.iter().chain(&out_of_departments) {
        let sum: &mut Units = waiting
            .entry((allocation.funded_by, allocation.service))
            .or_default();
        *sum = sum.saturating_add(allocation.line.allocated.finite().unwrap_or(Units::ZERO));
    }
    let mut renewing = Renewing {
        state,
        school,
        waiting,
        pools: BTreeMap::new(),
        granted: BTreeMap::new(),
    };
    // What is granted out of the pool matters to those before it only where it is a department's.
    if out_of_departments.is_empty() {
        out_of_pool.truncate(max);
    }
    out_of_departments.truncate(max);
    let out_of_pool = renewing.renew_all(&out_of_pool);
    let mut rows = renewing.renew_all(&out_of_departments);
    rows.extend(out_of_pool);
    rows.truncate(max);
    rows
}

/// What somebody held when the period ended.
struct Allocation<'a> {
    holder: Holder,
    funded_by: Option<DepartmentId>,
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

/// The rows in the making, over an untouched state.
struct Renewing<'a> {
    state: &'a SchoolState,
    school: &'a School,
    /// Σ of the finite allocations that wait to be told of, by what they come out of.
    waiting: BTreeMap<(Option<DepartmentId>, &'a ServiceId), Units>,
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
        let (service, funded_by) = (allocation.service, allocation.funded_by);
        let known = self.pools.get(&(funded_by, service)).copied();
        let (pool, headroom) = known.unwrap_or_else(|| {
            (
                state.pool_of(funded_by, service),
                self.headroom(funded_by, service),
            )
        });
        let after = if line.auto_renew && may_renew(state, self.school, allocation.holder) {
            // What is left for the last one may be a part of what he had.
            let wanted = line.allocated.min(headroom);
            let cap = cap(self.school, allocation.holder, service);
            fitting(&pool, line.allocated, wanted.min(cap))
        } else {
            Quota::ZERO
        };
        let pool = pool.replacing(line.allocated, after).unwrap_or(pool);
        self.pools
            .insert((funded_by, service), (pool, less(headroom, after)));
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
    /// What can be granted out of a pool: its total in the new period without what events tell
    /// already was granted.
    fn headroom(&self, funded_by: Option<DepartmentId>, service: &ServiceId) -> Quota {
        let pool = self.state.pool_of(funded_by, service);
        let granted = funded_by.and_then(|id| self.granted.get(&(id, service)));
        let total = granted.copied().unwrap_or(pool.total);
        let waiting = self.waiting.get(&(funded_by, service)).copied();
        let decided = pool
            .finite_allocated
            .saturating_sub(waiting.unwrap_or(Units::ZERO));
        total.minus(decided)
    }
}

/// Whether anybody could still give the holder what he has: he has not left, and the plan has
/// allocations.
fn may_renew(state: &SchoolState, school: &School, holder: Holder) -> bool {
    let is_there = match holder {
        Holder::Member(member_id) => state
            .member(member_id)
            .is_ok_and(|member| member.status != MemberStatus::Removed),
        Holder::Department(department_id) => state.open_department(department_id).is_ok(),
    };
    is_there && school.management != Management::None
}

/// The max that a member may hold; a department may hold any number.
fn cap(school: &School, holder: Holder, service: &ServiceId) -> Quota {
    match holder {
        Holder::Member(_) => school.settings.max_individual_quota(service),
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
        .map_or(pool.finite_allocated, |pool| pool.finite_allocated);
    Quota::Finite(units.min(Units::MAX.saturating_sub(others)))
}

/// What is left of `headroom` when `granted` is.
fn less(headroom: Quota, granted: Quota) -> Quota {
    match granted {
        Quota::Finite(units) => headroom.minus(units),
        // Only an unlimited total reaches so far, and it is not less by it.
        Quota::Unlimited => headroom,
    }
}
