//! Allocations as the rows of a batch so far leave them, over an unchanged state.

use std::collections::BTreeMap;

use super::holder::Holder;
use super::line::Line;
use super::pool::Pool;
use crate::ids::{DepartmentId, MemberId};
use crate::plan::Quotas;
use crate::quantity::{Quota, Units};
use crate::refusal::{Level, Refusal, Rule, Shortfall};
use crate::school::School;
use crate::service::ServiceId;
use crate::state::SchoolState;

pub(super) struct Draft<'a> {
    state: &'a SchoolState,
    school: &'a School,
    /// The pools of the school (`None`) and of departments.
    pools: BTreeMap<(Option<DepartmentId>, ServiceId), Pool>,
    lines: BTreeMap<(Holder, ServiceId), Line>,
}

/// The lower limit of an allocation, and what can be taken from it.
struct Limits {
    level: Level,
    rule: Rule,
    min: Quota,
    reclaimable: Quota,
}

impl<'a> Draft<'a> {
    pub(super) const fn new(state: &'a SchoolState, school: &'a School) -> Self {
        Self {
            state,
            school,
            pools: BTreeMap::new(),
            lines: BTreeMap::new(),
        }
    }

    /// The line of a holder that can receive units: a present member or an open department.
    pub(super) fn line(&self, holder: Holder, service: &ServiceId) -> Result<Line, Refusal> {
        match holder {
            Holder::Member(member_id) => {
                self.state.present_member(member_id)?;
            }
            Holder::Department(department_id) => {
                self.state.open_department(department_id)?;
            }
        }
        let drafted = self.lines.get(&(holder, service.clone())).copied();
        Ok(drafted.unwrap_or_else(|| self.state.line(holder, service)))
    }

    pub(super) fn funded_by(&self, holder: Holder) -> Option<DepartmentId> {
        self.state.funded_by(holder)
    }

    fn pool(&self, department_id: Option<DepartmentId>, service: &ServiceId) -> Pool {
        self.pools
            .get(&(department_id, service.clone()))
            .copied()
            .unwrap_or_else(|| self.state.pool_of(department_id, service))
    }

    /// Sets a holder's line, if every rule permits the amount.
    pub(super) fn set(
        &mut self,
        holder: Holder,
        service: &ServiceId,
        after: Line,
    ) -> Result<(), Refusal> {
        let before = self.line(holder, service)?;
        self.check(holder, service, &before, after.allocated)?;
        let funded_by = self.funded_by(holder);
        let changed = (before.allocated, after.allocated);
        let pool = self.fund(funded_by, service, changed)?;
        self.put(holder, service, after);
        self.pools.insert((funded_by, service.clone()), pool);
        Ok(())
    }

    /// Moves units from one holder to another. Holders of one pool leave its sum unchanged; in
    /// different pools the taker's needs headroom.
    pub(super) fn transfer(
        &mut self,
        from: (Holder, Line),
        to: (Holder, Line),
        service: &ServiceId,
    ) -> Result<(), Refusal> {
        let from_before = self.line(from.0, service)?;
        let to_before = self.line(to.0, service)?;
        self.check(from.0, service, &from_before, from.1.allocated)?;
        self.check(to.0, service, &to_before, to.1.allocated)?;
        let (funded_by, to_funded_by) = (self.funded_by(from.0), self.funded_by(to.0));
        let given = (from_before.allocated, from.1.allocated);
        let taken = (to_before.allocated, to.1.allocated);
        if funded_by == to_funded_by {
            let pool = self.pool(funded_by, service);
            let moved = pool
                .replacing(given.0, given.1)
                .and_then(|pool| pool.replacing(taken.0, taken.1))
                .filter(|new_pool| new_pool.may_follow(&pool))
                .ok_or_else(|| self.no_headroom(funded_by, service, &pool, taken))?;
            self.pools.insert((funded_by, service.clone()), moved);
        } else {
            let giver = self.fund(funded_by, service, given)?;
            let taker = self.fund(to_funded_by, service, taken)?;
            self.pools.insert((funded_by, service.clone()), giver);
            self.pools.insert((to_funded_by, service.clone()), taker);
        }
        self.put(from.0, service, from.1);
        self.put(to.0, service, to.1);
        Ok(())
    }

    /// Sets a line with an unchanged amount.
    pub(super) fn keep(&mut self, holder: Holder, service: &ServiceId, line: Line) {
        self.lines.insert((holder, service.clone()), line);
    }

    /// Moves a member with all allocations to another department or to none, and returns the
    /// allocations.
    pub(super) fn move_member(
        &mut self,
        member_id: MemberId,
        to: Option<DepartmentId>,
    ) -> Result<Quotas, Refusal> {
        let funded_by = self.funded_by(Holder::Member(member_id));
        let mut units = Quotas::new();
        let member = self.state.members.get(&member_id);
        let lines = member.into_iter().flat_map(|member| member.lines());
        for (service, line) in lines.filter(|(_, line)| line.allocated != Quota::ZERO) {
            let giver = self
                .pool(funded_by, service)
                .replacing(line.allocated, Quota::ZERO)
                .ok_or(Refusal::AmountOutOfRange)?;
            let taker = self.fund(to, service, (Quota::ZERO, line.allocated))?;
            self.pools.insert((funded_by, service.clone()), giver);
            self.pools.insert((to, service.clone()), taker);
            units.insert(service.clone(), line.allocated);
        }
        Ok(units)
    }

