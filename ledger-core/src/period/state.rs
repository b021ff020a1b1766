//! The state of a rollover.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::event::{AllocationsRenewed, PeriodClosed, PeriodEvent};
use super::renew::order;
use crate::allocation::{Holder, set_allocated};
use crate::ids::Seq;
use crate::service::ServiceId;
use crate::state::SchoolState;

/// The allocations of the closed period whose renewal is undecided. Empty except between the events
/// of one rollover.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Renewals {
    /// The allocations, in the order of the decisions.
    undecided: Vec<(Holder, ServiceId)>,
    /// The number of renewal events of this rollover.
    events: u32,
}

impl Renewals {
    /// Whether all renewals are decided.
    pub(crate) const fn is_done(&self) -> bool {
        self.undecided.is_empty()
    }

    pub(super) const fn events(&self) -> u32 {
        self.events
    }

    pub(super) fn undecided(&self) -> &[(Holder, ServiceId)] {
        &self.undecided
    }

    fn apply(&mut self, event: &AllocationsRenewed) {
        let decided = event.rows.iter().map(|row| (row.holder, &row.service));
        let decided: BTreeSet<_> = decided.collect();
        self.undecided
            .retain(|(holder, service)| !decided.contains(&(*holder, service)));
        self.events = self.events.saturating_add(1);
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
            state.renewals.apply(e);
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
        undecided: order(state),
        events: 0,
    };
}
