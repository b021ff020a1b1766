//! The state of usage: the open holds, and the counters of lines and pools.

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::event::{HoldPlaced, UsageEvent};
use crate::allocation::{self, Tally};
use crate::expiring::{Expires, Expiring};
use crate::ids::Key;
use crate::quantity::Units;
use crate::refusal::Level;
use crate::state::SchoolState;
use crate::time::Timestamp;

/// Units reserved for a call in flight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// The account drawn on. It has a department only at that level: a hold on a member's own
    /// allocation follows the member to another department.
    pub account: Account,
    /// The units.
    pub units: Units,
    /// Whether they exceeded the allocation, as the school's overage policy permitted.
    pub overage: bool,
    /// The expiry.
    pub expires_at: Timestamp,
    /// The time of the reservation: the hold settles into the period of this instant.
    pub placed_at: Timestamp,
}

impl Hold {
    /// The hold of an event.
    #[must_use]
    pub fn placed(event: &HoldPlaced, placed_at: Timestamp) -> Self {
        let mut account = event.account.clone();
        if account.level != Level::Department {
            account.department_id = None;
        }
        Self {
            account,
            units: event.units,
            overage: event.overage,
            expires_at: event.expires_at,
            placed_at,
        }
    }
}

impl Expires for Hold {
    fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

/// The open holds of a school.
pub type Holds = Expiring<Key, Hold>;

pub(crate) fn evolve(state: &mut SchoolState, recorded_at: Timestamp, event: &UsageEvent) {
    const NONE: Units = Units::ZERO;
    match event {
        UsageEvent::Debited(e) => shift(state, &e.account, None, (NONE, e.units, NONE)),
        UsageEvent::HoldPlaced(e) => {
            shift(state, &e.account, None, (NONE, NONE, e.units));
            let hold = Hold::placed(e, recorded_at);
            state.holds.insert(e.hold_id.clone(), hold);
        }
        UsageEvent::HoldSettled(e) => {
            let moved = (e.freed_units, e.units, NONE);
            shift(state, &e.account, e.period_start, moved);
            state.holds.remove(&e.hold_id);
        }
        UsageEvent::HoldReleased(e) => {
            shift(state, &e.account, e.period_start, (e.units, NONE, NONE));
            state.holds.remove(&e.hold_id);
        }
        UsageEvent::HoldExpired(e) => {
            shift(state, &e.account, e.period_start, (e.units, NONE, NONE));
            state.holds.remove(&e.hold_id);
        }
        UsageEvent::Reported(e) => {
            shift(state, &e.account, e.period_start, (NONE, e.units, NONE));
        }
        UsageEvent::Attributed(e) => {
            if let Some(from) = &e.from {
                refund(state, &from.account, from.period_start, e.units);
            }
            let to = &e.to;
            shift(state, &to.account, to.period_start, (NONE, e.units, NONE));
        }
        UsageEvent::Corrected(e) => {
            let from = &e.attribution;
            refund(state, &from.account, from.period_start, e.units);
        }
        UsageEvent::Refused(_) | UsageEvent::Parked(_) => {} // no counter changes
    }
}

fn refund(state: &mut SchoolState, account: &Account, closed: Option<Timestamp>, units: Units) {
    move_tallies(state, account, closed, |tally| tally.refund(units));
}

/// Moves (freed, used, held) units on an account and on the pool.
fn shift(
    state: &mut SchoolState,
    account: &Account,
    closed: Option<Timestamp>,
    (freed, used, held): (Units, Units, Units),
) {
    move_tallies(state, account, closed, |tally| {
        tally.shift(freed, used, held);
    });
}

/// Moves every tally that an account counts on: the pool's, the department's and the account's own.
/// The state has no counters of closed periods.
fn move_tallies(
    state: &mut SchoolState,
    account: &Account,
    closed: Option<Timestamp>,
    shift: impl Fn(Tally<'_>),
) {
    if closed.is_some() {
        return;
    }
    let service = &account.service;
    // `entry` would clone the service on the hot path.
    if !state.pools.contains_key(service) {
        state.pools.entry(service.clone()).or_default();
    }
    let draws_on_pool = state.draws_on_pool();
    let Some(pool) = state.pools.get_mut(service) else {
        return;
    };
    shift(pool.tally());
    match account.level {
        Level::Pool => shift(pool.direct_tally()),
        Level::Department => {
            if let Some(department_id) = account.department_id {
                let pool = state.pool_mut(account.department_id, service);
                shift(pool.tally());
                shift(pool.direct_tally());
                allocation::note_department(state, department_id);
            }
        }
        Level::Member => {
            let Some(member) = state.members.get_mut(&account.member_id) else {
                return;
            };
            shift(member.line_mut(service).tally());
            state
                .pending_reclaims
                .note(account.member_id, member, draws_on_pool);
            if let Some(department_id) = member.department_id {
                shift(state.pool_mut(Some(department_id), service).tally());
            }
        }
    }
}
