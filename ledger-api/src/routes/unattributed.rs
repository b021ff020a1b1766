//! Unattributed usage: it is listed, and assigned to the member whose it was.

use axum::extract::State;
use axum::http::Uri;
use ledger_core::usage::{AttributeUsage, UsageCommand, UsageEvent};
use ledger_core::{Action, Event, EventId, MemberId, Seq, Timestamp, Units};
use ledger_projections::unattributed::read::UnattributedUsage;
use ledger_projections::{ProjectionName, unattributed};
use ledger_store::writer::Receipt;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::Allowed;
use crate::command::{RequestMeta, free_text};
use crate::http::{
    IdempotencyKey, Json, Page, PageLimit, Path, Query, SchoolPath, SeqCursor, UnattributedPath,
    Written, fingerprint, query,
};
use crate::limits::PAGE_DEFAULT;
use crate::openapi::{problems, schema};
use crate::problem::Problem;
use crate::reads::{begin_read, require_known};
use crate::state::AppState;
use crate::values::{Account, ServiceName};
use ledger_auth::{Correct, ReadLog};

query! {
    /// Which unattributed usage to list.
    UnattributedQuery {
        /// Where to go on, as the page before said.
        cursor: SeqCursor,
        /// At most so many; 100 when not given.
        limit: PageLimit,
    }
}

/// Usage that counts for nobody yet, oldest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UnattributedAnswer {
    /// The event up to which this counts.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The usage.
    #[schema(value_type = Vec<UsageDocument>)]
    usage: Vec<UnattributedUsage>,
    /// The `cursor` of the next page; none when this is the last.
    #[schema(required)]
    next: Option<SeqCursor>,
}

/// Why usage counts for nobody.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(
    dead_code,
    reason = "it describes what UnattributedReason is written as"
)]
pub enum UnattributedReason {
    /// Nobody is known by the subject, or there was none.
    UnknownMember,
    /// No service has the name.
    UnknownService,
}

/// Usage that counts for nobody yet.
#[derive(Debug, ToSchema)]
#[schema(as = UnattributedUsage)]
#[allow(
    dead_code,
    reason = "it describes what unattributed::read::UnattributedUsage is written as"
)]
pub struct UsageDocument {
    /// The event that recorded it: what it is assigned by.
    event_id: Uuid,
    /// Its position in the school's log.
    #[schema(value_type = schema::Seq)]
    seq: i64,
    /// When it occurred.
    #[schema(value_type = schema::Instant)]
    occurred_at: String,
    /// When it was recorded.
    #[schema(value_type = schema::Instant)]
    recorded_at: String,
    /// Why it counts for nobody.
    reason: UnattributedReason,
    /// The `source` of the CloudEvent.
    #[schema(value_type = schema::Attribute)]
    source: String,
    /// Its `id`.
    #[schema(value_type = schema::Attribute)]
    id: String,
    /// Whose it is, where only the service is unknown.
    #[schema(required)]
    member_id: Option<Uuid>,
    /// The subject as it was given; none where there was none, or it was erased.
    #[schema(required)]
    subject: Option<String>,
    /// The service as it was given.
    #[schema(value_type = schema::Attribute)]
    service: String,
    /// How many units; none where no meter could tell.
    #[schema(value_type = Option<schema::Units>, required)]
    units: Option<i64>,
    /// Which model answered; like the following, there when the report said it.
    model: Option<String>,
    /// Tokens that went in.
    #[schema(value_type = Option<schema::Units>)]
    input_tokens: Option<i64>,
    /// Tokens that came out.
    #[schema(value_type = Option<schema::Units>)]
    output_tokens: Option<i64>,
    /// The part of the input that a cache served.
    #[schema(value_type = Option<schema::Units>)]
    cached_tokens: Option<i64>,
    /// What the provider charged, in millionths of a US dollar.
    #[schema(value_type = Option<schema::Units>)]
    cost_micros: Option<i64>,
    /// How long it took, in milliseconds.
    #[schema(value_type = Option<schema::Units>)]
    latency_ms: Option<i64>,
    /// How it ended.
    #[schema(value_type = Option<schema::Outcome>)]
    outcome: Option<String>,
    /// The caller's id of the request.
    #[schema(value_type = Option<schema::Key>)]
    request_id: Option<String>,
    /// The caller's id of the session.
    #[schema(value_type = Option<schema::Key>)]
    session_id: Option<String>,
}

