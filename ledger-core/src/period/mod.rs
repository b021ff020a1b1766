//! Periods: billing cycles and the rollover between them.
//!
//! A period ends by the clock, not by a command: [`crate::due`] closes it with the books of its
//! pools, opens the next one, and renews the allocations or lets them lapse, in as many events as
//! their number needs. The events contain the decisions; the fold applies them.

mod calendar;
mod decide;
mod event;
mod renew;
mod state;

pub use calendar::{AnchorDay, Cycle, Cycles, NotAnAnchorDay, Period, Tz, start_of_day};
pub use event::{AllocationsRenewed, PeriodClosed, PeriodEvent, PoolClosed, Renewal};

pub use decide::RENEWALS_MAX;
pub(crate) use decide::{due_renewals, due_rollover};
pub(crate) use state::{Renewals, evolve};
