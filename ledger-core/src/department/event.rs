//! What happened to departments.

use serde::{Deserialize, Serialize};

use crate::ids::{DepartmentId, MemberId};
use crate::plan::Quotas;

/// A fact about departments and who is in them.
#[derive(Clone, Debug, PartialEq)]
pub enum DepartmentEvent {
    /// A department exists.
    Opened(DepartmentOpened),
    /// A department ended.
    Closed(DepartmentClosed),
    /// A member is in another department than before.
    MemberMoved(MemberMoved),
}

/// A department exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepartmentOpened {
    /// Which.
    pub department_id: DepartmentId,
}

/// A department ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepartmentClosed {
    /// Which.
    pub department_id: DepartmentId,
}

/// A member is in another department than before, and so is what he holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberMoved {
    /// Who.
    pub member_id: MemberId,
    /// The department before; `None`: none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<DepartmentId>,
    /// The department now; `None`: none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<DepartmentId>,
    /// What he holds: it comes out of the new department's allocation from now on, or of the pool,
    /// and no more out of what it came out of before.
    pub units: Quotas,
}
