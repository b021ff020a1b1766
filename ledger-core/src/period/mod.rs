//! Periods: billing cycles, and what happens where one ends and the next begins.
//!
//! A period ends by the clock, not by a command: [`crate::due`] closes it with the books of its
//! pools as they stand, opens the next one, and then renews the allocations or lets them lapse, in
//! as many events as their number takes. What comes of an allocation stands in the event; the fold
//! takes it as it is.

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
