//! Reads requests as of the reader's clock.

use chrono::{DateTime, Utc};
use ledger_core::request::{RequestStatus, UnitsByService, Urgency};
use ledger_core::{Actor, ActorId, Commitment, MemberId, RequestId, Seq, Timestamp};
use serde::{Deserialize as _, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::columns::parse;
use crate::error::ReadError;
use crate::projection::ProjectionName;
use crate::tenant::TenantRead;

/// The maximum number of requests per page.
pub const REQUESTS_PAGE_MAX: u32 = 1_000;

/// The requests to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestsFilter {
    /// Requests with this status. Pending ones are sorted as a queue, by urgency and then by age;
    /// all others newest first.
    pub status: Option<RequestStatus>,
    /// Requests of this member.
    pub member_id: Option<MemberId>,
    /// Requests after this position.
    pub after: Option<RequestPosition>,
}

/// The position of a request in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestPosition {
    /// The urgency, the first key of the queue.
    pub urgency: Urgency,
    /// The event that filed it.
    pub filed: Seq,
}

/// Some requests.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RequestsPage {
    /// The last event that the read model has applied.
    pub seq: Seq,
    /// The requests.
    pub requests: Vec<RequestView>,
    /// The position after which the next page begins; `None` on the last page.
    #[serde(skip)]
    pub next_after: Option<RequestPosition>,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RequestView {
    /// The request.
    pub request_id: RequestId,
    /// The member who is to get the units.
    pub member_id: MemberId,
    /// The status.
    pub status: RequestStatus,
    /// The urgency.
    pub urgency: Urgency,
    /// The requested units.
    pub units: UnitsByService,
    /// The granted units of an approved request.
    pub granted: Option<UnitsByService>,
    /// The justification; `None` when erased.
    pub justification: Option<String>,
    /// The event's commitment to the justification.
    pub justification_commitment: Commitment,
    /// The reason of the decision; `None` when none was given or it was erased.
    pub reason: Option<String>,
    /// The event's commitment to the reason.
    pub reason_commitment: Option<Commitment>,
    /// The actor who filed it: the member, or a principal on their behalf.
    pub filed_by: Actor,
    /// The time of filing.
    pub created_at: Timestamp,
    /// The time from which it cannot be decided.
    pub expires_at: Timestamp,
    /// Whole seconds until the expiry of a pending request.
    pub expires_in_seconds: Option<i64>,
    /// The time of the decision, withdrawal or expiry; `None` while pending.
    pub decided_at: Option<Timestamp>,
    /// The actor who closed it; `None` for an expiry.
    pub decided_by: Option<Actor>,
    /// The last event that changed it: its `ETag`.
    pub version: Seq,
}

/// The request of this id as of `now`; `None` when it does not exist or the viewer may not see it.
///
/// # Errors
/// [`ReadError`] when the database fails or a row is damaged.
pub async fn request(
    read: &mut TenantRead,
    request_id: RequestId,
    now: Timestamp,
) -> Result<Option<RequestView>, ReadError> {
    sqlx::query_file_as!(
        Row,
        "src/requests/queries/one.sql",
        read.school_id().0,
        request_id.0,
    )
    .fetch_optional(read.connection())
    .await
    .map_err(ReadError::at("reading a request"))?
    .map(|row| row.view(now))
    .transpose()
}

/// The requests of the viewer's school that match the filter and that the viewer may see, as of
/// `now`, at most `limit` and at most [`REQUESTS_PAGE_MAX`].
///
/// # Errors
/// [`ReadError`] when the database fails or a row is damaged.
pub async fn page(
    read: &mut TenantRead,
    filter: &RequestsFilter,
    limit: u32,
    now: Timestamp,
) -> Result<RequestsPage, ReadError> {
    let limit = limit.clamp(1, REQUESTS_PAGE_MAX);
    let seq = read.seq_of(ProjectionName::Requests).await?;
    let rows = match filter.status {
        Some(RequestStatus::Pending) => queue(read, filter, limit, now).await?,
        None
        | Some(
            RequestStatus::Approved
            | RequestStatus::Rejected
            | RequestStatus::Withdrawn
            | RequestStatus::Expired,
        ) => newest(read, filter, limit, now).await?,
    };
    let limit = limit as usize;
    let has_more = rows.len() > limit;
    let filed: Vec<Seq> = rows.iter().map(|row| Seq(row.filed_seq)).collect();
    let requests = rows
        .into_iter()
        .take(limit)
        .map(|row| row.view(now))
        .collect::<Result<Vec<_>, _>>()?;
    let last = requests.last().zip(filed.get(limit.saturating_sub(1)));
    let next_after = last.map(|(request, filed)| RequestPosition {
        urgency: request.urgency,
        filed: *filed,
    });
    Ok(RequestsPage {
        seq,
        next_after: next_after.filter(|_| has_more),
        requests,
    })
}

