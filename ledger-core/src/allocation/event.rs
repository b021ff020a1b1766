//! What happened to allocations.

use serde::{Deserialize, Serialize};

use super::holder::{Holder, taker};
use super::state::Priority;
use crate::ids::{DepartmentId, MemberId, RequestId};
use crate::quantity::{Quota, Units};
use crate::service::ServiceId;
use crate::text::Commitment;

/// A fact about allocations.
#[derive(Clone, Debug, PartialEq)]
pub enum AllocationEvent {
    /// A holder has more than before.
    Allocated(AllocationChanged),
    /// A holder has less than before.
    Revoked(AllocationChanged),
    /// Units went from one holder to another.
    Transferred(UnitsTransferred),
    /// Priority or auto-renew changed, the amount did not.
    TermsSet(TermsSet),
    /// A member may not use what he holds.
    Suspended(MemberSuspended),
    /// A member may use it again.
    Reactivated(MemberReactivated),
}

/// What an allocation change came out of, when it was not asked for by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A batch of changes.
    Batch,
    /// A teacher's enrolment.
    Enrolment,
    /// A member's removal.
    Removal,
    /// The school buys less, or a plan without allocations.
    Downgrade,
    /// A request that was approved.
    Request(RequestId),
    /// A period ended and the next one began.
    PeriodRoll,
    /// A department ended.
    DepartmentClosed,
}

impl Cause {
    /// The word in JSON and in columns.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Enrolment => "enrolment",
            Self::Removal => "removal",
            Self::PeriodRoll => "period_roll",
            Self::Downgrade => "downgrade",
            Self::DepartmentClosed => "department_closed",
            Self::Request(_) => "request",
        }
    }

    /// The request that it was, if it was one.
    #[must_use]
    pub const fn request_id(&self) -> Option<RequestId> {
        match self {
            Self::Request(request_id) => Some(*request_id),
            Self::Batch
            | Self::Enrolment
            | Self::Removal
            | Self::Downgrade
            | Self::PeriodRoll
            | Self::DepartmentClosed => None,
        }
    }
}

/// A holder's allocation of a service is another amount.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AllocationChanged {
    /// Whose.
    #[serde(flatten)]
    pub holder: Holder,
    /// The department out of whose allocation it comes; `None`: out of the pool.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub out_of: Option<DepartmentId>,
    /// Of which service.
    pub service: ServiceId,
    /// Allocated before.
    pub before: Quota,
    /// Allocated now.
    pub after: Quota,
    /// How the member ranks now.
    pub priority: Priority,
    /// Whether it is granted again in the next period.
    pub auto_renew: bool,
    /// Commitment to why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<Commitment>,
    /// What it came out of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<Cause>,
}

/// Units went from one holder to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitsTransferred {
    /// Who gave.
    #[serde(flatten)]
    pub holder: Holder,
    /// The department out of whose allocation the giver's comes; `None`: out of the pool.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub out_of: Option<DepartmentId>,
    /// Who took.
    #[serde(flatten, with = "taker")]
    pub to: Holder,
    /// The department out of whose allocation the taker's comes; `None`: out of the pool.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to_out_of: Option<DepartmentId>,
    /// Of which service.
    pub service: ServiceId,
    /// How many.
    pub units: Units,
    /// The giver's allocation before.
    pub before: Quota,
    /// The giver's allocation now.
    pub after: Quota,
    /// The taker's allocation before.
    pub to_before: Quota,
    /// The taker's allocation now.
    pub to_after: Quota,
    /// Commitment to why.
    pub reason: Commitment,
    /// What it came out of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<Cause>,
}

/// Priority or auto-renew changed, the amount did not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TermsSet {
    /// Whose.
    #[serde(flatten)]
    pub holder: Holder,
    /// Of which service.
    pub service: ServiceId,
    /// The priority before.
    pub priority_before: Priority,
    /// The priority now.
    pub priority: Priority,
    /// Auto-renew before.
    pub auto_renew_before: bool,
    /// Auto-renew now.
    pub auto_renew: bool,
    /// Commitment to why.
    pub reason: Commitment,
    /// What it came out of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<Cause>,
}

/// A member may not use what he holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberSuspended {
    /// Who.
    pub member_id: MemberId,
    /// Commitment to why.
    pub reason: Commitment,
}

/// A member may use what he holds again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberReactivated {
    /// Who.
    pub member_id: MemberId,
    /// Commitment to why.
    pub reason: Commitment,
}
