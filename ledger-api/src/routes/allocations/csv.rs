//! All allocations of a school as a table: handed out, and taken in again.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use ledger_projections::ProjectionName;
use serde::Deserialize;
use utoipa::IntoParams;

use super::csv_body::{AllocationTable, CSV, TableBody};
use crate::allocation_csv::{AllocationPages, Import, ImportAnswer, Table};
use crate::auth::Allowed;
use crate::command::RequestMeta;
use crate::http::{IdempotencyKey, LEDGER_SEQ, Now, Query, SchoolPath, Written, query};
use crate::openapi::{problems, schema};
use crate::problem::Problem;
use crate::reads::{begin_balance_read, require_known};
use crate::state::AppState;
use ledger_auth::{Allocate, ReadSchool};

query! {
    /// How fresh the table must be.
    ExportQuery {}
}

/// Hands out what every department and every member holds of every service, as a table (CSV, RFC
/// 4180).
///
/// A line for each holder and service, departments first, in the order of their ids, all as of one
/// instant: a department's has a `department_id`, a member's a `member_id`. A text
/// that a spreadsheet would take for a formula has a `'` before it, which an import takes off
/// again. In a school whose members draw on the pool there is the header alone. A table that breaks
/// off ends the connection, so that it cannot be taken for a whole one.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/allocations.csv",
    tag = "allocations",
    params(SchoolPath, ExportQuery),
    responses(
        (status = 200, description = "The table.", body = AllocationTable,
            content_type = "text/csv", headers(("Ledger-Seq" = i64,
                description = "The event up to which the table counts."))),
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

/// How a table is to be taken in.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ImportQuery {
    /// Why.
    #[param(value_type = schema::Reason, inline)]
    reason: String,
    /// Whether to tell what would come of it, and do nothing.
    #[serde(default)]
    #[param(required = false)]
    dry_run: bool,
}

problems!(ImportProblems: PlanRequired, UnreadableTable, BatchRefused);

/// Sets what many members and departments hold, from a table in the form of the export: all rows or none.
///
/// Needed are the columns `service`, `units` and one of `member_id`, `external_id` and
/// `department_id`. A row is a department's or a member's; of a member's two ids the first that is
/// filled in counts. `priority` and `auto_renew` can be left out or empty, and
/// then stay. `display_name`, `used` and `held` inform only. Any other column is refused. When rows
/// are refused, the problem's `errors` say which, by `line` and `column`, and why. Who is not named
/// keeps what he holds. Needs a plan with advanced management.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/allocations.csv",
    tag = "allocations",
    params(SchoolPath, ImportQuery, IdempotencyKey),
    request_body(content = AllocationTable, content_type = "text/csv"),
    responses(
        (status = 200, description = "What changed, or would.", body = ImportAnswer),
        ImportProblems,
    ),
)]
pub async fn import_allocations(
    allowed: Allowed<Allocate>,
    State(state): State<AppState>,
    RequestMeta { now, key }: RequestMeta,
    Query(query): Query<ImportQuery>,
    TableBody(bytes): TableBody,
) -> Result<Written<ImportAnswer>, Problem> {
    let import = Import {
        table: Table::read(&bytes).map_err(Problem::from)?,
        reason: query.reason,
        dry_run: query.dry_run,
    };
    let (school, actor, catalogue) = (allowed.school, allowed.actor(), state.catalogue());
    let request = import.request(key.0, actor, now.0)?;
    let receipt = state.writer.submit(school, request).await?;
    let receipt = receipt.map_err(|refused| Problem::from(import.refused(refused)))?;
    if !import.dry_run {
        state.own_writes.note(school, actor.id, receipt.seq).await;
    }
    Ok(Written::ok(&receipt, import.answer(&receipt, &catalogue)))
}
