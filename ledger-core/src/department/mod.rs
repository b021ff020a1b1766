//! Departments: groups of members of a k12 school, each with an allocation out of the pool, out of
//! which the allocations of its members come.
//!
//! | file | what |
//! |---|---|
//! | `command.rs` | what can be asked |
//! | `event.rs` | what happened |
//! | `decide.rs` | the rules |
//! | `state.rs` | what the events amount to: a pool of its own for each service |

mod command;
mod decide;
mod event;
mod state;

pub use command::DepartmentCommand;
pub use event::{DepartmentClosed, DepartmentEvent, DepartmentOpened, MemberMoved};
pub use state::{Department, DepartmentLine};

pub(crate) use decide::{decide, moved};
pub(crate) use state::evolve;
