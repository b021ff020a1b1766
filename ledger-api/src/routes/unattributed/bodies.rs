//! Bodies of requests about unattributed usage.

use ledger_core::usage::{AttributeUsage, UsageCommand};
use ledger_core::{Action, EventId, MemberId};
use ledger_store::writer::Envelope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::command::{Origin, free_text};
use crate::http::fingerprint;
use crate::problem::Problem;
use crate::values::{Reason, ServiceName};

/// The member and the service of usage, and the reason.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "member_id": "0198c0de-0000-7000-8000-000000000001", "reason": "the address before the change"
}))]
pub struct AssignBody {
    /// The member, current or removed.
    member_id: Uuid,
    /// The service; the reported one if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<ServiceName>,
    /// The reason.
    reason: Reason,
}

impl AssignBody {
    pub(super) const fn member_id(&self) -> MemberId {
        MemberId(self.member_id)
    }

    pub(super) fn into_envelope(
        self,
        usage_id: EventId,
        origin: &Origin,
    ) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("assign-usage", &[&usage_id], &self)?;
        let command = AttributeUsage {
            usage_id,
            member_id: self.member_id(),
            reason: free_text("reason", &self.reason.0)?,
            service: self.service.map(|service| service.0),
        };
        let action = Action::Usage(UsageCommand::Attribute(command));
        Ok(origin.envelope(fingerprint, action))
    }
}
