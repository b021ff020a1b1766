//! Answers about requests for units.

use ledger_core::Event;
use ledger_core::request::{self, RequestEvent};
use ledger_projections::requests::read::{RequestView, RequestsPage};
use ledger_store::writer::Receipt;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::{RequestCursor, rows};
use crate::problem::Problem;
use crate::values::{
    Actor, Commitment, GrantedAnswer, Instant, RequestStatus, Seq, UnitsOfServices, Urgency,
    WriteAnswer, increases,
};

/// The answer to the filing of a request.
pub type FiledAnswer = WriteAnswer<Filed>;

/// A filed request.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = FiledAnswer)]
pub struct Filed {
    pub(super) request_id: Uuid,
    /// The member who receives the units.
    member_id: Uuid,
    status: RequestStatus,
    /// The requested units of each service.
    units: UnitsOfServices,
    urgency: Urgency,
    created_at: Instant,
    /// The time of expiry if no decision is made.
    expires_at: Instant,
    /// The version of the request.
    pub(super) version: Seq,
}

pub(super) fn filed(receipt: &Receipt) -> Result<FiledAnswer, Problem> {
    let first = receipt.events.first();
    let Some((first, Event::Request(RequestEvent::Filed(filed)))) =
        first.map(|first| (first, &first.event))
    else {
        return Err(Problem::unlike("a request", receipt));
    };
    let outcome = Filed {
        request_id: filed.request_id.0,
        member_id: filed.member_id.0,
        status: request::RequestStatus::Pending.into(),
        units: filed.units.clone().into(),
        urgency: filed.urgency.into(),
        created_at: first.occurred_at.into(),
        expires_at: filed.expires_at.into(),
        version: first.seq.into(),
    };
    Ok(WriteAnswer::new(receipt, outcome))
}

/// The answer to a decision on a request.
pub type DecidedAnswer = WriteAnswer<Decided>;

/// A closed request.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DecidedAnswer)]
pub struct Decided {
    request_id: Uuid,
    /// The member who receives the units.
    member_id: Uuid,
    status: RequestStatus,
    /// The granted units of each service; null unless the request was approved.
    #[schema(required)]
    granted: Option<UnitsOfServices>,
    /// The member's allocations of the granted services.
    allocations: Vec<GrantedAnswer>,
    /// The version of the request.
    pub(super) version: Seq,
}

pub(super) fn decided(receipt: &Receipt) -> Result<DecidedAnswer, Problem> {
    let first = receipt.events.first();
    let Some((first, Event::Request(event))) = first.map(|first| (first, &first.event)) else {
        return Err(Problem::unlike("a decision", receipt));
    };
    let granted = match event {
        RequestEvent::Approved(approved) => Some(approved.units.clone().into()),
        RequestEvent::Rejected(_) | RequestEvent::Withdrawn(_) => None,
        RequestEvent::Filed(_) | RequestEvent::Expired(_) => {
            return Err(Problem::unlike("a decision", receipt));
        }
    };
    let outcome = Decided {
        request_id: event.request_id().0,
        member_id: event.member_id().0,
        status: event.status().into(),
        granted,
        allocations: increases(receipt).map(GrantedAnswer::from).collect(),
        version: first.seq.into(),
    };
    Ok(WriteAnswer::new(receipt, outcome))
}

rows! {
    /// Requests: pending ones as a queue, all others newest first.
    RequestsAnswer {
        requests: Vec<Request>,
        next_after: RequestCursor,
    } of RequestsPage
}

/// A request for units.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Request {
    request_id: Uuid,
    /// The member who receives the units.
    member_id: Uuid,
    /// The status at the time of the read, so that a request past its expiry is `expired`.
    status: RequestStatus,
    urgency: Urgency,
    /// The requested units of each service.
    units: UnitsOfServices,
    /// The granted units of each service; null unless the request was approved.
    #[schema(required)]
    granted: Option<UnitsOfServices>,
    /// The text of the justification; null if it was erased.
    #[schema(required)]
    justification: Option<String>,
    /// The commitment to the justification in the event.
    justification_commitment: Commitment,
    /// The text of the reason for the decision; null if there is none or it was erased.
    #[schema(required)]
    reason: Option<String>,
    /// The commitment to the reason in the event.
    #[schema(required)]
    reason_commitment: Option<Commitment>,
    /// The member, or the actor who filed the request on their behalf.
    filed_by: Actor,
    created_at: Instant,
    /// The time of expiry if no decision is made.
    expires_at: Instant,
    /// The whole seconds until the expiry; null unless the request is pending.
    #[schema(required, minimum = 0)]
    expires_in_seconds: Option<i64>,
    /// The time of the decision, the withdrawal or the expiry.
    #[schema(required)]
    decided_at: Option<Instant>,
    /// The actor who closed the request; null while it is pending and if it expired.
    #[schema(required)]
    decided_by: Option<Actor>,
    /// The version of the request: the ETag.
    version: Seq,
}

impl From<RequestView> for Request {
    fn from(request: RequestView) -> Self {
        Self {
            request_id: request.request_id.0,
            member_id: request.member_id.0,
            status: request.status.into(),
            urgency: request.urgency.into(),
            units: request.units.into(),
            granted: request.granted.map(Into::into),
            justification: request.justification,
            justification_commitment: request.justification_commitment.into(),
            reason: request.reason,
            reason_commitment: request.reason_commitment.map(Into::into),
            filed_by: request.filed_by.into(),
            created_at: request.created_at.into(),
            expires_at: request.expires_at.into(),
            expires_in_seconds: request.expires_in_seconds,
            decided_at: request.decided_at.map(Into::into),
            decided_by: request.decided_by.map(Into::into),
            version: request.version.into(),
        }
    }
}
