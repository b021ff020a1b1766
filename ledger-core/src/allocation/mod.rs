//! Allocation: who holds how much of what the school bought, and who may use it.

mod command;
mod decide;
mod draft;
mod event;
mod grant;
mod holder;
mod reclaim;
mod state;

pub use command::{AllocationCommand, AllocationRow, Change, ROWS_MAX};
pub use event::{
    AllocationChanged, AllocationEvent, Cause, MemberReactivated, MemberSuspended, TermsSet,
    UnitsTransferred,
};
pub use holder::{Holder, HolderName};
pub use state::{Line, Pool, Priority};

pub(crate) use decide::{decide, due, needs, returned};
pub(crate) use grant::{Grant, default_grant, movable};
pub(crate) use reclaim::{Extent, reclaim};
pub(crate) use state::{Tally, evolve, note_department, set_allocated};
