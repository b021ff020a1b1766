//! The history: every change with its actor, reason, and the values before and after.

use axum::http::Uri;
use ledger_core::catalog::Kind;
use ledger_core::{DepartmentId, MemberId};
use ledger_projections::ProjectionName;
use ledger_projections::history::HISTORY;
use ledger_projections::history::read::{self, HistoryFilter};
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::{SeqCursor, rows};
use crate::reads::{member_seen, requested_service};
use crate::routes::prelude::*;
use crate::values::schema::{has_schema, one_of_words};
use crate::values::{Actor, Commitment, Instant, Seq, ServiceId, ServiceName};
use ledger_auth::permission::ReadActivity;

/// The type of an event in the history.
#[derive(Clone, Copy, Debug)]
pub struct ChangeType(Kind);

impl<'de> Deserialize<'de> for ChangeType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let mut kinds = HISTORY.kinds.unwrap_or_default().iter();
        kinds
            .find(|kind| kind.as_str() == text)
            .map(|kind| Self(*kind))
            .ok_or_else(|| de::Error::custom("kind is not a type of change"))
    }
}

has_schema!(
    ChangeType = {
        let kinds = HISTORY.kinds.unwrap_or_default().iter();
        one_of_words(kinds.map(|kind| kind.as_str()))
            .description(Some("The type of an event that is a change, not usage."))
    }
);

query! {
    /// The changes to list.
    HistoryQuery {
        /// The `next` of the previous page.
        cursor: SeqCursor,
        /// The maximum number of entries, plus one to keep a transfer whole; 100 if not given.
        limit: PageLimit,
        /// Only changes of this member.
        member: Uuid,
        /// Only changes of this department, its membership, and the allocations of its members.
        department: Uuid,
        /// Only changes of this service, by name or alias.
        service: ServiceName,
        /// Only changes of this type.
        kind: ChangeType,
    }
}

rows! {
    /// Changes, newest first.
    HistoryAnswer {
        /// The changes. A transfer has an entry for each of its two holders.
        entries: Vec<HistoryEntry>,
        next_before: SeqCursor,
    } of read::HistoryPage
}

/// A change of one member, one department or the school.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HistoryEntry {
    /// The position in the school's log.
    seq: Seq,
    recorded_at: Instant,
    #[serde(rename = "type")]
    #[schema(value_type = ChangeType)]
    kind: String,
    /// The member; null for a department or the school.
    #[schema(required)]
    member_id: Option<Uuid>,
    /// The department; for a member's allocation the department that funds it; null without a
    /// member for the school.
    #[schema(required)]
    department_id: Option<Uuid>,
    #[schema(required)]
    service: Option<ServiceId>,
    /// The actor who made the change.
    actor: Actor,
    /// The cause, if the change was not requested by itself.
    #[schema(required)]
    cause: Option<String>,
    /// The request for units that the change is about or results from.
    #[schema(required)]
    request_id: Option<Uuid>,
    /// The text of the reason; null if there is none, it was erased or the reader may not see it.
    #[schema(required)]
    reason: Option<String>,
    /// The commitment to the reason in the event.
    #[schema(required)]
    reason_commitment: Option<Commitment>,
    /// The values before; null if there were none or the event does not contain them.
    #[schema(value_type = Option<Object>, required)]
    before: Option<serde_json::Value>,
    /// The values after.
    #[schema(value_type = Option<Object>, required)]
    after: Option<serde_json::Value>,
}

impl From<read::HistoryEntry> for HistoryEntry {
    fn from(entry: read::HistoryEntry) -> Self {
        Self {
            seq: entry.seq.into(),
            recorded_at: entry.recorded_at.into(),
            kind: entry.kind,
            member_id: entry.member_id.map(|id| id.0),
            department_id: entry.department_id.map(|id| id.0),
            service: entry.service.map(Into::into),
            actor: entry.actor.into(),
            cause: entry.cause,
            request_id: entry.request_id.map(|id| id.0),
            reason: entry.reason,
            reason_commitment: entry.reason_commitment.map(Into::into),
            before: entry.before,
            after: entry.after,
        }
    }
}

problems!(HistoryProblems: MemberNotFound, UnknownService);

/// Lists the school's changes, newest first. A teacher sees only their own.
#[utoipa::path(get, path = "/v1/schools/{school}/history", responses(HistoryProblems))]
pub async fn list_history(
    caller: Caller<AllowedViewer<ReadActivity>>,
    uri: Uri,
    Query(query): Query<HistoryQuery>,
) -> Result<Page<HistoryAnswer>, Problem> {
    let filter = HistoryFilter {
        member_id: member_seen(caller.viewer(), query.member.map(MemberId))?,
        department_id: query.department.map(DepartmentId),
        service: requested_service(&caller.state.catalogue(), query.service)?,
        kind: query.kind.map(|kind| kind.0),
        before: query.cursor.map(|cursor| cursor.0),
        after: None,
    };
    let limit = query.limit.unwrap_or_default().0;
    let mut read = caller.read(ProjectionName::History, query.min_seq).await?;
    let page = read::page(&mut read, &filter, limit).await?;
    finish_known(read, page.seq).await?;
    Ok(Page::new(&uri, page))
}
