//! What is told of requests.

use ledger_core::allocation::AllocationEvent;
use ledger_core::request::{RequestEvent, RequestStatus, UnitsByService, Urgency};
use ledger_core::{Event, EventId, MemberId, Quota, RequestId, Seq, ServiceId, Timestamp};
use ledger_projections::requests::read::{RequestView, RequestsPage};
use ledger_store::writer::Receipt;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::RequestCursor;
use crate::openapi::schema;
use crate::problem::Problem;
use crate::values::{Actor, words};

/// A request that is filed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FiledAnswer {
    /// The head of the school's log.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The filing's identity in the school.
    #[schema(value_type = Uuid)]
    event_id: EventId,
    /// Whether it was filed before, and this is what came of it then.
    replayed: bool,
    /// The request's id.
    #[schema(value_type = Uuid)]
    pub(super) request_id: RequestId,
    /// Who is to have the units.
    #[schema(value_type = Uuid)]
    member_id: MemberId,
    /// How it stands with it.
    #[schema(value_type = words::RequestStatus)]
    status: RequestStatus,
    /// How many of each service.
    #[schema(value_type = words::UnitsOfServices)]
    units: UnitsByService,
    /// How soon they are needed.
    #[schema(value_type = words::Urgency)]
    urgency: Urgency,
    /// When it was filed.
    #[schema(value_type = schema::Instant)]
    created_at: Timestamp,
    /// From when on nobody can decide any more.
    #[schema(value_type = schema::Instant)]
    expires_at: Timestamp,
    /// Its version.
    #[schema(value_type = schema::Seq)]
    pub(super) version: Seq,
}

impl FiledAnswer {
    pub(super) fn of(receipt: &Receipt) -> Result<Self, Problem> {
        let first = receipt.events.first();
        let Some((first, RequestEvent::Filed(filed))) = first.and_then(|first| {
            let Event::Request(event) = &first.event else {
                return None;
            };
            Some((first, event))
        }) else {
            return Err(Problem::unlike("a request", receipt));
        };
        Ok(Self {
            seq: receipt.seq,
            event_id: receipt.event_id,
            replayed: receipt.replayed,
            request_id: filed.request_id,
            member_id: filed.member_id,
            status: RequestStatus::Pending,
            units: filed.units.clone(),
            urgency: filed.urgency,
            created_at: first.occurred_at,
            expires_at: filed.expires_at,
            version: first.seq,
        })
    }
}

/// A request that is closed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DecidedAnswer {
    /// The head of the school's log.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The decision's identity in the school.
    #[schema(value_type = Uuid)]
    event_id: EventId,
    /// Whether it was decided before, and this is what came of it then.
    replayed: bool,
    /// The request's id.
    #[schema(value_type = Uuid)]
    request_id: RequestId,
    /// Who asked.
    #[schema(value_type = Uuid)]
    member_id: MemberId,
    /// How it ended.
    #[schema(value_type = words::RequestStatus)]
    status: RequestStatus,
    /// How many of each service were granted; none unless it was approved.
    #[schema(value_type = Option<words::UnitsOfServices>, required)]
    granted: Option<UnitsByService>,
    /// What the member holds since, of each service that was granted.
    allocations: Vec<GrantedAnswer>,
    /// Its version.
    #[schema(value_type = schema::Seq)]
    pub(super) version: Seq,
}

/// What a member holds of a service since a request of his was approved.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GrantedAnswer {
    /// Of which service.
    #[schema(value_type = schema::ServiceId)]
    service: ServiceId,
    /// Allocated before.
    #[schema(value_type = schema::Quota)]
    before: Quota,
    /// Allocated now.
    #[schema(value_type = schema::Quota)]
    allocated: Quota,
}

