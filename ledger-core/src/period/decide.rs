//! The rules of the roll: when a period ends, and what is told of the next one.

use super::event::{AllocationsRenewed, PeriodClosed, PeriodEvent, PoolClosed};
use super::renew::renewals;
use crate::catalog::Event;
use crate::decider::Fact;
use crate::ids::CommandKey;
use crate::state::SchoolState;
use crate::time::Timestamp;

/// The most allocations of which one event tells: at some 160 bytes each, 160 kB of JSON. A school
/// of 10,000 members with three services rolls in 30 events.
pub const RENEWALS_MAX: usize = 1_000;

/// The end of the current period, if it has come by `now`.
pub(crate) fn due_rollover(state: &SchoolState, now: Timestamp) -> Option<(CommandKey, Fact)> {
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
        CommandKey::PeriodRollover(closed.end),
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
    let rows = renewals(state, school, state.renewals.left(), RENEWALS_MAX);
    let period = school.period;
    let event = Event::Period(PeriodEvent::Renewed(AllocationsRenewed { period, rows }));
    let key = CommandKey::Renewals {
        period_start: period.start,
        index: state.renewals.told(),
    };
    let occurred_at = period.start;
    Some((key, Fact { occurred_at, event }))
}
