//! Commands about requests.

use super::event::{RequestEvent, RequestStatus, Urgency};
use crate::context::Needs;
use crate::ids::{MemberId, RequestId, Seq};
use crate::quantity::Units;
use crate::text::FreeText;

/// The lifetime of a pending request: exactly seven days (SPEC §3).
pub const TTL_SECONDS: i64 = 7 * 24 * 60 * 60;

/// A command about requests.
#[derive(Clone, Debug, PartialEq)]
pub enum RequestCommand {
    /// Files a request for units.
    File(FileRequest),
    /// Approves a request, in full or in part.
    Approve(ApproveRequest),
    /// Rejects a request.
    Reject(RejectRequest),
    /// Withdraws a request.
    Withdraw {
        /// The request.
        request_id: RequestId,
    },
}

/// Files a request for units of one or more services.
#[derive(Clone, Debug, PartialEq)]
pub struct FileRequest {
    /// The id of the new request, drawn at the edge.
    pub request_id: RequestId,
    /// The member who is to receive the units.
    pub member_id: MemberId,
    /// The units of each service, by name or alias.
    pub units: Vec<(String, Units)>,
    /// The justification.
    pub justification: FreeText,
    /// The urgency.
    pub urgency: Urgency,
}

/// Approves a request, in full or in part.
#[derive(Clone, Debug, PartialEq)]
pub struct ApproveRequest {
    /// The request.
    pub request_id: RequestId,
    /// The units to grant of each service, by name or alias; none of absent services. By default
    /// the whole request.
    pub units: Option<Vec<(String, Units)>>,
    /// The reason, if given.
    pub reason: Option<FreeText>,
}

/// Rejects a request.
#[derive(Clone, Debug, PartialEq)]
pub struct RejectRequest {
    /// The request.
    pub request_id: RequestId,
    /// The reason.
    pub reason: FreeText,
}

/// A closed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedRequest {
    /// The requesting member.
    pub member_id: MemberId,
    /// The final status.
    pub status: RequestStatus,
    /// The event that closed it.
    pub version: Seq,
}

impl RequestCommand {
    /// The request that the command closes; `None` for a new request.
    #[must_use]
    pub const fn closes(&self) -> Option<RequestId> {
        match self {
            Self::File(_) => None,
            Self::Approve(ApproveRequest { request_id, .. })
            | Self::Reject(RejectRequest { request_id, .. })
            | Self::Withdraw { request_id } => Some(*request_id),
        }
    }

    pub(crate) fn needs(&self) -> Needs<'_> {
        Needs {
            request: self.closes(),
            actor_member: true,
            ..Needs::default()
        }
    }

    /// The free text of the command.
    #[must_use]
    pub const fn text(&self) -> Option<&FreeText> {
        match self {
            Self::File(file) => Some(&file.justification),
            Self::Approve(approve) => approve.reason.as_ref(),
            Self::Reject(reject) => Some(&reject.reason),
            Self::Withdraw { .. } => None,
        }
    }
}

impl ClosedRequest {
    /// The closed request by its last event; `None` for an event that leaves it pending.
    #[must_use]
    pub const fn by(event: &RequestEvent, seq: Seq) -> Option<Self> {
        let status = event.status();
        match status {
            RequestStatus::Pending => None,
            RequestStatus::Approved
            | RequestStatus::Rejected
            | RequestStatus::Withdrawn
            | RequestStatus::Expired => Some(Self {
                member_id: event.member_id(),
                status,
                version: seq,
            }),
        }
    }
}
