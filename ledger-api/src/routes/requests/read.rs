//! Requests are read.

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::IntoResponse;
use ledger_core::request::RequestStatus;
use ledger_core::{MemberId, Refusal, RequestId};
use ledger_projections::requests::read::RequestsFilter;
use ledger_projections::{ProjectionName, requests};
use serde::Deserialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::answers::{RequestDocument, RequestsAnswer};
use crate::auth::AllowedViewer;
use crate::http::{
    Now, Page, PageLimit, Path, Query, RequestCursor, RequestPath, SchoolPath, etag, query,
};
use crate::limits::PAGE_DEFAULT;
use crate::openapi::problems;
use crate::problem::Problem;
use crate::reads::{begin_read, require_known};
use crate::routes::viewed::member_seen;
use crate::state::AppState;
use crate::values::words;
use ledger_auth::ReadActivity;

/// How it stands with the requests that are listed.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
pub struct StatusAsked(RequestStatus);

impl PartialSchema for StatusAsked {
    fn schema() -> RefOr<Schema> {
        words::RequestStatus::schema()
    }
}

impl ToSchema for StatusAsked {}

query! {
    /// Which requests to list.
    RequestsQuery {
        /// Where to go on, as the page before said.
        cursor: RequestCursor,
        /// At most so many; 100 when not given.
        limit: PageLimit,
        /// Those with which it stands so now.
        status: StatusAsked,
        /// Those of this member.
        member_id: Uuid,
    }
}

problems!(ListProblems: MemberNotFound);
problems!(ReadProblems: MemberNotFound, RequestNotFound);

/// Lists the school's requests; a teacher sees his own.
///
/// With `status=pending` they are a queue, the most urgent first and then the oldest; otherwise the
/// newest come first. What has run out is `expired` at once.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/requests",
    tag = "requests",
    params(SchoolPath, RequestsQuery),
    responses(
        (status = 200, description = "Requests.", body = RequestsAnswer,
            headers(("Link" = String, description = "The next page, if there is one (RFC 8288)."))),
        ListProblems,
    ),
)]
pub async fn list_requests(
    allowed: AllowedViewer<ReadActivity>,
    State(state): State<AppState>,
    Now(now): Now,
    uri: Uri,
    Query(query): Query<RequestsQuery>,
) -> Result<Page<RequestsAnswer>, Problem> {
    let (caller, viewer) = (&allowed.credential, allowed.viewer);
    let filter = RequestsFilter {
        status: query.status.map(|status| status.0),
        member_id: member_seen(viewer, query.member_id.map(MemberId))?,
        after: query.cursor.map(|cursor| cursor.0),
    };
    let limit = query.limit.map_or(PAGE_DEFAULT, |limit| limit.0);
    let name = ProjectionName::Requests;
    let mut read = begin_read(&state, caller, viewer, name, query.min_seq).await?;
    let page = requests::read::page(&mut read, &filter, limit, now).await?;
    require_known(&mut read, page.seq).await?;
    read.finish().await?;
    let answer = RequestsAnswer::from(page);
    Ok(Page::new(&uri, answer.next, answer))
}

query! {
    /// How a request is read.
    RequestQuery {}
}

/// Reads a request; a teacher his own only.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/requests/{request}",
    tag = "requests",
    params(RequestPath, RequestQuery),
    responses(
        (status = 200, description = "The request.", body = RequestDocument,
            headers(("ETag" = String, description = "The version of the request."))),
        ReadProblems,
    ),
)]
pub async fn read_request(
    allowed: AllowedViewer<ReadActivity>,
    State(state): State<AppState>,
    Path(path): Path<RequestPath>,
    Now(now): Now,
    Query(query): Query<RequestQuery>,
) -> Result<impl IntoResponse, Problem> {
    let (caller, viewer) = (&allowed.credential, allowed.viewer);
    let request_id = RequestId(path.request);
    let name = ProjectionName::Requests;
    let mut read = begin_read(&state, caller, viewer, name, query.min_seq).await?;
    let request = requests::read::request(&mut read, request_id, now).await?;
    read.finish().await?;
    let request = request.ok_or(Refusal::RequestNotFound { request_id })?;
    Ok(([(header::ETAG, etag(request.version))], JsonAnswer(request)))
}