    /// The allocation after all unused units are taken.
    pub(super) fn min_allocated(&self, holder: Holder, service: &ServiceId, line: &Line) -> Quota {
        match holder {
            Holder::Member(_) => line.min_allocated(),
            Holder::Department(id) => self.pool(Some(id), service).min_total(),
        }
    }

    /// The allocation after `units` of its unused part are taken.
    pub(super) fn minus(
        &self,
        holder: Holder,
        service: &ServiceId,
        line: &Line,
        units: Units,
    ) -> Result<Quota, Refusal> {
        let limits = self.limits(holder, service, line);
        if limits.reclaimable.covers(units) {
            return Ok(line.allocated.minus(units));
        }
        let available = limits.reclaimable;
        Err(self.too_low(limits, service, line, Quota::Finite(units), available))
    }

    /// As much of `quota` as the cap and the pool permit a member with `before`; no more than fits
    /// into 64 bits.
    pub(super) fn within_headroom(
        &self,
        funded_by: Option<DepartmentId>,
        service: &ServiceId,
        before: Quota,
        quota: Quota,
    ) -> Quota {
        let pool = self.pool(funded_by, service);
        let headroom = match (before, pool.unallocated()) {
            (Quota::Finite(before), Quota::Finite(left)) => {
                Quota::Finite(before.saturating_add(left))
            }
            (Quota::Unlimited, _) | (_, Quota::Unlimited) => Quota::Unlimited,
        };
        let cap = self.school.settings.max_individual_quota(service);
        let after = quota.min(headroom).min(cap);
        pool.replacing(before, after).map_or(before, |_| after)
    }

    fn put(&mut self, holder: Holder, service: &ServiceId, line: Line) {
        if let Holder::Department(department_id) = holder {
            let mut pool = self.pool(Some(department_id), service);
            pool.total = line.allocated;
            self.pools
                .insert((Some(department_id), service.clone()), pool);
        }
        self.lines.insert((holder, service.clone()), line);
    }

    /// A member's allocation covers used and held units; a department's also those allocated to its
    /// members.
    fn limits(&self, holder: Holder, service: &ServiceId, line: &Line) -> Limits {
        match holder {
            Holder::Member(_) => Limits {
                level: Level::Member,
                rule: Rule::AllocationBelowUsage,
                min: Quota::Finite(line.spent()),
                reclaimable: line.available(),
            },
            Holder::Department(department_id) => {
                let pool = self.pool(Some(department_id), service);
                Limits {
                    level: Level::Department,
                    rule: Rule::TotalBelowAllocated,
                    min: pool.required(),
                    reclaimable: pool.reclaimable(),
                }
            }
        }
    }

    /// Checks a lowered amount against the minimum, a raised one against the cap. A lowered cap
    /// takes nothing back.
    fn check(
        &self,
        holder: Holder,
        service: &ServiceId,
        before: &Line,
        after: Quota,
    ) -> Result<(), Refusal> {
        if !before.allocated.fits_in(after) {
            let limits = self.limits(holder, service, before);
            let min = limits.min;
            return if min.fits_in(after) {
                Ok(())
            } else {
                Err(self.too_low(limits, service, before, after, min))
            };
        }
        let cap = self.school.cap(holder, service);
        if after == before.allocated || after.fits_in(cap) {
            return Ok(());
        }
        let numbers = (cap, before.used, before.held);
        let (rule, level) = (Rule::MemberCapExceeded, Level::Member);
        Err(self.refuse(rule, level, service, numbers, (after, cap)))
    }

    fn too_low(
        &self,
        limits: Limits,
        service: &ServiceId,
        line: &Line,
        asked: Quota,
        available: Quota,
    ) -> Refusal {
        let numbers = (limits.min, line.used, line.held);
        self.refuse(
            limits.rule,
            limits.level,
            service,
            numbers,
            (asked, available),
        )
    }

    /// The pool with one allocation changed, if it has headroom for it.
    fn fund(
        &self,
        funded_by: Option<DepartmentId>,
        service: &ServiceId,
        (before, after): (Quota, Quota),
    ) -> Result<Pool, Refusal> {
        let pool = self.pool(funded_by, service);
        pool.replacing(before, after)
            .filter(|new_pool| new_pool.may_follow(&pool))
            .ok_or_else(|| self.no_headroom(funded_by, service, &pool, (before, after)))
    }

    fn no_headroom(
        &self,
        funded_by: Option<DepartmentId>,
        service: &ServiceId,
        pool: &Pool,
        (before, after): (Quota, Quota),
    ) -> Refusal {
        if pool.total == Quota::Unlimited {
            return Refusal::AmountOutOfRange;
        }
        let more = match (after, before) {
            (Quota::Finite(after), Quota::Finite(before)) => {
                Quota::Finite(after.saturating_sub(before))
            }
            (after, Quota::Unlimited) => after,
            (Quota::Unlimited, Quota::Finite(_)) => Quota::Unlimited,
        };
        let level = match funded_by {
            None => Level::Pool,
            Some(_) => Level::Department,
        };
        let numbers = (pool.total, pool.used, pool.held);
        let amounts = (more, pool.unallocated());
        self.refuse(Rule::PoolExceeded, level, service, numbers, amounts)
    }

    fn refuse(
        &self,
        rule: Rule,
        level: Level,
        service: &ServiceId,
        (limit, used, held): (Quota, Units, Units),
        (asked, available): (Quota, Quota),
    ) -> Refusal {
        Refusal::Shortfall(Box::new(Shortfall {
            rule,
            level,
            service: service.clone(),
            limit,
            used,
            held,
            asked,
            available,
            resets_at: self.school.period.end,
        }))
    }
}
