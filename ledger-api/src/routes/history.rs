//! History: who changed what, why, from what to what.

use axum::extract::State;
use axum::http::Uri;
use ledger_core::catalog::Kind;
use ledger_core::{DepartmentId, MemberId, Seq};
use ledger_projections::history::History;
use ledger_projections::history::read::{HistoryEntry, HistoryFilter};
use ledger_projections::{Projection as _, ProjectionName, history};
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::viewed::{member_seen, service_asked};
use crate::auth::AllowedViewer;
use crate::http::{Page, PageLimit, Query, SchoolPath, SeqCursor, query};
use crate::limits::PAGE_DEFAULT;
use crate::openapi::{problems, schema};
use crate::problem::Problem;
use crate::reads::{begin_read, require_known};
use crate::state::AppState;
use crate::values::{Actor, ServiceName, words};
use ledger_auth::ReadActivity;

/// The type of an event that the history shows.
#[derive(Clone, Copy, Debug)]
pub struct ChangeType(Kind);

impl<'de> Deserialize<'de> for ChangeType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let mut kinds = History.kinds().unwrap_or_default().iter();
        kinds
            .find(|kind| kind.as_str() == text)
            .map(|kind| Self(*kind))
            .ok_or_else(|| de::Error::custom("kind is none of the types of changes"))
    }
}

impl PartialSchema for ChangeType {
    fn schema() -> RefOr<Schema> {
        words::ChangeType::schema()
    }
}

impl ToSchema for ChangeType {}

query! {
    /// Which changes to list.
    HistoryQuery {
        /// Where to go on, as the page before said.
        cursor: SeqCursor,
        /// At most so many, and one more where a transfer would be cut in two; 100 when not given.
        limit: PageLimit,
        /// Those that concern this member.
        member: Uuid,
        /// Those about this department, the allocations of its members, and who came and went.
        department: Uuid,
        /// Those of this service, by name or alias.
        service: ServiceName,
        /// Those of this type.
        kind: ChangeType,
    }
}

/// Changes, newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HistoryAnswer {
    /// The event up to which the history counts.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The changes, as they concern a member or the school: a transfer is one for each of the two.
    #[schema(value_type = Vec<EntryDocument>)]
    entries: Vec<HistoryEntry>,
    /// The `cursor` of the next page; none when this is the last.
    #[schema(required)]
    next: Option<SeqCursor>,
}

/// A change, as it concerns one member or the school.
#[derive(Debug, ToSchema)]
#[schema(as = HistoryEntry)]
#[allow(
    dead_code,
    reason = "it describes what history::read::HistoryEntry is written as"
)]
pub struct EntryDocument {
    /// The event's position in the school's log.
    #[schema(value_type = schema::Seq)]
    seq: i64,
    /// When it was recorded.
    #[schema(value_type = schema::Instant)]
    recorded_at: String,
    /// The event's type.
    #[schema(value_type = words::ChangeType)]
    r#type: String,
    /// Whom it concerns; none: a department or the school.
    #[schema(required)]
    member_id: Option<Uuid>,
    /// The department that it concerns; of a member's allocation the one out of which it comes; none
    /// without a member: the school.
    #[schema(required)]
    department_id: Option<Uuid>,
    /// Of which service.
    #[schema(value_type = Option<schema::ServiceId>, required)]
    service: Option<String>,
    /// Who did it.
    actor: Actor,
    /// What it came out of, when it was not asked for by itself.
    #[schema(required)]
    cause: Option<String>,
    /// The request that it is about, or came out of.
    #[schema(required)]
    request_id: Option<Uuid>,
    /// Why, as it was written; none when nobody said, it was erased, or is not for the reader.
    #[schema(required)]
    reason: Option<String>,
    /// The commitment to why, as the event holds it.
    #[schema(value_type = Option<words::Commitment>, required)]
    reason_commitment: Option<String>,
    /// How it was; none when there was nothing, or the event does not say.
    #[schema(value_type = Option<Object>, required)]
    before: Option<String>,
    /// How it is since.
    #[schema(value_type = Option<Object>, required)]
    after: Option<String>,
}

problems!(HistoryProblems: MemberNotFound, UnknownService);

/// Lists the school's changes, newest first; a teacher sees those that concern himself.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/history",
    tag = "reads",
    params(SchoolPath, HistoryQuery),
    responses(
        (status = 200, description = "Changes.", body = HistoryAnswer,
            headers(("Link" = String, description = "The next page, if there is one (RFC 8288)."))),
        HistoryProblems,
    ),
)]
pub async fn list_history(
    allowed: AllowedViewer<ReadActivity>,
    State(state): State<AppState>,
    uri: Uri,
    Query(query): Query<HistoryQuery>,
) -> Result<Page<HistoryAnswer>, Problem> {
    let (caller, viewer) = (&allowed.credential, allowed.viewer);
    let filter = HistoryFilter {
        member_id: member_seen(viewer, query.member.map(MemberId))?,
        department_id: query.department.map(DepartmentId),
        service: service_asked(&state.catalogue(), query.service)?,
        kind: query.kind.map(|kind| kind.0),
        before: query.cursor.map(|cursor| cursor.0),
        after: None,
    };
    let limit = query.limit.map_or(PAGE_DEFAULT, |limit| limit.0);
    let name = ProjectionName::History;
    let mut read = begin_read(&state, caller, viewer, name, query.min_seq).await?;
    let page = history::read::page(&mut read, &filter, limit).await?;
    require_known(&mut read, page.seq).await?;
    read.finish().await?;
    let (seq, entries) = (page.seq, page.entries);
    let next = page.next_before.map(SeqCursor);
    Ok(Page::new(&uri, next, HistoryAnswer { seq, entries, next }))
}
