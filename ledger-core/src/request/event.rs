//! Events about requests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::allocation::Cause;
use crate::ids::{MemberId, RequestId};
use crate::quantity::Units;
use crate::service::ServiceId;
use crate::text::Commitment;
use crate::time::Timestamp;
use crate::vocabulary::vocabulary;

/// Units by service, each above zero.
pub type UnitsByService = BTreeMap<ServiceId, Units>;

/// An event about a request.
#[derive(Clone, Debug, PartialEq)]
pub enum RequestEvent {
    /// A request was filed.
    Filed(RequestFiled),
    /// A request was approved, in full or in part.
    Approved(RequestApproved),
    /// A request was rejected.
    Rejected(RequestRejected),
    /// A request was withdrawn.
    Withdrawn(RequestWithdrawn),
    /// A request expired without a decision.
    Expired(RequestExpired),
}

vocabulary! {
    /// The urgency of a request.
    #[derive(Default)]
    pub enum Urgency {
        Low = "low" => "Units are needed some day.",
        #[default]
        Normal = "normal" => "The default.",
        High = "high" => "Units are needed now.",
    }

    /// The status of a request; all but the first are final.
    pub enum RequestStatus {
        Pending = "pending" => "The request is undecided.",
        Approved = "approved" => "The request was approved, in full or in part.",
        Rejected = "rejected" => "The request was rejected.",
        Withdrawn = "withdrawn" => "The request was withdrawn.",
        Expired = "expired" => "The request expired without a decision.",
    }
}

/// A request was filed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestFiled {
    /// The request.
    pub request_id: RequestId,
    /// The member who is to receive the units.
    pub member_id: MemberId,
    /// The units of each service.
    pub units: UnitsByService,
    /// The commitment to the justification.
    pub justification: Commitment,
    /// The urgency.
    pub urgency: Urgency,
    /// The expiry.
    pub expires_at: Timestamp,
}

/// A request was approved, in full or in part. The allocations that follow name it as their cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestApproved {
    /// The request.
    pub request_id: RequestId,
    /// The requesting member.
    pub member_id: MemberId,
    /// The units granted of each service; absent services were granted nothing.
    pub units: UnitsByService,
    /// The commitment to the reason.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<Commitment>,
}

/// A request was rejected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestRejected {
    /// The request.
    pub request_id: RequestId,
    /// The requesting member.
    pub member_id: MemberId,
    /// The commitment to the reason.
    pub reason: Commitment,
}

/// A request was withdrawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestWithdrawn {
    /// The request.
    pub request_id: RequestId,
    /// The requesting member.
    pub member_id: MemberId,
    /// The cause, if it was not a command: the member's removal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<Cause>,
}

/// A request expired without a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestExpired {
    /// The request.
    pub request_id: RequestId,
    /// The requesting member.
    pub member_id: MemberId,
}

impl RequestEvent {
    /// The request.
    #[must_use]
    pub const fn request_id(&self) -> RequestId {
        self.subject().0
    }

    /// The requesting member.
    #[must_use]
    pub const fn member_id(&self) -> MemberId {
        self.subject().1
    }

    const fn subject(&self) -> (RequestId, MemberId) {
        match self {
            Self::Filed(e) => (e.request_id, e.member_id),
            Self::Approved(e) => (e.request_id, e.member_id),
            Self::Rejected(e) => (e.request_id, e.member_id),
            Self::Withdrawn(e) => (e.request_id, e.member_id),
            Self::Expired(e) => (e.request_id, e.member_id),
        }
    }

    /// The status of the request after the event.
    #[must_use]
    pub const fn status(&self) -> RequestStatus {
        match self {
            Self::Filed(_) => RequestStatus::Pending,
            Self::Approved(_) => RequestStatus::Approved,
            Self::Rejected(_) => RequestStatus::Rejected,
            Self::Withdrawn(_) => RequestStatus::Withdrawn,
            Self::Expired(_) => RequestStatus::Expired,
        }
    }

    /// The commitment to the justification or reason, if given.
    #[must_use]
    pub const fn reason(&self) -> Option<Commitment> {
        match self {
            Self::Filed(e) => Some(e.justification),
            Self::Approved(e) => e.reason,
            Self::Rejected(e) => Some(e.reason),
            Self::Withdrawn(_) | Self::Expired(_) => None,
        }
    }

    /// The cause, if the event was not requested by itself.
    #[must_use]
    pub const fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Withdrawn(e) => e.cause.as_ref(),
            Self::Filed(_) | Self::Approved(_) | Self::Rejected(_) | Self::Expired(_) => None,
        }
    }
}
