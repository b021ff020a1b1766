//! What can be asked of departments.

use crate::ids::{DepartmentId, MemberId};

/// A command about departments and who is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DepartmentCommand {
    /// Make a department exist. Its name is kept beside the log.
    Open {
        /// Its opaque id, drawn at the edge.
        department_id: DepartmentId,
    },
    /// End a department that nobody is in any more: what it did not use returns to the pool, its
    /// history stays.
    Close {
        /// Which.
        department_id: DepartmentId,
    },
    /// Move a member, with what he holds, into a department or out of every one.
    Move {
        /// Whom.
        member_id: MemberId,
        /// Where to; `None`: into no department.
        to: Option<DepartmentId>,
    },
}
