//! A batch in the making: allocations as the rows so far would leave them, over an untouched state.

use std::collections::BTreeMap;

use super::holder::Holder;
use super::state::{Line, Pool};
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
    /// Of the school and of departments, which an allocation comes out of.
    pools: BTreeMap<(Option<DepartmentId>, ServiceId), Pool>,
    lines: BTreeMap<(Holder, ServiceId), Line>,
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

    /// What somebody has who can be given some: a member who has not left, a department that has
    /// not ended.
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

    pub(super) fn out_of(&self, holder: Holder) -> Option<DepartmentId> {
        self.state.out_of(holder)
    }

    pub(super) fn pool(&self, out_of: Option<DepartmentId>, service: &ServiceId) -> Pool {
        self.pools
            .get(&(out_of, service.clone()))
            .copied()
            .unwrap_or_else(|| self.state.pool_of(out_of, service))
    }

    /// Makes `holder` have `after` units of `service`, if every rule allows it.
    pub(super) fn set(
        &mut self,
        holder: Holder,
        service: &ServiceId,
        after: Line,
    ) -> Result<(), Refusal> {
        let before = self.line(holder, service)?;
        self.check_lowered(holder, service, &before, after.allocated)?;
        self.check_cap(holder, service, &before, after.allocated)?;
        let out_of = self.out_of(holder);
        let changed = (before.allocated, after.allocated);
        let pool = self.room(out_of, service, self.pool(out_of, service), changed)?;
        self.put(holder, service, after);
        self.pools.insert((out_of, service.clone()), pool);
        Ok(())
    }

    /// Moves units from one holder to another: what both come out of is the same before and after,
    /// or each has room.
    pub(super) fn transfer(
        &mut self,
        from: (Holder, Line),
        to: (Holder, Line),
        service: &ServiceId,
    ) -> Result<(), Refusal> {
        let from_before = self.line(from.0, service)?;
        let to_before = self.line(to.0, service)?;
        self.check_lowered(from.0, service, &from_before, from.1.allocated)?;
        self.check_cap(to.0, service, &to_before, to.1.allocated)?;
        let (out_of, to_out_of) = (self.out_of(from.0), self.out_of(to.0));
        let given = (from_before.allocated, from.1.allocated);
        let taken = (to_before.allocated, to.1.allocated);
        if out_of == to_out_of {
            let pool = self.pool(out_of, service);
            let moved = pool
                .replacing(given.0, given.1)
                .and_then(|pool| pool.replacing(taken.0, taken.1))
                .filter(|new_pool| new_pool.may_follow(&pool))
                .ok_or_else(|| self.no_room(out_of, service, &pool, taken))?;
            self.pools.insert((out_of, service.clone()), moved);
        } else {
            let gave = self.room(out_of, service, self.pool(out_of, service), given)?;
            let pool = self.pool(to_out_of, service);
            let took = self.room(to_out_of, service, pool, taken)?;
            self.pools.insert((out_of, service.clone()), gave);
            self.pools.insert((to_out_of, service.clone()), took);
        }
        self.put(from.0, service, from.1);
        self.put(to.0, service, to.1);
        Ok(())
    }

    /// Takes a line whose amount stays as it is.
    pub(super) fn keep(&mut self, holder: Holder, service: &ServiceId, line: Line) {
        self.lines.insert((holder, service.clone()), line);
    }

    /// Moves a member, with all that he holds, to where his allocations come out of something else,
    /// and says what he holds.
    pub(super) fn moved(
        &mut self,
        member_id: MemberId,
        to: Option<DepartmentId>,
    ) -> Result<Quotas, Refusal> {
        let holder = Holder::Member(member_id);
        let out_of = self.out_of(holder);
        let mut units = Quotas::new();
        let member = self.state.members.get(&member_id);
        let lines = member.into_iter().flat_map(|member| member.lines());
        for (service, line) in lines.filter(|(_, line)| line.allocated != Quota::ZERO) {
            let from = self.pool(out_of, service);
            let gave = from
                .replacing(line.allocated, Quota::ZERO)
                .ok_or(Refusal::AmountOutOfRange)?;
            let arriving = (Quota::ZERO, line.allocated);
            let took = self.room(to, service, self.pool(to, service), arriving)?;
            self.pools.insert((out_of, service.clone()), gave);
            self.pools.insert((to, service.clone()), took);
            units.insert(service.clone(), line.allocated);
        }
        Ok(units)
    }

    /// What stays of an allocation when all that can be taken from it is.
    pub(super) fn least(&self, holder: Holder, service: &ServiceId, line: &Line) -> Quota {
        match holder {
            Holder::Member(_) => line.least(),
            Holder::Department(department_id) => self.pool(Some(department_id), service).least(),
        }
    }

    /// What is left of an allocation when `units` of its unused part are taken.
    pub(super) fn without(
        &self,
        holder: Holder,
        service: &ServiceId,
        line: &Line,
        units: Units,
    ) -> Result<Quota, Refusal> {
        let (level, rule, least, spare) = match holder {
            Holder::Member(_) => (
                Level::Member,
                Rule::AllocationBelowUsage,
                Quota::Finite(line.spent()),
                line.available(),
            ),
            Holder::Department(department_id) => {
                let pool = self.pool(Some(department_id), service);
                (
                    Level::Department,
                    Rule::TotalBelowAllocated,
                    pool.floor(),
                    pool.spare(),
                )
            }
        };
        if spare.covers(units) {
            return Ok(line.allocated.minus(units));
        }
        let numbers = (least, line.used, line.held);
        Err(self.refuse(rule, level, service, numbers, Quota::Finite(units), spare))
    }

    /// As much of `wanted` as what it comes out of and the cap leave to a member who holds
    /// `before`; no more than that where the sum would not fit into 64 bits.
    pub(super) fn reachable(
        &self,
        out_of: Option<DepartmentId>,
        service: &ServiceId,
        before: Quota,
        wanted: Quota,
    ) -> Quota {
        let pool = self.pool(out_of, service);
        let at_hand = match (before, pool.unallocated()) {
            (Quota::Finite(before), Quota::Finite(left)) => {
                Quota::Finite(before.saturating_add(left))
            }
            (Quota::Unlimited, _) | (_, Quota::Unlimited) => Quota::Unlimited,
        };
        let after = wanted.min(at_hand).min(self.cap(service));
        pool.replacing(before, after).map_or(before, |_| after)
    }

    fn put(&mut self, holder: Holder, service: &ServiceId, line: Line) {
        if let Holder::Department(department_id) = holder {
            let mut own = self.pool(Some(department_id), service);
            own.total = line.allocated;
            self.pools
                .insert((Some(department_id), service.clone()), own);
        }
        self.lines.insert((holder, service.clone()), line);
    }

    fn cap(&self, service: &ServiceId) -> Quota {
        self.school
            .settings
            .member_cap
            .get(service)
            .copied()
            .unwrap_or(Quota::Unlimited)
    }

    /// Lowering stops at what is used and held; of a department, at what its members hold and used.
    fn check_lowered(
        &self,
        holder: Holder,
        service: &ServiceId,
        before: &Line,
        after: Quota,
    ) -> Result<(), Refusal> {
        if before.allocated.fits_in(after) {
            return Ok(());
        }
        let (level, rule, least) = match holder {
            Holder::Member(_) => {
                let spent = Quota::Finite(before.spent());
                (Level::Member, Rule::AllocationBelowUsage, spent)
            }
            Holder::Department(department_id) => {
                let floor = self.pool(Some(department_id), service).floor();
                (Level::Department, Rule::TotalBelowAllocated, floor)
            }
        };
        if least.fits_in(after) {
            return Ok(());
        }
        let numbers = (least, before.used, before.held);
        Err(self.refuse(rule, level, service, numbers, after, least))
    }

    /// Raising stops at the cap per member; a cap that was lowered takes nothing away.
    fn check_cap(
        &self,
        holder: Holder,
        service: &ServiceId,
        before: &Line,
        after: Quota,
    ) -> Result<(), Refusal> {
        let cap = match holder {
            Holder::Member(_) => self.cap(service),
            Holder::Department(_) => Quota::Unlimited,
        };
        if after.fits_in(before.allocated) || after.fits_in(cap) {
            return Ok(());
        }
        let numbers = (cap, before.used, before.held);
        Err(self.refuse(
            Rule::MemberCapExceeded,
            Level::Member,
            service,
            numbers,
            after,
            cap,
        ))
    }

    /// What an allocation comes out of when it is another amount, if that has room for it.
    fn room(
        &self,
        out_of: Option<DepartmentId>,
        service: &ServiceId,
        pool: Pool,
        (before, after): (Quota, Quota),
    ) -> Result<Pool, Refusal> {
        pool.replacing(before, after)
            .filter(|new_pool| new_pool.may_follow(&pool))
            .ok_or_else(|| self.no_room(out_of, service, &pool, (before, after)))
    }

    fn no_room(
        &self,
        out_of: Option<DepartmentId>,
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
        let level = match out_of {
            None => Level::Pool,
            Some(_) => Level::Department,
        };
        let numbers = (pool.total, pool.used, pool.held);
        let left = pool.unallocated();
        self.refuse(Rule::PoolExceeded, level, service, numbers, more, left)
    }

    fn refuse(
        &self,
        rule: Rule,
        level: Level,
        service: &ServiceId,
        (limit, used, held): (Quota, Units, Units),
        asked: Quota,
        available: Quota,
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
