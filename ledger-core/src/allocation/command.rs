//! What can be asked of allocations.

use super::holder::{Holder, HolderName};
use super::state::Priority;
use crate::context::Needs;
use crate::ids::MemberId;
use crate::plan::Management;
use crate::quantity::{Quota, Units};
use crate::text::FreeText;

/// The most rows of one command: 10,000 teachers' lines, about 4 MiB of events, which one
/// transaction appends in well under a second.
pub const ROWS_MAX: usize = 10_000;

/// A command about allocations.
#[derive(Clone, Debug, PartialEq)]
pub enum AllocationCommand {
    /// Change allocations: all rows or none.
    Apply {
        /// The changes, at most [`ROWS_MAX`].
        rows: Vec<AllocationRow>,
        /// Why.
        reason: FreeText,
        /// Whether the rows came as a batch, which their events then name as their cause.
        as_batch: bool,
    },
    /// The same for a table that was filled in elsewhere: always a batch, and only for plans with
    /// advanced management.
    Import {
        /// The changes, at most [`ROWS_MAX`].
        rows: Vec<AllocationRow>,
        /// Why.
        reason: FreeText,
    },
    /// Block a member's new debits and holds.
    Suspend {
        /// Whose.
        member_id: MemberId,
        /// Why.
        reason: FreeText,
    },
    /// Let a suspended member go on.
    Reactivate {
        /// Whom.
        member_id: MemberId,
        /// Why.
        reason: FreeText,
    },
}

impl AllocationCommand {
    /// What of allocation management the plan has to switch on, whatever the rows are; a transfer
    /// or a department among them may need more.
    #[must_use]
    pub const fn management(&self) -> Management {
        match self {
            Self::Apply { .. } | Self::Suspend { .. } | Self::Reactivate { .. } => {
                Management::Basic
            }
            Self::Import { .. } => Management::Advanced,
        }
    }

    /// The changes of a command that makes some.
    #[must_use]
    pub fn rows(&self) -> &[AllocationRow] {
        match self {
            Self::Apply { rows, .. } | Self::Import { rows, .. } => rows,
            Self::Suspend { .. } | Self::Reactivate { .. } => &[],
        }
    }

    pub(crate) fn needs(&self) -> Needs<'_> {
        Needs::owners(self.rows().iter().filter_map(|row| row.holder.owner()))
    }
}

/// One change of one holder's allocation of one service.
#[derive(Clone, Debug, PartialEq)]
pub struct AllocationRow {
    /// The holder of the allocation.
    pub holder: HolderName,
    /// Of which service, by name or alias.
    pub service: String,
    /// What to do.
    pub change: Change,
    /// How the holder ranks; stays when not named.
    pub priority: Option<Priority>,
    /// Whether it is granted again in the next period; stays when not named.
    pub auto_renew: Option<bool>,
}

/// What to do with an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Make it so much.
    Set(Quota),
    /// Give so much more.
    Add(Units),
    /// Take so much back, or all that is not used or held.
    Revoke(Option<Units>),
    /// Move unused units to another holder.
    Transfer {
        /// How many.
        units: Units,
        /// To whom.
        to: Holder,
    },
    /// Leave the amount, change priority or auto-renew.
    Keep,
}
