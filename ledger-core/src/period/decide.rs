//! The rules of the roll: when a period ends, and which allocations the next one begins with.

use std::collections::BTreeMap;

use super::event::{AllocationsRenewed, PeriodClosed, PeriodEvent, PoolClosed, Renewal};
use super::state::less;
use crate::allocation::{Line, Pool};
use crate::catalog::Event;
use crate::decider::Fact;
use crate::ids::{CommandKey, MemberId};
use crate::plan::Management;
use crate::quantity::{Quota, Units};
use crate::school::{School, Standing};
use crate::service::ServiceId;
use crate::state::SchoolState;
use crate::time::Timestamp;

/// The most allocations of which one event tells: at some 160 bytes each, 160 kB of JSON. A school
/// of 10,000 members with three services rolls in 30 events.
pub const RENEWALS_MAX: usize = 1_000;

/// The end of the current period, if it has come by `now`.
pub(crate) fn due_roll(state: &SchoolState, now: Timestamp) -> Option<(CommandKey, Fact)> {
    let school = state.school.as_ref()?;
    let closed = school.period;
    if now < closed.end {
        return None;
    }
    // There is no next one at the end of time alone.
    let opened = school.cycles.period_after(closed)?;
    let pools = state
        .pools()
        .map(|(service, pool)| PoolClosed {
            service: service.clone(),
            total: pool.total,
            allocated: pool.allocated(),
            used: pool.used,
            held: pool.held,
        })
        .collect();
    let event = Event::Period(PeriodEvent::Closed(PeriodClosed {
        closed,
        opened,
        pools,
    }));
    let occurred_at = closed.end;
    Some((
        CommandKey::PeriodRoll(closed.end),
        Fact { occurred_at, event },
    ))
}

/// The next allocations of a new period of which no event says yet what came of them, if there are
/// any.
pub(crate) fn due_renewals(state: &SchoolState) -> Option<(CommandKey, Fact)> {
    let school = state.school.as_ref()?;
    if state.renewals.is_done() {
        return None;
    }
    let mut renewing = Renewing {
        state,
        school,
        pools: BTreeMap::new(),
    };
    let rows = state
        .renewals
        .next(RENEWALS_MAX)
        .iter()
        .map(|(member_id, service)| renewing.renew(*member_id, service))
        .collect();
    let period = school.period;
    let event = Event::Period(PeriodEvent::Renewed(AllocationsRenewed { period, rows }));
    let key = CommandKey::Renewals {
        period_start: period.start,
        index: state.renewals.told(),
    };
    let occurred_at = period.start;
    Some((key, Fact { occurred_at, event }))
}

/// The rows of one event in the making, over an untouched state.
struct Renewing<'a> {
    state: &'a SchoolState,
    school: &'a School,
    /// The pools as the rows so far leave them, with what of their totals is left to be granted.
    pools: BTreeMap<&'a ServiceId, (Pool, Quota)>,
}

impl<'a> Renewing<'a> {
    fn renew(&mut self, member_id: MemberId, service: &'a ServiceId) -> Renewal {
        let state = self.state;
        let (line, has_left) = state.members.get(&member_id).map_or_else(
            || (Line::default(), true),
            |member| (member.line(service), member.standing == Standing::Removed),
        );
        let has_terms = match self.school.management {
            Management::None => false,
            Management::Basic | Management::Advanced => line.auto_renew,
        };
        let cap = self.school.settings.member_cap.get(service).copied();
        let (pool, reach) = self
            .pools
            .entry(service)
            .or_insert_with(|| (state.pool(service), state.renewals.reach(service)));
        let after = if has_terms && !has_left {
            // What the pool has left for the last one may be a part of what he had.
            let wanted = line.allocated.min(*reach);
            fitting(pool, line.allocated, wanted.min(cap.unwrap_or(wanted)))
        } else {
            Quota::ZERO
        };
        *pool = pool.replacing(line.allocated, after).unwrap_or(*pool);
        *reach = less(*reach, after);
        Renewal {
            member_id,
            service: service.clone(),
            before: line.allocated,
            after,
            priority: line.priority,
        }
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
