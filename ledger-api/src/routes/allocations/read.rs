//! The export of allocations.

use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use ledger_projections::ProjectionName;

use super::bodies::AllocationTable;
use crate::allocation_csv::AllocationPages;
use crate::http::LEDGER_SEQ;
use crate::reads::require_known;
use crate::routes::prelude::*;
use ledger_auth::permission::ReadSchool;

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
    responses(
        (status = 200, description = "The table.", body = AllocationTable,
            content_type = "text/csv", headers(("Ledger-Seq" = i64,
                description = "The last event included."))),
    ),
)]
pub async fn export_allocations(
    caller: Caller<Allowed<ReadSchool>>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem> {
    let mut read = caller.read_balances(query.min_seq).await?;
    let seq = read.seq_of(ProjectionName::Balance).await?;
    require_known(&mut read, seq).await?;
    let school = caller.school();
    let file = format!("attachment; filename=\"allocations-{school}.csv\"");
    let headers = [
        (CONTENT_TYPE, CSV.to_owned()),
        (CONTENT_DISPOSITION, file),
        (LEDGER_SEQ, seq.to_string()),
    ];
    let pages = AllocationPages::new(read, caller.now).into_stream();
    Ok((headers, Body::from_stream(pages)).into_response())
}
