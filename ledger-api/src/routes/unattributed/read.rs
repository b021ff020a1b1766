//! Reads of unattributed usage.

use axum::http::Uri;
use ledger_core::Seq;
use ledger_projections::{ProjectionName, unattributed};

use super::answers::UnattributedAnswer;
use crate::http::SeqCursor;
use crate::routes::prelude::*;
use ledger_auth::permission::ReadLog;

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
#[utoipa::path(get, path = "/v1/schools/{school}/unattributed")]
pub async fn list_unattributed(
    caller: Caller<Allowed<ReadLog>>,
    uri: Uri,
    Query(query): Query<UnattributedQuery>,
) -> Result<Page<UnattributedAnswer>, Problem> {
    let after = query.cursor.map_or(Seq::ZERO, |cursor| cursor.0);
    let limit = query.limit.unwrap_or_default().0;
    let mut read = caller
        .read(ProjectionName::Unattributed, query.min_seq)
        .await?;
    let page = unattributed::read::page(&mut read, after, limit).await?;
    finish_known(read, page.seq).await?;
    Ok(Page::new(&uri, page))
}
