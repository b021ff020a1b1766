//! The export of allocations.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use ledger_projections::ProjectionName;

use super::bodies::AllocationTable;
use crate::allocation_csv::AllocationPages;
use crate::auth::Allowed;
use crate::http::{LEDGER_SEQ, Now, Query, SchoolPath, query};
use crate::problem::Problem;
use crate::reads::{begin_balance_read, require_known};
use crate::state::AppState;
use ledger_auth::ReadSchool;

/// The media type of a table (RFC 7111).
const CSV: &str = "text/csv; charset=utf-8";

query! {
    /// The freshness of the table.
    ExportQuery {}
}

/// Exports the allocations of all departments and members as a table (CSV, RFC 4180).
///
/// One line per holder and service, departments first, in the order of their ids, all as of one
/// instant: a department's line has a `department_id`, a member's a `member_id`. A text that a
/// spreadsheet would evaluate as a formula begins with `'`, which an import removes. In a school
/// whose members draw on the pool the table has only its header. If the export fails midway, the
/// connection is closed, so that an incomplete table is detected.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/allocations.csv",
    tag = "allocations",
    params(SchoolPath, ExportQuery),
    responses(
        (status = 200, description = "The table.", body = AllocationTable,
            content_type = "text/csv", headers(("Ledger-Seq" = i64,
                description = "The last event included."))),
    ),
)]
pub async fn export_allocations(
    allowed: Allowed<ReadSchool>,
    State(state): State<AppState>,
    Now(now): Now,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem> {
    let (caller, viewer) = (&allowed.credential, allowed.viewer());
    let mut read = begin_balance_read(&state, caller, viewer, query.min_seq, now).await?;
    let seq = read.seq_of(ProjectionName::Balance).await?;
    require_known(&mut read, seq).await?;
    let file = format!(
        "attachment; filename=\"allocations-{}.csv\"",
        allowed.school
    );
    let headers = [
        (CONTENT_TYPE, CSV.to_owned()),
        (CONTENT_DISPOSITION, file),
        (LEDGER_SEQ, seq.to_string()),
    ];
    let pages = AllocationPages::new(read, now).into_stream();
    Ok((headers, Body::from_stream(pages)).into_response())
}
