//! The counters that usage changes.

use crate::quantity::Units;

/// The two counters that usage changes, of a line or of a pool.
pub(crate) struct Tally<'a> {
    pub(super) used: &'a mut Units,
    pub(super) held: &'a mut Units,
}

impl Tally<'_> {
    /// Frees `freed` held units, adds `used` and `held` units.
    pub(crate) fn shift(self, freed: Units, used: Units, held: Units) {
        *self.held = self.held.saturating_sub(freed).saturating_add(held);
        *self.used = self.used.saturating_add(used);
    }

    /// Removes the units of a member that counts elsewhere from now on.
    pub(crate) fn remove(self, used: Units, held: Units) {
        *self.used = self.used.saturating_sub(used);
        *self.held = self.held.saturating_sub(held);
    }

    /// Takes back used units.
    pub(crate) fn refund(self, units: Units) {
        *self.used = self.used.saturating_sub(units);
    }
}
