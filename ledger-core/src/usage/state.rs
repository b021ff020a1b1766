//! What usage amounts to: the open holds, and the counters of lines and pools.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::event::UsageEvent;
use crate::ids::{Key, MemberId};
use crate::quantity::Units;
use crate::refusal::Level;
use crate::service::ServiceId;
use crate::state::SchoolState;
use crate::time::Timestamp;

/// Units reserved for a call in flight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// Whose usage.
    pub member_id: MemberId,
    /// Of which service.
    pub service: ServiceId,
    /// How many units.
    pub units: Units,
    /// On whose account.
    pub level: Level,
    /// When it runs out.
    pub expires_at: Timestamp,
    /// When it was placed: the period that this lies in is the one that it settles into.
    pub placed_at: Timestamp,
}

/// The open holds of a school, found by id and by the instant at which they run out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<Key, Hold>", into = "BTreeMap<Key, Hold>")]
pub struct Holds {
    by_id: BTreeMap<Key, Hold>,
    by_expiry: BTreeSet<(Timestamp, Key)>,
}

impl Holds {
    /// The open hold of this id.
    #[must_use]
    pub fn get(&self, hold_id: &Key) -> Option<&Hold> {
        self.by_id.get(hold_id)
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Every open hold, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Hold)> {
        self.by_id.iter()
    }

    /// The open hold that runs out first.
    #[must_use]
    pub fn first_to_expire(&self) -> Option<(&Key, &Hold)> {
        let (_, hold_id) = self.by_expiry.first()?;
        self.by_id.get_key_value(hold_id)
    }

    pub(crate) fn weight(&self) -> usize {
        // The id stands in both maps.
        self.by_id.len() * (size_of::<Hold>() + 3 * size_of::<Key>() + 64)
    }

    fn insert(&mut self, hold_id: Key, hold: Hold) {
        self.remove(&hold_id);
        self.by_expiry.insert((hold.expires_at, hold_id.clone()));
        self.by_id.insert(hold_id, hold);
    }

    fn remove(&mut self, hold_id: &Key) {
        if let Some(hold) = self.by_id.remove(hold_id) {
            self.by_expiry.remove(&(hold.expires_at, hold_id.clone()));
        }
    }
}

impl From<BTreeMap<Key, Hold>> for Holds {
    fn from(by_id: BTreeMap<Key, Hold>) -> Self {
        let by_expiry = by_id
            .iter()
            .map(|(id, hold)| (hold.expires_at, id.clone()))
            .collect();
        Self { by_id, by_expiry }
    }
}

impl From<Holds> for BTreeMap<Key, Hold> {
    fn from(holds: Holds) -> Self {
        holds.by_id
    }
}

pub(crate) fn evolve(state: &mut SchoolState, recorded_at: Timestamp, event: &UsageEvent) {
    const NONE: Units = Units::ZERO;
    match event {
        UsageEvent::Debited(e) => {
            shift(
                state,
                e.member_id,
                &e.service,
                e.level,
                (NONE, e.units, NONE),
            );
        }
        UsageEvent::HoldPlaced(e) => {
            shift(
                state,
                e.member_id,
                &e.service,
                e.level,
                (NONE, NONE, e.units),
            );
            let hold = Hold {
                member_id: e.member_id,
                service: e.service.clone(),
                units: e.units,
                level: e.level,
                expires_at: e.expires_at,
                placed_at: recorded_at,
            };
            state.holds.insert(e.hold_id.clone(), hold);
        }
        UsageEvent::HoldSettled(e) => {
            // The counters of a closed period do not stand here any more.
            if e.period_start.is_none() {
                let moved = (e.freed_units, e.units, NONE);
                shift(state, e.member_id, &e.service, e.level, moved);
            }
            state.holds.remove(&e.hold_id);
        }
        UsageEvent::HoldReleased(e) => {
            if e.period_start.is_none() {
                let moved = (e.units, NONE, NONE);
                shift(state, e.member_id, &e.service, e.level, moved);
            }
            state.holds.remove(&e.hold_id);
        }
        UsageEvent::HoldExpired(e) => {
            if e.period_start.is_none() {
                let moved = (e.units, NONE, NONE);
                shift(state, e.member_id, &e.service, e.level, moved);
            }
            state.holds.remove(&e.hold_id);
        }
        UsageEvent::Refused(_) => {} // nothing moved
        UsageEvent::Reported(e) if e.period_start.is_none() => {
            shift(
                state,
                e.member_id,
                &e.service,
                e.level,
                (NONE, e.units, NONE),
            );
        }
        UsageEvent::Attributed(e) => {
            if let Some(from) = e.from.as_ref().filter(|from| from.period_start.is_none()) {
                give_back(state, from.member_id, &from.service, from.level, e.units);
            }
            if e.to.period_start.is_none() {
                let to = &e.to;
                shift(
                    state,
                    to.member_id,
                    &to.service,
                    to.level,
                    (NONE, e.units, NONE),
                );
            }
        }
        UsageEvent::Corrected(e) if e.account.period_start.is_none() => {
            let account = &e.account;
            give_back(
                state,
                account.member_id,
                &account.service,
                account.level,
                e.units,
            );
        }
        // Nobody's, or of a period that is closed: the counters of the open one stand.
        UsageEvent::Reported(_) | UsageEvent::Parked(_) | UsageEvent::Corrected(_) => {}
    }
}

/// So many units of the account drawn on, and of the pool, count as used no more.
fn give_back(
    state: &mut SchoolState,
    member_id: MemberId,
    service: &ServiceId,
    level: Level,
    units: Units,
) {
    let draws_on_pool = state.draws_on_pool();
    let Some(pool) = state.pools.get_mut(service) else {
        return;
    };
    pool.tally().give_back(units);
    match level {
        Level::Pool => pool.direct_tally().give_back(units),
        Level::Member => {
            if let Some(member) = state.members.get_mut(&member_id) {
                member.line_mut(service).tally().give_back(units);
                state.leavers.note(member_id, member, draws_on_pool);
            }
        }
    }
}

/// Moves (freed, used, held) units on the account drawn on and on the pool, which counts all.
fn shift(
    state: &mut SchoolState,
    member_id: MemberId,
    service: &ServiceId,
    level: Level,
    (freed, used, held): (Units, Units, Units),
) {
    // Looked up first: this is the hot path, and a pool is new only once.
    let pool = if state.pools.contains_key(service) {
        state.pools.get_mut(service)
    } else {
        Some(state.pools.entry(service.clone()).or_default())
    };
    let Some(pool) = pool else { return };
    pool.tally().shift(freed, used, held);
    match level {
        Level::Pool => pool.direct_tally().shift(freed, used, held),
        Level::Member => {
            let draws_on_pool = state.draws_on_pool();
            if let Some(member) = state.members.get_mut(&member_id) {
                member.line_mut(service).tally().shift(freed, used, held);
                state.leavers.note(member_id, member, draws_on_pool);
            }
        }
    }
}