/// Lists the usage that counts for nobody yet, oldest first.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/unattributed",
    tag = "reads",
    params(SchoolPath, UnattributedQuery),
    responses(
        (status = 200, description = "Unattributed usage.", body = UnattributedAnswer,
            headers(("Link" = String, description = "The next page, if there is one (RFC 8288)."))),
    ),
)]
pub async fn list_unattributed(
    allowed: Allowed<ReadLog>,
    State(state): State<AppState>,
    uri: Uri,
    Query(query): Query<UnattributedQuery>,
) -> Result<Page<UnattributedAnswer>, Problem> {
    let after = query.cursor.map_or(Seq::ZERO, |cursor| cursor.0);
    let limit = query.limit.map_or(PAGE_DEFAULT, |limit| limit.0);
    let (caller, viewer) = (&allowed.credential, allowed.viewer());
    let name = ProjectionName::Unattributed;
    let mut read = begin_read(&state, caller, viewer, name, query.min_seq).await?;
    let page = unattributed::read::page(&mut read, after, limit).await?;
    require_known(&mut read, page.seq).await?;
    read.finish().await?;
    let (seq, usage) = (page.seq, page.usage);
    let next = page.next_after.map(SeqCursor);
    Ok(Page::new(
        &uri,
        next,
        UnattributedAnswer { seq, usage, next },
    ))
}

/// Whose usage it was, and why.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "member_id": "0198c0de-0000-7000-8000-000000000001", "reason": "her address before she married"
}))]
pub struct AssignBody {
    /// Whose it was: anybody who ever was a member.
    #[schema(value_type = Uuid)]
    member_id: MemberId,
    /// Of which service; as it was reported when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<ServiceName>,
    /// Why.
    #[schema(value_type = schema::Reason)]
    reason: String,
}

/// Usage that was assigned.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AssignedAnswer {
    /// The head of the school's log.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The assignment's identity in the school; none when the usage was the member's already.
    #[schema(value_type = Option<Uuid>, required)]
    event_id: Option<EventId>,
    /// Whether it was done before, and this is what came of it then.
    replayed: bool,
    /// The event that recorded the usage.
    #[schema(value_type = Uuid)]
    usage_id: EventId,
    /// Whose it is.
    #[schema(value_type = Uuid)]
    member_id: MemberId,
    /// What the assignment left, where there was one.
    #[schema(required)]
    assigned: Option<Assigned>,
}

/// What an assignment left.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Assigned {
    /// Whose it was before; none: nobody's.
    #[schema(value_type = Option<Uuid>, required)]
    from_member_id: Option<MemberId>,
    /// When it occurred: it counts on that day.
    #[schema(value_type = schema::Instant)]
    occurred_at: Timestamp,
    /// How many units count.
    #[schema(value_type = schema::Units)]
    units: Units,
    /// Whether they exceed what was available.
    overage: bool,
    /// The member's account in the open period.
    balance: Account,
    /// The start of the closed period in which it counts; none when it counts in the open one.
    #[schema(value_type = Option<schema::Instant>, required)]
    period_start: Option<Timestamp>,
}

impl AssignedAnswer {
    fn of(usage_id: EventId, member_id: MemberId, receipt: &Receipt) -> Result<Self, Problem> {
        let event = match receipt.events.first().map(|recorded| &recorded.event) {
            Some(Event::Usage(UsageEvent::Attributed(event))) => Some(event),
            None => None,
            Some(_) => return Err(Problem::unlike("an assignment", receipt)),
        };
        Ok(Self {
            seq: receipt.seq,
            event_id: event.map(|_| receipt.event_id),
            replayed: receipt.replayed,
            usage_id,
            member_id,
            assigned: event.map(|event| Assigned {
                from_member_id: event.from.as_ref().map(|from| from.account.member_id),
                occurred_at: event.usage_at,
                units: event.units,
                overage: event.overage,
                balance: Account::after(
                    &event.to.account.service,
                    &event.to.balance,
                    &receipt.period,
                ),
                period_start: event.to.period_start,
            }),
        })
    }
}

problems!(AssignProblems: UsageNotFound, MemberNotFound, UnknownService, AmountOutOfRange);

/// Assigns unattributed usage to a member, or usage that was assigned to one to another.
///
/// It counts for him on the day on which it occurred, in the rollups and in his balance, whatever
/// it exceeds: it happened.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/unattributed/{event_id}/assign",
    tag = "usage",
    params(UnattributedPath, IdempotencyKey),
    request_body = AssignBody,
    responses(
        (status = 200, description = "The usage is the member's.", body = AssignedAnswer),
        AssignProblems,
    ),
)]
pub async fn assign_usage(
    allowed: Allowed<Correct>,
    State(state): State<AppState>,
    Path(path): Path<UnattributedPath>,
    meta: RequestMeta,
    Json(body): Json<AssignBody>,
) -> Result<Written<AssignedAnswer>, Problem> {
    let (usage_id, member_id) = (EventId(path.event_id), body.member_id);
    let fingerprint = fingerprint("assign-usage", &[&usage_id], &body)?;
    let command = AttributeUsage {
        usage_id,
        member_id,
        reason: free_text("reason", &body.reason)?,
        service: body.service.map(|service| service.0),
    };
    let action = Action::Usage(UsageCommand::Attribute(command));
    let envelope = meta.envelope(allowed.actor(), fingerprint, action);
    let receipt = state.submit(allowed.school, envelope).await?;
    let answer = AssignedAnswer::of(usage_id, member_id, &receipt)?;
    Ok(Written::ok(&receipt, answer))
}
