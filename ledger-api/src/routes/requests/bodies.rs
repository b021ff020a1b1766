//! What is asked of requests.

use ledger_core::request::{ApproveRequest, FileRequest, RejectRequest, RequestCommand, Urgency};
use ledger_core::{Action, Actor, Catalogue, Fingerprint, MemberId, RequestId, SchoolId, Seq};
use ledger_store::writer::Envelope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::command::{RequestMeta, free_text};
use crate::http::fingerprint;
use crate::openapi::schema;
use crate::problem::Problem;
use crate::values::{UnitsByService, words};

/// Units that somebody asks for.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "units": { "claude_messages": 20 }, "justification": "exam weeks in all four classes",
    "urgency": "high"
}))]
pub struct RequestBody {
    /// Who is to have them; who asks, when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    member_id: Option<MemberId>,
    /// How many of each service.
    units: UnitsByService,
    /// What for. It is kept beside the log, which holds a commitment to it.
    #[schema(value_type = schema::Reason)]
    justification: String,
    /// How soon they are needed; `normal` when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<words::Urgency>)]
    urgency: Option<Urgency>,
}

impl RequestBody {
    pub(super) const fn member_id(&self) -> Option<MemberId> {
        self.member_id
    }

    /// `filing` says who is to have the units, and which member the caller is.
    pub(super) fn into_envelope(
        self,
        school_id: SchoolId,
        (member_id, actor_member): (Option<MemberId>, Option<MemberId>),
        actor: Actor,
        meta: &RequestMeta,
        catalogue: &Catalogue,
    ) -> Result<Envelope, Problem> {
        let member_id = member_id.ok_or_else(|| {
            Problem::invalid("member_id is required: the caller is not a member")
                .with("at", "member_id")
        })?;
        // Without a member in the body two callers send the same one, and mean different members.
        let fingerprint = fingerprint("file-request", &[&member_id], &self)?;
        let file = FileRequest {
            request_id: RequestId(meta.key.id_for("request", school_id.0)),
            member_id,
            units: self.units.into_named(catalogue)?,
            justification: free_text("justification", &self.justification)?,
            urgency: self.urgency.unwrap_or_default(),
        };
        let action = Action::Request(RequestCommand::File(file));
        let envelope = meta.envelope(actor, fingerprint, action);
        Ok(envelope.with_actor_member(actor_member))
    }
}

/// Who decides on which request, and on which version of it.
#[derive(Debug)]
pub(super) struct Deciding {
    pub request_id: RequestId,
    pub actor: Actor,
    pub actor_member: Option<MemberId>,
    pub meta: RequestMeta,
    pub if_version: Option<Seq>,
}

impl Deciding {
    fn envelope(&self, fingerprint: Fingerprint, command: RequestCommand) -> Envelope {
        let envelope = self
            .meta
            .envelope(self.actor, fingerprint, Action::Request(command));
        envelope
            .with_actor_member(self.actor_member)
            .with_version(self.if_version)
    }
}

/// What is granted of a request.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "units": { "claude_messages": 15 }, "reason": "the rest when the pool is full again"
}))]
pub struct ApproveBody {
    /// How many of each service, at most what was asked for; all of it when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    units: Option<UnitsByService>,
    /// Why, if there is something to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Reason>)]
    reason: Option<String>,
}

impl ApproveBody {
    pub(super) fn into_envelope(
        self,
        deciding: &Deciding,
        catalogue: &Catalogue,
    ) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("approve-request", &[&deciding.request_id], &self)?;
        let units = self.units.map(|units| units.into_named(catalogue));
        let reason = self.reason.map(|reason| free_text("reason", &reason));
        let command = RequestCommand::Approve(ApproveRequest {
            request_id: deciding.request_id,
            units: units.transpose()?,
            reason: reason.transpose()?,
        });
        Ok(deciding.envelope(fingerprint, command))
    }
}

/// Why a request is not granted.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "the pool is for the exam classes this month" }))]
pub struct RejectBody {
    /// Why.
    #[schema(value_type = schema::Reason)]
    reason: String,
}

impl RejectBody {
    pub(super) fn into_envelope(self, deciding: &Deciding) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("reject-request", &[&deciding.request_id], &self)?;
        let command = RequestCommand::Reject(RejectRequest {
            request_id: deciding.request_id,
            reason: free_text("reason", &self.reason)?,
        });
        Ok(deciding.envelope(fingerprint, command))
    }
}

/// A request's being taken back.
pub(super) fn withdraw(deciding: &Deciding) -> Result<Envelope, Problem> {
    let fingerprint = fingerprint("withdraw-request", &[&deciding.request_id], &())?;
    let command = RequestCommand::Withdraw {
        request_id: deciding.request_id,
    };
    Ok(deciding.envelope(fingerprint, command))
}
