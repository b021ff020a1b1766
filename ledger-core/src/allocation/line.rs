//! The line of a holder and a service.

use serde::{Deserialize, Serialize};

use super::tally::Tally;
use crate::ids::Seq;
use crate::quantity::{Quota, Units};
use crate::refusal::Refusal;
use crate::service::ServiceId;
use crate::vocabulary::vocabulary;

vocabulary! {
    /// The rank of a holder when units are short, from the lowest to the highest.
    #[derive(Default)]
    pub enum Priority {
        Low = "low" => "Loses units first.",
        #[default]
        Normal = "normal" => "The default.",
        High = "high" => "Loses units last.",
    }
}

/// The allocation of a holder for a service, and its use in the current period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Units allocated.
    pub allocated: Quota,
    /// Units used.
    pub used: Units,
    /// Units held for calls in flight.
    pub held: Units,
    /// The rank of the holder.
    pub priority: Priority,
    /// Whether the allocation is renewed in the next period.
    pub auto_renew: bool,
    /// The event since which the allocation is not zero, through changes of the amount and
    /// periods; zero if it is zero.
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

    /// The allocation after all unused units are reclaimed.
    #[must_use]
    pub fn min_allocated(&self) -> Quota {
        Quota::Finite(self.spent()).min(self.allocated)
    }

    /// The allocation with more units.
    ///
    /// # Errors
    /// [`Refusal::AmountOutOfRange`] if the sum is beyond 64 bits.
    pub(super) fn plus(&self, units: Units) -> Result<Quota, Refusal> {
        match self.allocated {
            Quota::Unlimited => Ok(Quota::Unlimited),
            Quota::Finite(allocated) => allocated
                .checked_add(units)
                .map(Quota::Finite)
                .ok_or(Refusal::AmountOutOfRange),
        }
    }

    /// Resets the counters for a new period.
    pub(crate) const fn reset(&mut self) {
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

/// A holder's lines, one per service that the holder ever had: few, and in no order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Lines<T>(Vec<(ServiceId, T)>);

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy + Default> Lines<T> {
    /// The line of `service`; an empty line by default.
    pub(crate) fn get(&self, service: &ServiceId) -> T {
        let mut lines = self.iter();
        lines
            .find(|(id, _)| *id == service)
            .map_or_else(T::default, |(_, line)| *line)
    }

    pub(crate) fn get_mut(&mut self, service: &ServiceId) -> &mut T {
        let at = self.0.iter().position(|(id, _)| id == service);
        let at = at.unwrap_or_else(|| {
            self.0.push((service.clone(), T::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&ServiceId, &T)> {
        self.0.iter().map(|(service, line)| (service, line))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().map(|(_, line)| line)
    }

    /// Roughly the memory of the lines, in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.0.capacity() * size_of::<(ServiceId, T)>()
    }
}
