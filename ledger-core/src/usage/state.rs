//! What usage amounts to: the open holds, and the counters of lines and pools.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::event::{HoldPlaced, UsageEvent};
use super::reported::Attribution;
use crate::allocation::{self, Tally};
use crate::ids::{DepartmentId, Key, MemberId};
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
    /// Whether it exceeded what was allocated, as the school's overage policy let it.
    pub overage: bool,
    /// On whose account.
    pub level: Level,
    /// The department drawn on, at that level.
    pub department_id: Option<DepartmentId>,
    /// When it runs out.
    pub expires_at: Timestamp,
    /// When it was placed: the period that this lies in is the one that it settles into.
    pub placed_at: Timestamp,
}

impl Hold {
    /// The hold as its event has it.
    #[must_use]
    pub fn placed(event: &HoldPlaced, placed_at: Timestamp) -> Self {
        Self {
            member_id: event.member_id,
            service: event.service.clone(),
            units: event.units,
            overage: event.overage,
            level: event.level,
            department_id: match event.level {
                Level::Department => event.department_id,
                Level::Member | Level::Pool => None,
            },
            expires_at: event.expires_at,
            placed_at,
        }
    }
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
            let account = (e.member_id, e.level, e.department_id);
            shift(state, account, &e.service, (NONE, e.units, NONE));
        }
        UsageEvent::HoldPlaced(e) => {
            let account = (e.member_id, e.level, e.department_id);
            shift(state, account, &e.service, (NONE, NONE, e.units));
            let hold = Hold::placed(e, recorded_at);
            state.holds.insert(e.hold_id.clone(), hold);
        }
        UsageEvent::HoldSettled(e) => {
            // The counters of a closed period do not stand here any more.
            if e.period_start.is_none() {
                let account = (e.member_id, e.level, e.department_id);
                shift(state, account, &e.service, (e.freed_units, e.units, NONE));
            }
            state.holds.remove(&e.hold_id);
        }
        UsageEvent::HoldReleased(e) => {
            if e.period_start.is_none() {
                let account = (e.member_id, e.level, e.department_id);
                shift(state, account, &e.service, (e.units, NONE, NONE));
            }
            state.holds.remove(&e.hold_id);
        }
        UsageEvent::HoldExpired(e) => {
            if e.period_start.is_none() {
                let account = (e.member_id, e.level, e.department_id);
                shift(state, account, &e.service, (e.units, NONE, NONE));
            }
            state.holds.remove(&e.hold_id);
        }
        UsageEvent::Refused(_) => {} // nothing moved
        UsageEvent::Reported(e) if e.period_start.is_none() => {
            let account = (e.member_id, e.level, e.department_id);
            shift(state, account, &e.service, (NONE, e.units, NONE));
        }
        UsageEvent::Attributed(e) => {
            if let Some(from) = e.from.as_ref().filter(|from| from.period_start.is_none()) {
                give_back(state, from, e.units);
            }
            if e.to.period_start.is_none() {
                let account = (e.to.member_id, e.to.level, e.to.department_id);
                shift(state, account, &e.to.service, (NONE, e.units, NONE));
            }
        }
        UsageEvent::Corrected(e) if e.account.period_start.is_none() => {
            give_back(state, &e.account, e.units);
        }
        // Nobody's, or of a period that is closed: the counters of the open one stand.
        UsageEvent::Reported(_) | UsageEvent::Parked(_) | UsageEvent::Corrected(_) => {}
    }
}

/// So many units of the account drawn on, and of the pool, count as used no more.
fn give_back(state: &mut SchoolState, account: &Attribution, units: Units) {
    let account_drawn = (account.member_id, account.level, account.department_id);
    move_tallies(state, account_drawn, &account.service, |tally| {
        tally.give_back(units);
    });
}

/// Moves (freed, used, held) units on the account drawn on and on the pool, which counts all.
fn shift(
    state: &mut SchoolState,
    account: (MemberId, Level, Option<DepartmentId>),
    service: &ServiceId,
    (freed, used, held): (Units, Units, Units),
) {
    move_tallies(state, account, service, |tally| {
        tally.shift(freed, used, held);
    });
}

/// Moves every tally that usage of a member counts on: the pool's, which counts all, his
/// department's, which counts all in it, and the account's that is drawn on.
fn move_tallies(
    state: &mut SchoolState,
    (member_id, level, drawn_on): (MemberId, Level, Option<DepartmentId>),
    service: &ServiceId,
    shift: impl Fn(Tally<'_>),
) {
    // Looked up first: this is the hot path, and a pool is new only once.
    if !state.pools.contains_key(service) {
        state.pools.entry(service.clone()).or_default();
    }
    let draws_on_pool = state.draws_on_pool();
    let Some(pool) = state.pools.get_mut(service) else {
        return;
    };
    shift(pool.tally());
    match level {
        Level::Pool => shift(pool.direct_tally()),
        Level::Department => {
            if let Some(department_id) = drawn_on {
                let pool = state.pool_mut(drawn_on, service);
                shift(pool.tally());
                shift(pool.direct_tally());
                allocation::note_department(state, department_id);
            }
        }
        Level::Member => {
            let Some(member) = state.members.get_mut(&member_id) else {
                return;
            };
            shift(member.line_mut(service).tally());
            state.leavers.note(member_id, member, draws_on_pool);
            if let Some(department_id) = member.department_id {
                shift(state.pool_mut(Some(department_id), service).tally());
            }
        }
    }
}
