//! What can be asked of requests.

use super::event::{RequestEvent, RequestStatus, Urgency};
use crate::context::Needs;
use crate::ids::{MemberId, RequestId, Seq};
use crate::quantity::Units;
use crate::text::FreeText;

/// How long a request waits for a decision: seven days to the second (SPEC §3).
pub const TTL_SECONDS: i64 = 7 * 24 * 60 * 60;

/// A command about requests.
#[derive(Clone, Debug, PartialEq)]
pub enum RequestCommand {
    /// Ask for units.
    File(FileRequest),
    /// Grant what was asked for, or a part of it.
    Approve(ApproveRequest),
    /// Grant nothing.
    Reject(RejectRequest),
    /// Take the request back.
    Withdraw {
        /// The request.
        request_id: RequestId,
    },
}

/// Ask for units of one or more services.
#[derive(Clone, Debug, PartialEq)]
pub struct FileRequest {
    /// The new request's id, drawn at the edge.
    pub request_id: RequestId,
    /// Who is to have them.
    pub member_id: MemberId,
    /// How many of each service, by name or alias.
    pub units: Vec<(String, Units)>,
    /// What for.
    pub justification: FreeText,
    /// How soon it is needed.
    pub urgency: Urgency,
}

/// Grant what was asked for, or a part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ApproveRequest {
    /// The request.
    pub request_id: RequestId,
    /// How many of each service, by name or alias; a service that is not named gets nothing.
    /// Without it all that was asked for.
    pub units: Option<Vec<(String, Units)>>,
    /// Why, if somebody says why.
    pub reason: Option<FreeText>,
}

/// Grant nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct RejectRequest {
    /// The request.
    pub request_id: RequestId,
    /// Why.
    pub reason: FreeText,
}

/// A request that is decided for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedRequest {
    /// Who asked.
    pub member_id: MemberId,
    /// How it ended.
    pub status: RequestStatus,
    /// The event that ended it.
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

    /// What somebody wrote with it.
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
    /// What the last event of a request says of it; `None` while it is pending.
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