impl DecidedAnswer {
    pub(super) fn of(receipt: &Receipt) -> Result<Self, Problem> {
        let mut events = receipt.events.iter();
        let first = events.next();
        let Some((first, Event::Request(event))) = first.map(|first| (first, &first.event)) else {
            return Err(Problem::unlike("a decision", receipt));
        };
        let granted = match event {
            RequestEvent::Approved(approved) => Some(approved.units.clone()),
            RequestEvent::Rejected(_) | RequestEvent::Withdrawn(_) => None,
            RequestEvent::Filed(_) | RequestEvent::Expired(_) => {
                return Err(Problem::unlike("a decision", receipt));
            }
        };
        Ok(Self {
            seq: receipt.seq,
            event_id: receipt.event_id,
            replayed: receipt.replayed,
            request_id: event.request_id(),
            member_id: event.member_id(),
            status: event.status(),
            granted,
            allocations: events
                .filter_map(|recorded| grant(&recorded.event))
                .collect(),
            version: first.seq,
        })
    }
}

fn grant(event: &Event) -> Option<GrantedAnswer> {
    let Event::Allocation(AllocationEvent::Allocated(allocated)) = event else {
        return None;
    };
    Some(GrantedAnswer {
        service: allocated.service.clone(),
        before: allocated.before,
        allocated: allocated.after,
    })
}

/// Requests: pending ones as a queue, all others newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RequestsAnswer {
    /// The event up to which this counts.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The requests.
    #[schema(value_type = Vec<RequestDocument>)]
    requests: Vec<RequestView>,
    /// The `cursor` of the next page; none when this is the last.
    #[schema(required)]
    pub(super) next: Option<RequestCursor>,
}

impl From<RequestsPage> for RequestsAnswer {
    fn from(page: RequestsPage) -> Self {
        Self {
            seq: page.seq,
            requests: page.requests,
            next: page.next_after.map(RequestCursor),
        }
    }
}

/// A request.
#[derive(Debug, ToSchema)]
#[schema(as = Request)]
#[allow(
    dead_code,
    reason = "it describes what requests::read::RequestView is written as"
)]
pub struct RequestDocument {
    /// Its id.
    #[schema(value_type = Uuid)]
    request_id: RequestId,
    /// Who is to have the units.
    #[schema(value_type = Uuid)]
    member_id: MemberId,
    /// How it stands with it, now: who reads it after it ran out reads `expired`.
    #[schema(value_type = words::RequestStatus)]
    status: String,
    /// How soon the units are needed.
    #[schema(value_type = words::Urgency)]
    urgency: String,
    /// How many of each service are asked for.
    #[schema(value_type = words::UnitsOfServices)]
    units: String,
    /// How many were granted; none unless it was approved.
    #[schema(value_type = Option<words::UnitsOfServices>, required)]
    granted: Option<String>,
    /// What for, as it was written; none when it was erased.
    #[schema(required)]
    justification: Option<String>,
    /// The commitment to what for, as the event holds it.
    #[schema(value_type = words::Commitment)]
    justification_commitment: String,
    /// Why it was decided so, as it was written; none when nobody said, or it was erased.
    #[schema(required)]
    reason: Option<String>,
    /// The commitment to why, as the event holds it.
    #[schema(value_type = Option<words::Commitment>, required)]
    reason_commitment: Option<String>,
    /// Who filed it: the member, or somebody on his behalf.
    filed_by: Actor,
    /// When.
    #[schema(value_type = schema::Instant)]
    created_at: String,
    /// From when on nobody can decide any more.
    #[schema(value_type = schema::Instant)]
    expires_at: String,
    /// Whole seconds until then; none when it is not pending.
    #[schema(required, minimum = 0)]
    expires_in_seconds: Option<i64>,
    /// When it ended, however it did.
    #[schema(value_type = Option<schema::Instant>, required)]
    decided_at: Option<String>,
    /// Who ended it; none while it is pending, and where time did.
    #[schema(required)]
    decided_by: Option<Actor>,
    /// Its version: the ETag.
    #[schema(value_type = schema::Seq)]
    version: i64,
}
