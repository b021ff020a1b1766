//! What allocations and usage amount to: a line per holder and service, a pool per service.

use serde::{Deserialize, Serialize};

use super::event::AllocationEvent;
use super::holder::Holder;
use crate::ids::{DepartmentId, MemberId, Seq};
use crate::quantity::{Quota, Units};
use crate::school::Standing;
use crate::service::ServiceId;
use crate::state::SchoolState;

/// How a holder ranks when units are short.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Gives first.
    Low,
    /// The default.
    #[default]
    Normal,
    /// Gives last.
    High,
}

impl Priority {
    /// Every priority, from the one that gives first to the one that gives last.
    pub const ALL: [Self; 3] = [Self::Low, Self::Normal, Self::High];

    /// The word in JSON and in columns.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

/// What a holder has of a service, and what is gone from it in this period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Units allocated.
    pub allocated: Quota,
    /// Units used.
    pub used: Units,
    /// Units held for calls in flight.
    pub held: Units,
    /// How the holder ranks.
    pub priority: Priority,
    /// Whether it is granted again in the next period.
    pub auto_renew: bool,
    /// The event since which the holder has some of it, through all changes of the amount and all
    /// periods; zero when it has none.
    pub since: Seq,
}

impl Line {
    /// used + held.
    #[must_use]
    pub fn spent(&self) -> Units {
        self.used.saturating_add(self.held)
    }

    /// allocated − used − held, never below zero.
    #[must_use]
    pub fn available(&self) -> Quota {
        self.allocated.minus(self.spent())
    }

    /// What stays allocated when all that is not used or held is taken back.
    #[must_use]
    pub fn least(&self) -> Quota {
        Quota::Finite(self.spent()).min(self.allocated)
    }

    /// A new period begins.
    pub(crate) const fn start_over(&mut self) {
        self.used = Units::ZERO;
        self.held = Units::ZERO;
    }

    pub(crate) fn tally(&mut self) -> Tally<'_> {
        Tally {
            used: &mut self.used,
            held: &mut self.held,
        }
    }
}

/// What a school has of a service this period, and what is gone from it; or a department, whose
/// allocation is to its members what the school's total is to everybody else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Units bought, or allocated to the department.
    pub total: Quota,
    /// Σ of the finite allocations that come out of it.
    pub allocated: Units,
    /// How many of those that come out of it are unlimited.
    pub unlimited_holders: u32,
    /// Units used by all.
    pub used: Units,
    /// Units held for calls in flight by all.
    pub held: Units,
    /// The part of `used` that was drawn straight on the pool.
    pub direct_used: Units,
    /// The part of `held` that was drawn straight on the pool.
    pub direct_held: Units,
}

impl Pool {
    /// Σ of the allocations that come out of it.
    #[must_use]
    pub const fn allocated(&self) -> Quota {
        if self.unlimited_holders > 0 {
            Quota::Unlimited
        } else {
            Quota::Finite(self.allocated)
        }
    }

    /// Whether no allocation comes out of it.
    #[must_use]
    pub const fn holds_nothing(&self) -> bool {
        self.unlimited_holders == 0 && self.allocated.is_zero()
    }

    /// What is spoken for: allocated, or drawn straight on the pool. Unlimited also where the sum
    /// is beyond 64 bits.
    #[must_use]
    pub fn committed(&self) -> Quota {
        self.finite_committed()
            .and_then(|sum| Units::new(i64::try_from(sum).ok()?).ok())
            .map_or(Quota::Unlimited, Quota::Finite)
    }

    /// What the total cannot go below: what is spoken for, and what was used and is held, which is
    /// more where usage that happened had exceeded an allocation.
    #[must_use]
    pub fn floor(&self) -> Quota {
        let spent = Quota::Finite(self.used.saturating_add(self.held));
        self.committed().max(spent)
    }

    /// What stays of the total when all that can be taken back is.
    #[must_use]
    pub fn least(&self) -> Quota {
        self.floor().min(self.total)
    }

