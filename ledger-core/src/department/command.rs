//! Commands about departments.

use crate::ids::{DepartmentId, MemberId};

/// A command about departments and their members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DepartmentCommand {
    /// Opens a department. Its name is stored beside the log.
    Open {
        /// The opaque id, drawn at the edge.
        department_id: DepartmentId,
    },
    /// Closes a department without members. Its unused units return to the pool, its history stays.
    Close {
        /// The department.
        department_id: DepartmentId,
    },
    /// Moves a member, with all allocations, to another department or to none.
    Move {
        /// The member.
        member_id: MemberId,
        /// The new department; `None` for none.
        to: Option<DepartmentId>,
    },
}
