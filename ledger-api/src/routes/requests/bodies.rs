//! Bodies of requests for units.

use ledger_core::request::{ApproveRequest, FileRequest, RejectRequest, RequestCommand};
use ledger_core::{Action, Catalogue, Fingerprint, MemberId, RequestId, SchoolId, Seq};
use ledger_store::writer::Envelope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::command::{Origin, free_text};
use crate::http::fingerprint;
use crate::problem::Problem;
use crate::values::{Reason, UnitsByService, Urgency};

/// Requested units.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "units": { "claude_messages": 20 }, "justification": "exam weeks in all four classes",
    "urgency": "high"
}))]
pub struct RequestBody {
    /// The member who receives the units; the caller if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    member_id: Option<Uuid>,
    /// The units of each service.
    units: UnitsByService,
    /// The justification. It is stored beside the log, which holds a commitment to it.
    justification: Reason,
    /// How soon the units are needed; `normal` if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    urgency: Option<Urgency>,
}

impl RequestBody {
    pub(super) fn member_id(&self) -> Option<MemberId> {
        self.member_id.map(MemberId)
    }

    /// Takes the member who receives the units and the member that the caller is.
    pub(super) fn into_envelope(
        self,
        school_id: SchoolId,
        (member_id, actor_member): (Option<MemberId>, Option<MemberId>),
        origin: &Origin,
        catalogue: &Catalogue,
    ) -> Result<Envelope, Problem> {
        let member_id = member_id.ok_or_else(|| {
            Problem::invalid("member_id is required: the caller is not a member").at("member_id")
        })?;
        // Without a member_id two callers can send the same body for different members.
        let fingerprint = fingerprint("file-request", &[&member_id], &self)?;
        let file = FileRequest {
            request_id: RequestId(origin.key.id_for("request", school_id.0)),
            member_id,
            units: self.units.into_named(catalogue)?,
            justification: free_text("justification", &self.justification.0)?,
            urgency: self.urgency.unwrap_or_default().0,
        };
        let action = Action::Request(RequestCommand::File(file));
        let envelope = origin.envelope(fingerprint, action);
        Ok(envelope.with_actor_member(actor_member))
    }
}

/// The request to close, its expected version, and the caller.
#[derive(Debug)]
pub(super) struct Decision {
    pub request_id: RequestId,
    pub actor_member: Option<MemberId>,
    pub origin: Origin,
    pub if_version: Option<Seq>,
}

impl Decision {
    fn envelope(&self, fingerprint: Fingerprint, command: RequestCommand) -> Envelope {
        let action = Action::Request(command);
        let envelope = self.origin.envelope(fingerprint, action);
        envelope
            .with_actor_member(self.actor_member)
            .with_version(self.if_version)
    }
}

/// The units to grant.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "units": { "claude_messages": 15 }, "reason": "the rest when the pool is full again"
}))]
pub struct ApproveBody {
    /// The units of each service, at most those requested; all of them if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    units: Option<UnitsByService>,
    /// The reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
}

impl ApproveBody {
    pub(super) fn into_envelope(
        self,
        decision: &Decision,
        catalogue: &Catalogue,
    ) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("approve-request", &[&decision.request_id], &self)?;
        let units = self.units.map(|units| units.into_named(catalogue));
        let reason = self.reason.map(|reason| free_text("reason", &reason.0));
        let command = RequestCommand::Approve(ApproveRequest {
            request_id: decision.request_id,
            units: units.transpose()?,
            reason: reason.transpose()?,
        });
        Ok(decision.envelope(fingerprint, command))
    }
}

/// The reason for a rejection.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "the pool is for the exam classes this month" }))]
pub struct RejectBody {
    /// The reason.
    reason: Reason,
}

impl RejectBody {
    pub(super) fn into_envelope(self, decision: &Decision) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("reject-request", &[&decision.request_id], &self)?;
        let command = RequestCommand::Reject(RejectRequest {
            request_id: decision.request_id,
            reason: free_text("reason", &self.reason.0)?,
        });
        Ok(decision.envelope(fingerprint, command))
    }
}

/// Withdraws a request.
pub(super) fn withdraw(decision: &Decision) -> Result<Envelope, Problem> {
    let fingerprint = fingerprint("withdraw-request", &[&decision.request_id], &())?;
    let command = RequestCommand::Withdraw {
        request_id: decision.request_id,
    };
    Ok(decision.envelope(fingerprint, command))
}
