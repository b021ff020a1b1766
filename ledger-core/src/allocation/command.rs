//! Commands about allocations.

use super::holder::{Holder, HolderName};
use super::line::Priority;
use crate::context::Needs;
use crate::ids::MemberId;
use crate::plan::Management;
use crate::quantity::{Quota, Units};
use crate::text::FreeText;

/// The most rows of one command: the lines of 10,000 teachers, about 4 MiB of events, which one
/// transaction appends in well under a second.
pub const ROWS_MAX: usize = 10_000;

/// A command about allocations.
#[derive(Clone, Debug, PartialEq)]
pub enum AllocationCommand {
    /// Changes allocations: all rows or none.
    Apply {
        /// The changes, at most [`ROWS_MAX`].
        rows: Vec<AllocationRow>,
        /// The reason.
        reason: FreeText,
        /// Whether the rows are a batch, which the events then name as their cause.
        as_batch: bool,
    },
    /// Changes allocations by an imported table: a batch, for plans with advanced management.
    Import {
        /// The changes, at most [`ROWS_MAX`].
        rows: Vec<AllocationRow>,
        /// The reason.
        reason: FreeText,
    },
    /// Blocks a member's new debits and holds.
    Suspend {
        /// The member.
        member_id: MemberId,
        /// The reason.
        reason: FreeText,
    },
    /// Ends a suspension.
    Reactivate {
        /// The member.
        member_id: MemberId,
        /// The reason.
        reason: FreeText,
    },
}

impl AllocationCommand {
    /// The allocation management that the command needs, whatever its rows; a row for a transfer or
    /// a department may need more.
    #[must_use]
    pub const fn management(&self) -> Management {
        match self {
            Self::Apply { .. } | Self::Suspend { .. } | Self::Reactivate { .. } => {
                Management::Basic
            }
            Self::Import { .. } => Management::Advanced,
        }
    }

    /// The rows; empty for a suspension or its end.
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

/// A change of one holder's allocation of one service.
#[derive(Clone, Debug, PartialEq)]
pub struct AllocationRow {
    /// The holder of the allocation.
    pub holder: HolderName,
    /// The service, by name or alias.
    pub service: String,
    /// The change of the amount.
    pub change: Change,
    /// The new priority; unchanged by default.
    pub priority: Option<Priority>,
    /// Whether the allocation is renewed in the next period; unchanged by default.
    pub auto_renew: Option<bool>,
}

/// A change of an allocation's amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sets the amount.
    Set(Quota),
    /// Adds units.
    Add(Units),
    /// Takes units back; by default all unused ones.
    Revoke(Option<Units>),
    /// Moves unused units to another holder.
    Transfer {
        /// The units.
        units: Units,
        /// The taker.
        to: Holder,
    },
    /// Leaves the amount, changes priority or renewal.
    Keep,
}
