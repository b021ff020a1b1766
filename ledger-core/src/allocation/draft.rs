//! A batch in the making: allocations as the rows so far would leave them, over an untouched state.

use std::collections::BTreeMap;

use super::state::{Line, Pool};
use crate::ids::MemberId;
use crate::quantity::{Quota, Units};
use crate::refusal::{Level, Refusal, Rule, Shortfall};
use crate::school::School;
use crate::service::ServiceId;
use crate::state::SchoolState;

pub(super) struct Draft<'a> {
    state: &'a SchoolState,
    school: &'a School,
    pools: BTreeMap<ServiceId, Pool>,
    lines: BTreeMap<(MemberId, ServiceId), Line>,
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

    pub(super) fn line(&self, member: MemberId, service: &ServiceId) -> Result<Line, Refusal> {
        let present = self.state.present_member(member)?;
        let drafted = self.lines.get(&(member, service.clone())).copied();
        Ok(drafted.unwrap_or_else(|| present.line(service)))
    }

    pub(super) fn pool(&self, service: &ServiceId) -> Pool {
        self.pools
            .get(service)
            .copied()
            .unwrap_or_else(|| self.state.pool(service))
    }

    /// Makes `member` hold `after` units of `service`, if every rule allows it.
    pub(super) fn set(
        &mut self,
        member: MemberId,
        service: &ServiceId,
        after: Line,
    ) -> Result<(), Refusal> {
        let before = self.line(member, service)?;
        self.check_usage(service, &before, after.allocated)?;
        self.check_cap(service, &before, after.allocated)?;
        let pool = self.pool(service);
        let replaced = pool
            .replacing(before.allocated, after.allocated)
            .filter(|new_pool| new_pool.may_follow(&pool));
        let Some(new_pool) = replaced else {
            return Err(self.pool_exceeded(service, &pool, &before, after.allocated));
        };
        self.put(member, service, after, new_pool);
        Ok(())
    }

    /// Moves `units` from one member to another; the pool is the same before and after.
    pub(super) fn transfer(
        &mut self,
        from: (MemberId, Line),
        to: (MemberId, Line),
        service: &ServiceId,
    ) -> Result<(), Refusal> {
        let from_before = self.line(from.0, service)?;
        let to_before = self.line(to.0, service)?;
        self.check_usage(service, &from_before, from.1.allocated)?;
        self.check_cap(service, &to_before, to.1.allocated)?;
        let pool = self.pool(service);
        let moved = pool
            .replacing(from_before.allocated, from.1.allocated)
            .and_then(|pool| pool.replacing(to_before.allocated, to.1.allocated))
            .filter(|new_pool| new_pool.may_follow(&pool));
        let Some(new_pool) = moved else {
            return Err(self.pool_exceeded(service, &pool, &to_before, to.1.allocated));
        };
        self.put(from.0, service, from.1, new_pool);
        self.put(to.0, service, to.1, new_pool);
        Ok(())
    }

    /// Takes a line whose amount stays as it is.
    pub(super) fn keep(&mut self, member: MemberId, service: &ServiceId, line: Line) {
        self.lines.insert((member, service.clone()), line);
    }

    /// What is left of an allocation when `units` of its unused part are taken.
    pub(super) fn without(
        &self,
        service: &ServiceId,
        line: &Line,
        units: Units,
    ) -> Result<Quota, Refusal> {
        if line.available().covers(units) {
            return Ok(line.allocated.minus(units));
        }
        let numbers = (Quota::Finite(line.spent()), line.used, line.held);
        let (rule, asked) = (Rule::AllocationBelowUsage, Quota::Finite(units));
        Err(self.refuse(
            rule,
            Level::Member,
            service,
            numbers,
            asked,
            line.available(),
        ))
    }

    /// As much of `wanted` as the pool and the cap leave to somebody who holds `before`; no more
    /// than that where the sum would not fit into 64 bits.
    pub(super) fn reachable(&self, service: &ServiceId, before: Quota, wanted: Quota) -> Quota {
        let pool = self.pool(service);
        let at_hand = match (before, pool.unallocated()) {
            (Quota::Finite(before), Quota::Finite(left)) => {
                Quota::Finite(before.saturating_add(left))
            }
            (Quota::Unlimited, _) | (_, Quota::Unlimited) => Quota::Unlimited,
        };
        let after = wanted.min(at_hand).min(self.cap(service));
        pool.replacing(before, after).map_or(before, |_| after)
    }

    fn put(&mut self, member: MemberId, service: &ServiceId, line: Line, pool: Pool) {
        self.lines.insert((member, service.clone()), line);
        self.pools.insert(service.clone(), pool);
    }

    fn cap(&self, service: &ServiceId) -> Quota {
        self.school
            .settings
            .member_cap
            .get(service)
            .copied()
            .unwrap_or(Quota::Unlimited)
    }

    /// Lowering stops at what is used and held.
    fn check_usage(&self, service: &ServiceId, before: &Line, after: Quota) -> Result<(), Refusal> {
        if before.allocated.fits_in(after) || after.covers(before.spent()) {
            return Ok(());
        }
        let least = Quota::Finite(before.spent());
        let numbers = (least, before.used, before.held);
        Err(self.refuse(
            Rule::AllocationBelowUsage,
            Level::Member,
            service,
            numbers,
            after,
            least,
        ))
    }

    /// Raising stops at the cap per member; a cap that was lowered takes nothing away.
    fn check_cap(&self, service: &ServiceId, before: &Line, after: Quota) -> Result<(), Refusal> {
        let cap = self.cap(service);
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

    fn pool_exceeded(
        &self,
        service: &ServiceId,
        pool: &Pool,
        before: &Line,
        after: Quota,
    ) -> Refusal {
        if pool.total == Quota::Unlimited {
            return Refusal::AmountOutOfRange;
        }
        let more = match (after, before.allocated) {
            (Quota::Finite(after), Quota::Finite(before)) => {
                Quota::Finite(after.saturating_sub(before))
            }
            (after, Quota::Unlimited) => after,
            (Quota::Unlimited, Quota::Finite(_)) => Quota::Unlimited,
        };
        let numbers = (pool.total, pool.used, pool.held);
        let left = pool.unallocated();
        self.refuse(
            Rule::PoolExceeded,
            Level::Pool,
            service,
            numbers,
            more,
            left,
        )
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