/// The value of the column `urgency_rank`.
const fn rank(urgency: Urgency) -> i16 {
    match urgency {
        Urgency::High => 0,
        Urgency::Normal => 1,
        Urgency::Low => 2,
    }
}

async fn queue(
    read: &mut TenantRead,
    filter: &RequestsFilter,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<Row>, ReadError> {
    let after = filter.after.map(|at| (rank(at.urgency), at.filed.0));
    let (after_rank, after_seq) = after.unwrap_or((-1, 0));
    sqlx::query_file_as!(
        Row,
        "src/requests/queries/queue.sql",
        read.school_id().0,
        now.get(),
        after_rank,
        after_seq,
        filter.member_id.map(|member_id| member_id.0),
        i64::from(limit) + 1,
    )
    .fetch_all(read.connection())
    .await
    .map_err(ReadError::at("reading pending requests"))
}

async fn newest(
    read: &mut TenantRead,
    filter: &RequestsFilter,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<Row>, ReadError> {
    sqlx::query_file_as!(
        Row,
        "src/requests/queries/page.sql",
        read.school_id().0,
        now.get(),
        filter.after.map_or(i64::MAX, |at| at.filed.0),
        filter.status.map(RequestStatus::as_str),
        filter.member_id.map(|member_id| member_id.0),
        i64::from(limit) + 1,
    )
    .fetch_all(read.connection())
    .await
    .map_err(ReadError::at("reading requests"))
}

struct Row {
    request_id: Uuid,
    member_id: Uuid,
    status: String,
    urgency: String,
    asked: Value,
    granted: Option<Value>,
    justification: Vec<u8>,
    justification_text: Option<String>,
    reason: Option<Vec<u8>>,
    reason_text: Option<String>,
    filed_seq: i64,
    filed_by_role: String,
    filed_by: Uuid,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    decided_at: Option<DateTime<Utc>>,
    decided_by_role: Option<String>,
    decided_by: Option<Uuid>,
    version: i64,
}

impl Row {
    fn view(self, now: Timestamp) -> Result<RequestView, ReadError> {
        let expires_at = Timestamp::new(self.expires_at);
        let recorded: RequestStatus = parse(&self.status, "status")?;
        let is_expired = recorded == RequestStatus::Pending && expires_at <= now;
        let status = if is_expired {
            RequestStatus::Expired
        } else {
            recorded
        };
        let left = expires_at.get() - now.get();
        let decided_by = self.decided_by_role.zip(self.decided_by);
        Ok(RequestView {
            request_id: RequestId(self.request_id),
            member_id: MemberId(self.member_id),
            status,
            urgency: parse(&self.urgency, "urgency")?,
            units: units(&self.asked, "asked")?,
            granted: self
                .granted
                .map(|granted| units(&granted, "granted"))
                .transpose()?,
            justification: self.justification_text,
            justification_commitment: commitment(self.justification, "justification")?,
            reason: self.reason_text,
            reason_commitment: self
                .reason
                .map(|reason| commitment(reason, "reason"))
                .transpose()?,
            filed_by: actor(&self.filed_by_role, self.filed_by)?,
            created_at: Timestamp::new(self.created_at),
            expires_at,
            expires_in_seconds: (status == RequestStatus::Pending).then(|| left.num_seconds()),
            decided_at: self
                .decided_at
                .map(Timestamp::new)
                .or(is_expired.then_some(expires_at)),
            decided_by: decided_by.map(|(role, id)| actor(&role, id)).transpose()?,
            version: Seq(self.version),
        })
    }
}

fn actor(role: &str, id: Uuid) -> Result<Actor, ReadError> {
    Ok(Actor {
        role: parse(role, "actor_role")?,
        id: ActorId(id),
    })
}

fn units(value: &Value, column: &'static str) -> Result<UnitsByService, ReadError> {
    UnitsByService::deserialize(value).map_err(|_| ReadError::Unreadable(column))
}

fn commitment(bytes: Vec<u8>, column: &'static str) -> Result<Commitment, ReadError> {
    bytes
        .try_into()
        .map(Commitment)
        .map_err(|_| ReadError::Unreadable(column))
}
