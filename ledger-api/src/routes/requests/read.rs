//! Reads of requests.

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::IntoResponse;
use ledger_core::{MemberId, Refusal, RequestId};
use ledger_projections::requests::read::RequestsFilter;
use ledger_projections::{ProjectionName, requests};
use uuid::Uuid;

use super::answers::{Request, RequestsAnswer};
use crate::auth::AllowedViewer;
use crate::http::{
    Now, Page, PageLimit, Path, Query, RequestCursor, RequestPath, SchoolPath, etag, query,
};
use crate::limits::PAGE_DEFAULT;
use crate::openapi::problems;
use crate::problem::Problem;
use crate::reads::{begin_read, member_seen, require_known};
use crate::state::AppState;
use crate::values::RequestStatus;
use ledger_auth::ReadActivity;

query! {
    /// The requests to list.
    RequestsQuery {
        /// The `next` of the previous page.
        cursor: RequestCursor,
        /// The maximum number of requests; 100 if not given.
        limit: PageLimit,
        /// Only requests that have this status now.
        status: RequestStatus,
        /// Only requests of this member.
        member_id: Uuid,
    }
}

problems!(ListProblems: MemberNotFound);
problems!(ReadProblems: MemberNotFound, RequestNotFound);

/// Lists the school's requests. A teacher sees their own.
///
/// With `status=pending` the order is by urgency, then oldest first; otherwise newest first. A
/// request past its expiry is `expired`.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/requests",
    tag = "requests",
    params(SchoolPath, RequestsQuery),
    responses(
        (status = 200, description = "Requests.", body = RequestsAnswer,
            headers(("Link" = String, description = "The next page, if any (RFC 8288)."))),
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
    /// The freshness of the read.
    RequestQuery {}
}

/// Reads a request. A teacher reads only their own.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/requests/{request}",
    tag = "requests",
    params(RequestPath, RequestQuery),
    responses(
        (status = 200, description = "The request.", body = Request,
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
    let version = [(header::ETAG, etag(request.version))];
    Ok((version, JsonAnswer(Request::from(request))))
}
