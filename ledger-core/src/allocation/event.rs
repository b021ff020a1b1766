//! Events about allocations.

use serde::{Deserialize, Serialize};

use super::holder::{Holder, taker};
use super::line::Priority;
use crate::ids::{DepartmentId, MemberId, RequestId};
use crate::quantity::{Quota, Units};
use crate::service::ServiceId;
use crate::text::Commitment;

/// An event about allocations.
#[derive(Clone, Debug, PartialEq)]
pub enum AllocationEvent {
    /// An allocation was raised.
    Allocated(AllocationChanged),
    /// An allocation was lowered.
    Revoked(AllocationChanged),
    /// Units were moved from one holder to another.
    Transferred(UnitsTransferred),
    /// Priority or renewal was changed, the amount was not.
    TermsSet(TermsSet),
    /// A member was suspended.
    Suspended(MemberSuspended),
    /// A suspension was ended.
    Reactivated(MemberReactivated),
}

impl AllocationEvent {
    /// The event of a changed amount.
    pub(super) fn changed(changed: AllocationChanged) -> Self {
        if changed.before.fits_in(changed.after) {
            Self::Allocated(changed)
        } else {
            Self::Revoked(changed)
        }
    }
}

/// The cause of an event that was not requested by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A batch of changes.
    Batch,
    /// A teacher's enrolment.
    Enrolment,
    /// A member's removal.
    Removal,
    /// A lower total, or a plan without allocations.
    Downgrade,
    /// An approved request.
    Request(RequestId),
    /// The end of a period.
    #[serde(rename = "period_roll")]
    PeriodRollover,
    /// A department's closing.
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
            Self::PeriodRollover => "period_roll",
            Self::Downgrade => "downgrade",
            Self::DepartmentClosed => "department_closed",
            Self::Request(_) => "request",
        }
    }

    /// The request, if the cause is one.
    #[must_use]
    pub const fn request_id(&self) -> Option<RequestId> {
        match self {
            Self::Request(request_id) => Some(*request_id),
            Self::Batch
            | Self::Enrolment
            | Self::Removal
            | Self::Downgrade
            | Self::PeriodRollover
            | Self::DepartmentClosed => None,
        }
    }
}

/// The amount of an allocation was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AllocationChanged {
    /// The holder.
    #[serde(flatten)]
    pub holder: Holder,
    /// The department that funds the allocation; `None` for the pool.
    #[serde(rename = "out_of", skip_serializing_if = "Option::is_none", default)]
    pub funded_by: Option<DepartmentId>,
    /// The service.
    pub service: ServiceId,
    /// The allocation before.
    pub before: Quota,
    /// The allocation after.
    pub after: Quota,
    /// The priority after.
    pub priority: Priority,
    /// Whether the allocation is renewed in the next period.
    pub auto_renew: bool,
    /// The commitment to the reason.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<Commitment>,
    /// The cause.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<Cause>,
}

/// Units were moved from one holder to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitsTransferred {
    /// The giver.
    #[serde(flatten)]
    pub holder: Holder,
    /// The department that funds the giver's allocation; `None` for the pool.
    #[serde(rename = "out_of", skip_serializing_if = "Option::is_none", default)]
    pub funded_by: Option<DepartmentId>,
    /// The taker.
    #[serde(flatten, with = "taker")]
    pub to: Holder,
    /// The department that funds the taker's allocation; `None` for the pool.
    #[serde(rename = "to_out_of", skip_serializing_if = "Option::is_none", default)]
    pub to_funded_by: Option<DepartmentId>,
    /// The service.
    pub service: ServiceId,
    /// The units.
    pub units: Units,
    /// The giver's allocation before.
    pub before: Quota,
    /// The giver's allocation after.
    pub after: Quota,
    /// The taker's allocation before.
    pub to_before: Quota,
    /// The taker's allocation after.
    pub to_after: Quota,
    /// The commitment to the reason.
    pub reason: Commitment,
    /// The cause.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<Cause>,
}

/// Priority or renewal was changed, the amount was not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TermsSet {
    /// The holder.
    #[serde(flatten)]
    pub holder: Holder,
    /// The service.
    pub service: ServiceId,
    /// The priority before.
    pub priority_before: Priority,
    /// The priority after.
    pub priority: Priority,
    /// The renewal before.
    pub auto_renew_before: bool,
    /// The renewal after.
    pub auto_renew: bool,
    /// The commitment to the reason.
    pub reason: Commitment,
    /// The cause.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<Cause>,
}

/// A member was suspended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberSuspended {
    /// The member.
    pub member_id: MemberId,
    /// The commitment to the reason.
    pub reason: Commitment,
}

/// A suspension was ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberReactivated {
    /// The member.
    pub member_id: MemberId,
    /// The commitment to the reason.
    pub reason: Commitment,
}
