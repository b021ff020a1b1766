//! The units of a school or of a department for a service, and the arithmetic on them.

use serde::{Deserialize, Serialize};

use super::line::Line;
use super::tally::Tally;
use crate::quantity::{Quota, Units};

/// The units of a school for a service in the current period. A department has one too: its
/// allocation is to its members what the school's total is to all other holders.
///
/// The fields are sums over events; the methods are the arithmetic on them, for read models as
/// well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Units bought, or allocated to the department.
    pub total: Quota,
    /// Σ of the finite allocations funded by the pool.
    #[serde(rename = "allocated")]
    pub finite_allocated: Units,
    /// The number of unlimited allocations funded by the pool.
    pub unlimited_holders: u32,
    /// Units used, by all holders.
    pub used: Units,
    /// Units held for calls in flight, by all holders.
    pub held: Units,
    /// The part of `used` that was drawn directly on the pool.
    pub direct_used: Units,
    /// The part of `held` that is drawn directly on the pool.
    pub direct_held: Units,
}

impl Pool {
    /// Σ of the allocations funded by the pool.
    #[must_use]
    pub const fn allocated(&self) -> Quota {
        if self.unlimited_holders > 0 {
            Quota::Unlimited
        } else {
            Quota::Finite(self.finite_allocated)
        }
    }

    /// Whether the pool funds no allocation.
    #[must_use]
    pub const fn funds_nothing(&self) -> bool {
        self.unlimited_holders == 0 && self.finite_allocated.is_zero()
    }

    /// Units allocated or drawn directly on the pool. Unlimited also for a sum beyond 64 bits.
    #[must_use]
    pub fn committed(&self) -> Quota {
        self.finite_committed()
            .map_or(Quota::Unlimited, Quota::from_sum)
    }

    /// The lowest total that covers the pool: its committed units, and its used and held units,
    /// which are more if usage exceeded an allocation.
    #[must_use]
    pub fn required(&self) -> Quota {
        let spent = Quota::Finite(self.used.saturating_add(self.held));
        self.committed().max(spent)
    }

    /// The total after all unused units are reclaimed.
    #[must_use]
    pub fn min_total(&self) -> Quota {
        self.required().min(self.total)
    }

    /// The units of the total that can be reclaimed.
    #[must_use]
    pub fn reclaimable(&self) -> Quota {
        match self.required() {
            Quota::Finite(required) => self.total.minus(required),
            Quota::Unlimited if self.total == Quota::Unlimited => Quota::Unlimited,
            Quota::Unlimited => Quota::ZERO,
        }
    }

    /// total − committed, never below zero.
    #[must_use]
    pub fn unallocated(&self) -> Quota {
        match (self.total, self.committed()) {
            (Quota::Unlimited, _) => Quota::Unlimited,
            (Quota::Finite(_), Quota::Finite(committed)) => self.total.minus(committed),
            (Quota::Finite(_), Quota::Unlimited) => Quota::ZERO,
        }
    }

    /// total − used − held: the units that can still be used in this period.
    #[must_use]
    pub fn available(&self) -> Quota {
        self.total.minus(self.used.saturating_add(self.held))
    }

    /// The pool as the line of members without allocations.
    #[must_use]
    pub fn direct(&self) -> Line {
        Line {
            allocated: self.total.minus(self.finite_allocated),
            used: self.direct_used,
            held: self.direct_held,
            ..Line::default()
        }
    }

    /// The exact sum of committed units; `None` with an unlimited allocation.
    fn finite_committed(&self) -> Option<i128> {
        let parts = [self.finite_allocated, self.direct_used, self.direct_held];
        let sum = parts.map(|units| i128::from(units.get())).into_iter().sum();
        (self.unlimited_holders == 0).then_some(sum)
    }

    /// The pool with one allocation changed; `None` if the sum of the finite allocations is beyond
    /// 64 bits.
    #[must_use]
    pub(crate) fn replacing(mut self, before: Quota, after: Quota) -> Option<Self> {
        self.subtract(before);
        match after {
            Quota::Finite(units) => {
                self.finite_allocated = self.finite_allocated.checked_add(units)?;
            }
            Quota::Unlimited => self.unlimited_holders = self.unlimited_holders.checked_add(1)?,
        }
        Some(self)
    }

    /// Whether the pool may replace `before`: its committed units fit into the total, or are no
    /// more than before, if usage had exceeded it.
    #[must_use]
    pub(crate) fn may_follow(&self, before: &Self) -> bool {
        let fits = |total: Units| {
            let committed = self.finite_committed()?;
            let max = i128::from(total.get()).max(before.finite_committed()?);
            Some(committed <= max)
        };
        self.total
            .finite()
            .is_none_or(|total| fits(total).unwrap_or(false))
    }

    fn subtract(&mut self, allocation: Quota) {
        match allocation {
            Quota::Finite(units) => {
                self.finite_allocated = self.finite_allocated.saturating_sub(units);
            }
            Quota::Unlimited => self.unlimited_holders = self.unlimited_holders.saturating_sub(1),
        }
    }

    pub(crate) fn replace(&mut self, before: Quota, after: Quota) {
        self.subtract(before);
        match after {
            Quota::Finite(units) => {
                self.finite_allocated = self.finite_allocated.saturating_add(units);
            }
            Quota::Unlimited => self.unlimited_holders = self.unlimited_holders.saturating_add(1),
        }
    }

    /// Resets the counters for a new period.
    pub(crate) const fn reset(&mut self) {
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
