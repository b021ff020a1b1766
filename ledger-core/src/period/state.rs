//! What a new period leaves to be told, and what the events of a roll amount to.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::event::{AllocationsRenewed, PeriodClosed, PeriodEvent};
use super::renew::order;
use crate::allocation::{Holder, set_allocated};
use crate::ids::Seq;
use crate::service::ServiceId;
use crate::state::SchoolState;

/// The allocations of the closed period of which no event says yet what came of them. Empty, but
/// between the events of one roll.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Renewals {
    /// Them, in the order in which it is told what comes of them.
    left: Vec<(Holder, ServiceId)>,
    /// How many events of this roll have told of some.
    told: u32,
}

impl Renewals {
    /// Whether the events of the roll tell of all.
    pub(crate) const fn is_done(&self) -> bool {
        self.left.is_empty()
    }

    /// How many events of this roll have told of some.
    pub(super) const fn told(&self) -> u32 {
        self.told
    }

    /// Them, in the order in which it is told what comes of them.
    pub(super) fn left(&self) -> &[(Holder, ServiceId)] {
        &self.left
    }

    fn take(&mut self, told: &AllocationsRenewed) {
        let rows: BTreeSet<_> = told
            .rows
            .iter()
            .map(|row| (row.holder, &row.service))
            .collect();
        self.left
            .retain(|(holder, service)| !rows.contains(&(*holder, service)));
        self.told = self.told.saturating_add(1);
        if self.is_done() {
            *self = Self::default();
        }
    }
}

pub(crate) fn evolve(state: &mut SchoolState, seq: Seq, event: &PeriodEvent) {
    match event {
        PeriodEvent::Closed(e) => reset(state, e),
        PeriodEvent::Renewed(e) => {
            for row in &e.rows {
                set_allocated(state, seq, row.holder, &row.service, row.after);
            }
            state.renewals.take(e);
        }
    }
}

fn reset(state: &mut SchoolState, closed: &PeriodClosed) {
    if let Some(school) = &mut state.school {
        school.close(closed.closed);
        school.period = closed.opened;
    }
    for pool in state.pools.values_mut() {
        pool.reset();
    }
    for department in state.departments.values_mut() {
        department.reset();
    }
    for member in state.members.values_mut() {
        for line in member.lines.values_mut() {
            line.reset();
        }
    }
    state.renewals = Renewals {
        left: order(state),
        told: 0,
    };
}