    /// What can be taken back of the total.
    #[must_use]
    pub fn spare(&self) -> Quota {
        match self.floor() {
            Quota::Finite(floor) => self.total.minus(floor),
            Quota::Unlimited if self.total == Quota::Unlimited => Quota::Unlimited,
            Quota::Unlimited => Quota::ZERO,
        }
    }

    /// total − what is spoken for, never below zero.
    #[must_use]
    pub fn unallocated(&self) -> Quota {
        match (self.total, self.committed()) {
            (Quota::Unlimited, _) => Quota::Unlimited,
            (Quota::Finite(_), Quota::Finite(committed)) => self.total.minus(committed),
            (Quota::Finite(_), Quota::Unlimited) => Quota::ZERO,
        }
    }

    /// total − used − held: what the school can still use in this period.
    #[must_use]
    pub fn available(&self) -> Quota {
        self.total.minus(self.used.saturating_add(self.held))
    }

    /// The pool as a line that members without allocations draw on.
    #[must_use]
    pub fn direct(&self) -> Line {
        Line {
            allocated: self.total.minus(self.allocated),
            used: self.direct_used,
            held: self.direct_held,
            ..Line::default()
        }
    }

    /// What is spoken for, exactly, or `None` when a member holds an unlimited allocation.
    fn finite_committed(&self) -> Option<i128> {
        let parts = [self.allocated, self.direct_used, self.direct_held];
        let sum = parts.map(|units| i128::from(units.get())).into_iter().sum();
        (self.unlimited_holders == 0).then_some(sum)
    }

    /// This pool with one member's allocation changed, or `None` when the sum of the finite
    /// allocations is beyond 64 bits.
    #[must_use]
    pub(crate) fn replacing(mut self, before: Quota, after: Quota) -> Option<Self> {
        self.take_out(before);
        match after {
            Quota::Finite(units) => self.allocated = self.allocated.checked_add(units)?,
            Quota::Unlimited => self.unlimited_holders = self.unlimited_holders.checked_add(1)?,
        }
        Some(self)
    }

    /// Whether this pool may come after `before`: what is spoken for fits into the total, or is
    /// no more than it was, where usage that happened had exceeded it.
    #[must_use]
    pub(crate) fn may_follow(&self, before: &Self) -> bool {
        let fits = |total: Units| {
            let committed = self.finite_committed()?;
            let most = i128::from(total.get()).max(before.finite_committed()?);
            Some(committed <= most)
        };
        self.total
            .finite()
            .is_none_or(|total| fits(total).unwrap_or(false))
    }

    fn take_out(&mut self, before: Quota) {
        match before {
            Quota::Finite(units) => self.allocated = self.allocated.saturating_sub(units),
            Quota::Unlimited => self.unlimited_holders = self.unlimited_holders.saturating_sub(1),
        }
    }

    pub(crate) fn replace(&mut self, before: Quota, after: Quota) {
        self.take_out(before);
        match after {
            Quota::Finite(units) => self.allocated = self.allocated.saturating_add(units),
            Quota::Unlimited => self.unlimited_holders = self.unlimited_holders.saturating_add(1),
        }
    }

    /// A new period begins.
    pub(crate) const fn start_over(&mut self) {
        self.used = Units::ZERO;
        self.held = Units::ZERO;
        self.direct_used = Units::ZERO;
        self.direct_held = Units::ZERO;
    }

    pub(crate) fn tally(&mut self) -> Tally<'_> {
        Tally {
            used: &mut self.used,
            held: &mut self.held,
        }
    }

    pub(crate) fn direct_tally(&mut self) -> Tally<'_> {
        Tally {
            used: &mut self.direct_used,
            held: &mut self.direct_held,
        }
    }
}

/// The two counters that usage moves, wherever they stand.
pub(crate) struct Tally<'a> {
    used: &'a mut Units,
    held: &'a mut Units,
}

