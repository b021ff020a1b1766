//! What can be asked of requests.

use super::event::{RequestEvent, RequestStatus, Urgency};
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
    Withdraw(Closing),
}

/// Ask for units of one or more services.
#[derive(Clone, Debug, PartialEq)]
pub struct FileRequest {
    /// The new request's id, drawn at the edge.
    pub request_id: RequestId,
    /// Who is to have them.
    pub member_id: MemberId,
    /// The member that the actor is, as far as the edge knows: his own id may be another.
    pub actor_member_id: Option<MemberId>,
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
    /// Which request, and who decides.
    pub closing: Closing,
    /// How many of each service, by name or alias; a service that is not named gets nothing.
    /// Without it all that was asked for.
    pub units: Option<Vec<(String, Units)>>,
    /// Why, if somebody says why.
    pub reason: Option<FreeText>,
}

/// Grant nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct RejectRequest {
    /// Which request, and who decides.
    pub closing: Closing,
    /// Why.
    pub reason: FreeText,
}

/// What every command that closes a request names.
#[derive(Clone, Debug, PartialEq)]
pub struct Closing {
    /// Which request.
    pub request_id: RequestId,
    /// The member that the actor is, as far as the edge knows: his own id may be another.
    pub actor_member_id: Option<MemberId>,
    /// How the request was closed, from the log, when the state does not keep it any more; looked
    /// up by whoever carries the command to the writer.
    pub recalled: Option<ClosedRequest>,
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
    /// What a command that closes a request names.
    #[must_use]
    pub const fn closing(&self) -> Option<&Closing> {
        match self {
            Self::File(_) => None,
            Self::Approve(approve) => Some(&approve.closing),
            Self::Reject(reject) => Some(&reject.closing),
            Self::Withdraw(closing) => Some(closing),
        }
    }

    /// The same, to set what the log tells.
    pub const fn closing_mut(&mut self) -> Option<&mut Closing> {
        match self {
            Self::File(_) => None,
            Self::Approve(approve) => Some(&mut approve.closing),
            Self::Reject(reject) => Some(&mut reject.closing),
            Self::Withdraw(closing) => Some(closing),
        }
    }

    /// What somebody wrote with it.
    #[must_use]
    pub const fn text(&self) -> Option<&FreeText> {
        match self {
            Self::File(file) => Some(&file.justification),
            Self::Approve(approve) => approve.reason.as_ref(),
            Self::Reject(reject) => Some(&reject.reason),
            Self::Withdraw(_) => None,
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
