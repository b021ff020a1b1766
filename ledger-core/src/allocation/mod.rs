//! Allocation: who holds how much of what the school bought, and who may use it.

mod command;
mod decide;
mod draft;
mod event;
mod grant;
mod reclaim;
mod state;

pub use command::{AllocationCommand, AllocationRow, Change, ROWS_MAX};
pub use event::{
    AllocationChanged, AllocationEvent, Cause, MemberReactivated, MemberSuspended, TermsSet,
    UnitsTransferred,
};
pub use state::{Line, Pool, Priority};

pub(crate) use decide::{decide, default_grant, due, needs, returned_on_removal};
pub(crate) use grant::Grant;
pub(crate) use reclaim::{Extent, reclaim};
pub(crate) use state::{evolve, set_allocated};
