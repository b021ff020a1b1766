//! What a new period leaves to be done, and what the events of a roll amount to.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::event::{AllocationsRenewed, PeriodClosed, PeriodEvent};
use crate::allocation::set_allocated;
use crate::ids::{MemberId, Seq};
use crate::quantity::Quota;
use crate::service::ServiceId;
use crate::state::SchoolState;

/// The allocations of the closed period of which no event says yet what came of them. Empty, but
/// between the events of one roll.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Renewals {
    /// Them, in the order in which they are granted again.
    left: Vec<(MemberId, ServiceId)>,
    /// What of each pool's total was not granted again yet.
    reach: BTreeMap<ServiceId, Quota>,
    /// How many events of this roll have told of some.
    told: u32,
}

impl Renewals {
    /// Everybody's allocations: those of high priority first, then of normal, then of low; of one
    /// priority those first that their holders have had for longest.
    fn of(state: &SchoolState) -> Self {
        let mut ranked: Vec<_> = state
            .members
            .iter()
            .flat_map(|(member_id, member)| {
                member.lines().map(move |(service, line)| {
                    let rank = (Reverse(line.priority), line.since);
                    (rank, *member_id, service, line.allocated)
                })
            })
            .filter(|(.., allocated)| *allocated != Quota::ZERO)
            .collect();
        ranked.sort_unstable_by_key(|(rank, member_id, service, _)| (*rank, *member_id, *service));
        Self {
            left: ranked
                .into_iter()
                .map(|(_, member_id, service, _)| (member_id, service.clone()))
                .collect(),
            reach: state.totals(),
            told: 0,
        }
    }

    /// Whether the events of the roll tell of all.
    pub(crate) const fn is_done(&self) -> bool {
        self.left.is_empty()
    }

    /// How many events of this roll have told of some.
    pub(super) const fn told(&self) -> u32 {
        self.told
    }

    /// The next ones, at most so many.
    pub(super) fn next(&self, most: usize) -> &[(MemberId, ServiceId)] {
        &self.left[..most.min(self.left.len())]
    }

    /// How much of a service can still be granted again.
    pub(super) fn reach(&self, service: &ServiceId) -> Quota {
        self.reach.get(service).copied().unwrap_or(Quota::ZERO)
    }

    fn take(&mut self, told: &AllocationsRenewed) {
        let rows: BTreeSet<_> = told
            .rows
            .iter()
            .map(|row| (row.member_id, &row.service))
            .collect();
        self.left
            .retain(|(member_id, service)| !rows.contains(&(*member_id, service)));
        for row in &told.rows {
            if let Some(reach) = self.reach.get_mut(&row.service) {
                *reach = less(*reach, row.after);
            }
        }
        self.told = self.told.saturating_add(1);
        if self.is_done() {
            *self = Self::default();
        }
    }
}

/// What is left of `reach` when `granted` is.
pub(super) fn less(reach: Quota, granted: Quota) -> Quota {
    match granted {
        Quota::Finite(units) => reach.minus(units),
        // Only an unlimited total reaches so far, and it is not less by it.
        Quota::Unlimited => reach,
    }
}

pub(crate) fn evolve(state: &mut SchoolState, seq: Seq, event: &PeriodEvent) {
    match event {
        PeriodEvent::Closed(e) => start_over(state, e),
        PeriodEvent::Renewed(e) => {
            for row in &e.rows {
                set_allocated(state, seq, row.member_id, &row.service, row.after);
            }
            state.renewals.take(e);
        }
    }
}

fn start_over(state: &mut SchoolState, closed: &PeriodClosed) {
    if let Some(school) = &mut state.school {
        school.period = closed.opened;
    }
    for pool in state.pools.values_mut() {
        pool.start_over();
    }
    for member in state.members.values_mut() {
        for (_, line) in &mut member.lines {
            line.start_over();
        }
    }
    state.renewals = Renewals::of(state);
}
