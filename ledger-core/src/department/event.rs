//! Events about departments.

use serde::{Deserialize, Serialize};

use crate::ids::{DepartmentId, MemberId};
use crate::plan::Quotas;

/// An event about departments and their members.
#[derive(Clone, Debug, PartialEq)]
pub enum DepartmentEvent {
    /// A department was opened.
    Opened(DepartmentOpened),
    /// A department was closed.
    Closed(DepartmentClosed),
    /// A member moved to another department or to none.
    MemberMoved(MemberMoved),
}

/// A department was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepartmentOpened {
    /// The department.
    pub department_id: DepartmentId,
}

/// A department was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepartmentClosed {
    /// The department.
    pub department_id: DepartmentId,
}

/// A member moved, with all allocations, to another department or to none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberMoved {
    /// The member.
    pub member_id: MemberId,
    /// The department before; `None` for none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<DepartmentId>,
    /// The department after; `None` for none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<DepartmentId>,
    /// The member's allocations, which the new department or the pool funds from now on.
    pub units: Quotas,
}