impl Tally<'_> {
    /// `freed` units are no longer held, `used` more are used, `held` more are held.
    pub(crate) fn shift(self, freed: Units, used: Units, held: Units) {
        *self.held = self.held.saturating_sub(freed).saturating_add(held);
        *self.used = self.used.saturating_add(used);
    }

    /// Takes out what somebody used and holds who counts elsewhere from now on.
    pub(crate) fn take_out(self, used: Units, held: Units) {
        *self.used = self.used.saturating_sub(used);
        *self.held = self.held.saturating_sub(held);
    }

    /// `units` count as used no more.
    pub(crate) fn give_back(self, units: Units) {
        *self.used = self.used.saturating_sub(units);
    }
}

pub(crate) fn evolve(state: &mut SchoolState, seq: Seq, event: &AllocationEvent) {
    match event {
        AllocationEvent::Allocated(e) | AllocationEvent::Revoked(e) => {
            set_allocated(state, seq, e.holder, &e.service, e.after);
            set_terms(state, e.holder, &e.service, e.priority, e.auto_renew);
        }
        AllocationEvent::Transferred(e) => {
            set_allocated(state, seq, e.holder, &e.service, e.after);
            set_allocated(state, seq, e.to, &e.service, e.to_after);
        }
        AllocationEvent::TermsSet(e) => {
            set_terms(state, e.holder, &e.service, e.priority, e.auto_renew);
        }
        AllocationEvent::Suspended(e) => set_standing(state, e.member_id, Standing::Suspended),
        AllocationEvent::Reactivated(e) => set_standing(state, e.member_id, Standing::Active),
    }
}

/// The event at `seq` makes a holder have `after`.
pub(crate) fn set_allocated(
    state: &mut SchoolState,
    seq: Seq,
    holder: Holder,
    service: &ServiceId,
    after: Quota,
) {
    let before = state.line(holder, service).allocated;
    let out_of = state.out_of(holder);
    state.pool_mut(out_of, service).replace(before, after);
    let since = |since: &mut Seq| {
        if after == Quota::ZERO {
            *since = Seq::ZERO;
        } else if before == Quota::ZERO {
            *since = seq;
        }
    };
    match holder {
        Holder::Member(member_id) => {
            let draws_on_pool = state.draws_on_pool();
            if let Some(member) = state.members.get_mut(&member_id) {
                let line = member.line_mut(service);
                since(&mut line.since);
                line.allocated = after;
                state.leavers.note(member_id, member, draws_on_pool);
            }
        }
        Holder::Department(department_id) => {
            if let Some(department) = state.departments.get_mut(&department_id) {
                let line = department.line_mut(service);
                since(&mut line.since);
                line.pool.total = after;
            }
            note_department(state, department_id);
        }
    }
    if let Some(department_id) = out_of {
        note_department(state, department_id);
    }
}

/// Takes down whether a department has units to give back by itself.
pub(crate) fn note_department(state: &mut SchoolState, department_id: DepartmentId) {
    let draws_on_pool = state.draws_on_pool();
    if let Some(department) = state.departments.get(&department_id) {
        state
            .leavers
            .note_department(department_id, department, draws_on_pool);
    }
}

fn set_terms(
    state: &mut SchoolState,
    holder: Holder,
    service: &ServiceId,
    priority: Priority,
    auto_renew: bool,
) {
    match holder {
        Holder::Member(member_id) => {
            if let Some(member) = state.members.get_mut(&member_id) {
                let line = member.line_mut(service);
                line.priority = priority;
                line.auto_renew = auto_renew;
            }
        }
        Holder::Department(department_id) => {
            if let Some(department) = state.departments.get_mut(&department_id) {
                let line = department.line_mut(service);
                line.priority = priority;
                line.auto_renew = auto_renew;
            }
        }
    }
}

fn set_standing(state: &mut SchoolState, member: MemberId, standing: Standing) {
    if let Some(member) = state.members.get_mut(&member) {
        member.standing = standing;
    }
}
