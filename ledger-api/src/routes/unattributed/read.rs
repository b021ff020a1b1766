//! Reads of unattributed usage.

use axum::extract::State;
use axum::http::Uri;
use ledger_core::Seq;
use ledger_projections::{ProjectionName, unattributed};

use super::answers::UnattributedAnswer;
use crate::auth::Allowed;
use crate::http::{Page, PageLimit, Query, SchoolPath, SeqCursor, query};
use crate::limits::PAGE_DEFAULT;
use crate::problem::Problem;
use crate::reads::{begin_read, require_known};
use crate::state::AppState;
use ledger_auth::ReadLog;

query! {
    /// The unattributed usage to list.
    UnattributedQuery {
        /// The `next` of the previous page.
        cursor: SeqCursor,
        /// The maximum number of rows; 100 if not given.
        limit: PageLimit,
    }
}

/// Lists unattributed usage, oldest first.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/unattributed",
    tag = "reads",
    params(SchoolPath, UnattributedQuery),
    responses(
        (status = 200, description = "Unattributed usage.", body = UnattributedAnswer,
            headers(("Link" = String, description = "The next page, if any (RFC 8288)."))),
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
    let answer = UnattributedAnswer::from(page);
    Ok(Page::new(&uri, answer.next, answer))
}
