//! The accounts that usage is drawn on.

use serde::{Deserialize, Serialize};

use crate::ids::{DepartmentId, MemberId};
use crate::refusal::Level;
use crate::service::ServiceId;

/// The account of a member's usage of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Account {
    /// The member whose usage it is.
    pub member_id: MemberId,
    /// The service.
    pub service: ServiceId,
    /// Whose allocation is drawn on.
    pub level: Level,
    /// The member's department, which is drawn on at that level.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub department_id: Option<DepartmentId>,
}
