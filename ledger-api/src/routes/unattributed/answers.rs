//! Answers about unattributed usage.

use ledger_core::usage::UsageEvent;
use ledger_core::{Event, EventId, MemberId};
use ledger_projections::unattributed::read::{self, UnattributedPage};
use ledger_store::writer::Receipt;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::{SeqCursor, rows};
use crate::problem::Problem;
use crate::values::{
    Account, Attribute, ChangeAnswer, Instant, Key, Outcome, Seq, UnattributedReason, Units,
    WriteAnswer,
};

rows! {
    /// Unattributed usage, oldest first.
    UnattributedAnswer {
        usage: Vec<UnattributedUsage>,
        next_after: SeqCursor,
    } of UnattributedPage
}

/// Usage that is not attributed to a member.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UnattributedUsage {
    /// The event that recorded the usage: the id to assign it by.
    event_id: Uuid,
    /// The position in the school's log.
    seq: Seq,
    occurred_at: Instant,
    recorded_at: Instant,
    reason: UnattributedReason,
    /// The `source` of the CloudEvent.
    #[schema(value_type = Attribute)]
    source: String,
    /// The `id` of the CloudEvent.
    #[schema(value_type = Attribute)]
    id: String,
    /// The member, if only the service is unknown.
    #[schema(required)]
    member_id: Option<Uuid>,
    /// The reported subject; null if there was none or it was erased.
    #[schema(required)]
    subject: Option<String>,
    /// The reported service.
    #[schema(value_type = Attribute)]
    service: String,
    /// The number of units; null if no meter applies.
    #[schema(required)]
    units: Option<Units>,
    /// The model that answered. This member and those below are present if they were reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_tokens: Option<Units>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens: Option<Units>,
    /// The input tokens read from a cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_tokens: Option<Units>,
    /// The cost in millionths of a US dollar.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_micros: Option<Units>,
    /// The latency in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<Units>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    /// The caller's id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<Key>,
    /// The caller's id of the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<Key>,
}

impl From<read::UnattributedUsage> for UnattributedUsage {
    fn from(usage: read::UnattributedUsage) -> Self {
        let call = usage.call;
        Self {
            event_id: usage.event_id.0,
            seq: usage.seq.into(),
            occurred_at: usage.occurred_at.into(),
            recorded_at: usage.recorded_at.into(),
            reason: usage.reason.into(),
            source: usage.source,
            id: usage.id,
            member_id: usage.member_id.map(|id| id.0),
            subject: usage.subject,
            service: usage.service,
            units: usage.units.map(Into::into),
            model: call.model.map(Into::into),
            input_tokens: call.input_tokens.map(Into::into),
            output_tokens: call.output_tokens.map(Into::into),
            cached_tokens: call.cached_tokens.map(Into::into),
            cost_micros: call.cost_micros.map(|cost| cost.0.into()),
            latency_ms: call.latency_ms.map(Into::into),
            outcome: call.outcome.map(Into::into),
            request_id: call.request_id.map(Into::into),
            session_id: call.session_id.map(Into::into),
        }
    }
}

/// The answer to an assignment.
pub type AssignedAnswer = ChangeAnswer<Assignment>;

/// The usage and its member.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AssignedAnswer)]
pub struct Assignment {
    /// The event that recorded the usage.
    usage_id: Uuid,
    member_id: Uuid,
    /// The effect of the assignment; null if the usage was the member's already.
    #[schema(required)]
    assigned: Option<Assigned>,
}

/// The effect of an assignment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Assigned {
    /// The member that the usage was attributed to before; null if there was none.
    #[schema(required)]
    from_member_id: Option<Uuid>,
    /// The time of the usage, which counts on that day.
    occurred_at: Instant,
    /// The number of units that count.
    units: Units,
    /// Whether the units exceed the available ones.
    overage: bool,
    /// The member's account in the open period.
    balance: Account,
    /// The start of the closed period that the usage counts in; null for the open one.
    #[schema(required)]
    period_start: Option<Instant>,
}

pub(super) fn assigned(
    usage_id: EventId,
    member_id: MemberId,
    receipt: &Receipt,
) -> Result<AssignedAnswer, Problem> {
    let event = match receipt.events.first().map(|recorded| &recorded.event) {
        Some(Event::Usage(UsageEvent::Attributed(event))) => Some(event),
        None => None,
        Some(_) => return Err(Problem::unlike("an assignment", receipt)),
    };
    let outcome = Assignment {
        usage_id: usage_id.0,
        member_id: member_id.0,
        assigned: event.map(|event| Assigned {
            from_member_id: event.from.as_ref().map(|from| from.account.member_id.0),
            occurred_at: event.usage_at.into(),
            units: event.units.into(),
            overage: event.overage,
            balance: Account::after(
                &event.to.account.service,
                &event.to.balance,
                &receipt.period,
            ),
            period_start: event.to.period_start.map(Into::into),
        }),
    };
    Ok(WriteAnswer::new(receipt, outcome))
}
