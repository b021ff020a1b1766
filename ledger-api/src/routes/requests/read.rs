//! Reads of requests.

use axum::Json as JsonAnswer;
use axum::http::Uri;
use ledger_core::{MemberId, Refusal, RequestId};
use ledger_projections::requests::read::RequestsFilter;
use ledger_projections::{ProjectionName, requests};
use uuid::Uuid;

use super::answers::{Request, RequestsAnswer};
use crate::http::RequestCursor;
use crate::reads::member_seen;
use crate::routes::prelude::*;
use crate::values::RequestStatus;
use ledger_auth::permission::ReadActivity;

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
#[utoipa::path(get, path = "/v1/schools/{school}/requests", responses(ListProblems))]
pub async fn list_requests(
    caller: Caller<AllowedViewer<ReadActivity>>,
    uri: Uri,
    Query(query): Query<RequestsQuery>,
) -> Result<Page<RequestsAnswer>, Problem> {
    let filter = RequestsFilter {
        status: query.status.map(|status| status.0),
        member_id: member_seen(caller.viewer(), query.member_id.map(MemberId))?,
        after: query.cursor.map(|cursor| cursor.0),
    };
    let limit = query.limit.unwrap_or_default().0;
    let mut read = caller.read(ProjectionName::Requests, query.min_seq).await?;
    let page = requests::read::page(&mut read, &filter, limit, caller.now).await?;
    finish_known(read, page.seq).await?;
    Ok(Page::new(&uri, page))
}

query! {
    /// The freshness of the read.
    RequestQuery {}
}

/// Reads a request. A teacher reads only their own.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/requests/{request}",
    responses(ReadProblems)
)]
pub async fn read_request(
    caller: Caller<AllowedViewer<ReadActivity>>,
    Path(path): Path<RequestPath>,
    Query(query): Query<RequestQuery>,
) -> Result<Versioned<JsonAnswer<Request>>, Problem> {
    let request_id = RequestId(path.request);
    let mut read = caller.read(ProjectionName::Requests, query.min_seq).await?;
    let request = requests::read::request(&mut read, request_id, caller.now).await?;
    read.finish().await?;
    let request = request.ok_or(Refusal::RequestNotFound { request_id })?;
    Ok(Versioned(request.version, JsonAnswer(request.into())))
}
