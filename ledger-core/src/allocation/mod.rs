//! Allocations: the units of each holder, their priority and renewal, and suspensions.

mod batch;
mod command;
mod decide;
mod draft;
mod event;
mod grant;
mod holder;
mod line;
mod pool;
mod reclaim;
mod state;
mod tally;

pub use command::{AllocationCommand, AllocationRow, Change, ROWS_MAX};
pub use event::{
    AllocationChanged, AllocationEvent, Cause, MemberReactivated, MemberSuspended, TermsSet,
    UnitsTransferred,
};
pub use holder::{Holder, HolderName};
pub use line::{Line, Priority};
pub use pool::Pool;

pub(crate) use decide::{decide, due, needs, returned};
pub(crate) use grant::{Grant, grant_default_quota, movable};
pub(crate) use line::Lines;
pub(crate) use reclaim::{Extent, reclaim};
pub(crate) use state::{evolve, note_department, set_allocated};
pub(crate) use tally::Tally;
