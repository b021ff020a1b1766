//! The rules of the rollover: the end of a period and the renewals in the next one.

use super::event::{AllocationsRenewed, PeriodClosed, PeriodEvent, PoolClosed};
use super::renew::renewals;
use crate::catalog::Event;
use crate::decider::Fact;
use crate::ids::CommandKey;
use crate::state::SchoolState;
use crate::time::Timestamp;

/// The most renewals of one event: at some 160 bytes each, 160 kB of JSON. A school of 10,000
/// members with three services needs 30 events.
pub const RENEWALS_MAX: usize = 1_000;

/// The end of the open period, if it is due by `now`.
pub(crate) fn due_rollover(state: &SchoolState, now: Timestamp) -> Option<(CommandKey, Fact)> {
    let school = state.school.as_ref()?;
    let closed = school.period;
    if now < closed.end {
        return None;
    }
    // Only the end of time has no next period.
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

/// The next renewals of a new period, if any are undecided.
pub(crate) fn due_renewals(state: &SchoolState) -> Option<(CommandKey, Fact)> {
    let school = state.school.as_ref()?;
    if state.renewals.is_done() {
        return None;
    }
    let rows = renewals(state, school, state.renewals.undecided(), RENEWALS_MAX);
    let period = school.period;
    let event = Event::Period(PeriodEvent::Renewed(AllocationsRenewed { period, rows }));
    let key = CommandKey::Renewals {
        period_start: period.start,
        index: state.renewals.events(),
    };
    let occurred_at = period.start;
    Some((key, Fact { occurred_at, event }))
}
