//! Departments: groups of members of a k12 school. The pool funds a department's allocation, which
//! funds the allocations of its members.

mod command;
mod decide;
mod event;
mod state;

pub use command::DepartmentCommand;
pub use event::{DepartmentClosed, DepartmentEvent, DepartmentOpened, MemberMoved};
pub use state::{Department, DepartmentLine};

pub(crate) use decide::{decide, moved};
pub(crate) use state::evolve;
