//! What happened to requests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::allocation::Cause;
use crate::ids::{MemberId, RequestId};
use crate::quantity::Units;
use crate::service::ServiceId;
use crate::text::Commitment;
use crate::time::Timestamp;

/// Units of some services, each more than none.
pub type UnitsByService = BTreeMap<ServiceId, Units>;

/// A fact about a request.
#[derive(Clone, Debug, PartialEq)]
pub enum RequestEvent {
    /// Somebody asks for units.
    Filed(RequestFiled),
    /// He gets them, or a part.
    Approved(RequestApproved),
    /// He does not get them.
    Rejected(RequestRejected),
    /// He does not ask any more.
    Withdrawn(RequestWithdrawn),
    /// Nobody decided in time.
    Expired(RequestExpired),
}

/// How soon units are needed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Some day.
    Low,
    /// The default.
    #[default]
    Normal,
    /// Now.
    High,
}

impl Urgency {
    /// The word in JSON and in columns.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

/// How it stands with a request. All but the first are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// It waits for a decision.
    Pending,
    /// It was granted, in full or in part.
    Approved,
    /// It was not granted.
    Rejected,
    /// It was taken back.
    Withdrawn,
    /// Nobody decided in time.
    Expired,
}

impl RequestStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Approved,
        Self::Rejected,
        Self::Withdrawn,
        Self::Expired,
    ];

    /// The word in JSON and in columns.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }
}

impl std::fmt::Display for RequestStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Somebody asks for units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestFiled {
    /// The request.
    pub request_id: RequestId,
    /// Who is to have them.
    pub member_id: MemberId,
    /// How many of each service.
    pub units: UnitsByService,
    /// Commitment to what for.
    pub justification: Commitment,
    /// How soon it is needed.
    pub urgency: Urgency,
    /// From when on nobody can decide any more.
    pub expires_at: Timestamp,
}

/// A request was granted, in full or in part. What the member holds since is said by the
/// allocations that follow and name the request as their cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestApproved {
    /// The request.
    pub request_id: RequestId,
    /// Who asked.
    pub member_id: MemberId,
    /// How many of each service were granted; a service that is not named got nothing.
    pub units: UnitsByService,
    /// Commitment to why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<Commitment>,
}

/// A request was not granted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestRejected {
    /// The request.
    pub request_id: RequestId,
    /// Who asked.
    pub member_id: MemberId,
    /// Commitment to why.
    pub reason: Commitment,
}

/// A request was taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestWithdrawn {
    /// The request.
    pub request_id: RequestId,
    /// Who asked.
    pub member_id: MemberId,
    /// What it came out of, when nobody took it back: the member's removal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<Cause>,
}

/// Nobody decided on a request in time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestExpired {
    /// The request.
    pub request_id: RequestId,
    /// Who asked.
    pub member_id: MemberId,
}

impl RequestEvent {
    /// Which request.
    #[must_use]
    pub const fn request_id(&self) -> RequestId {
        match self {
            Self::Filed(e) => e.request_id,
            Self::Approved(e) => e.request_id,
            Self::Rejected(e) => e.request_id,
            Self::Withdrawn(e) => e.request_id,
            Self::Expired(e) => e.request_id,
        }
    }

    /// Who asked.
    #[must_use]
    pub const fn member_id(&self) -> MemberId {
        match self {
            Self::Filed(e) => e.member_id,
            Self::Approved(e) => e.member_id,
            Self::Rejected(e) => e.member_id,
            Self::Withdrawn(e) => e.member_id,
            Self::Expired(e) => e.member_id,
        }
    }

    /// How it stands with the request since.
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

    /// The commitment to what for, or why, if somebody said.
    #[must_use]
    pub const fn reason(&self) -> Option<Commitment> {
        match self {
            Self::Filed(e) => Some(e.justification),
            Self::Approved(e) => e.reason,
            Self::Rejected(e) => Some(e.reason),
            Self::Withdrawn(_) | Self::Expired(_) => None,
        }
    }

    /// What it came out of, when it was not asked for by itself.
    #[must_use]
    pub const fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Withdrawn(e) => e.cause.as_ref(),
            Self::Filed(_) | Self::Approved(_) | Self::Rejected(_) | Self::Expired(_) => None,
        }
    }
}
