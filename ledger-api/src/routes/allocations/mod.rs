//! Allocations of members and departments: set alone, in a batch, or from a table.

mod answers;
mod bodies;
pub mod read;

use axum::extract::State;
use ledger_core::{DepartmentId, MemberId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::allocation_csv::{Import, ImportAnswer, Table};
use crate::auth::Allowed;
use crate::command::RequestMeta;
use crate::http::{
    AllocationPath, DepartmentAllocationPath, IdempotencyKey, Json, Path, Query, SchoolPath,
    Written,
};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::AppState;
use crate::values::Reason;
use answers::{AllocationAnswer, BatchAnswer};
use bodies::{AllocationBody, AllocationSchema, AllocationTable, BatchBody, TableBody};
use ledger_auth::Allocate;

problems!(
    AllocationProblems: MemberNotFound, PlanRequired, UnknownService, AmountOutOfRange,
    PoolExceeded, MemberCapExceeded, AllocationBelowUsage,
);
problems!(
    DepartmentAllocationProblems: DepartmentNotFound, PlanRequired, UnknownService,
    AmountOutOfRange, PoolExceeded, TotalBelowAllocated,
);

/// Sets a member's allocation of a service: the units, the terms, or both. By default each is
/// unchanged.
#[utoipa::path(
    put,
    path = "/v1/schools/{school}/members/{member}/allocations/{service}",
    tag = "allocations",
    params(AllocationPath, IdempotencyKey),
    request_body = AllocationSchema,
    responses(
        (status = 200, description = "The member's allocation.", body = AllocationAnswer),
        AllocationProblems,
    ),
)]
pub async fn set_allocation(
    allowed: Allowed<Allocate>,
    State(state): State<AppState>,
    Path(path): Path<AllocationPath>,
    meta: RequestMeta,
    Json(body): Json<AllocationBody>,
) -> Result<Written<AllocationAnswer>, Problem> {
    let holder = (MemberId(path.member).into(), path.service);
    let envelope = body.into_envelope(holder, allowed.actor(), &meta)?;
    let receipt = state.submit(allowed.school, envelope).await?;
    Ok(Written::ok(&receipt, answers::allocated(&receipt)?))
}

/// Sets a department's allocation of a service: the units, the terms, or both. By default each is
/// unchanged. The pool funds the department's allocation, which funds those of its members.
#[utoipa::path(
    put,
    path = "/v1/schools/{school}/departments/{department}/allocations/{service}",
    tag = "allocations",
    params(DepartmentAllocationPath, IdempotencyKey),
    request_body = AllocationSchema,
    responses(
        (status = 200, description = "The department's allocation.", body = AllocationAnswer),
        DepartmentAllocationProblems,
    ),
)]
pub async fn set_department_allocation(
    allowed: Allowed<Allocate>,
    State(state): State<AppState>,
    Path(path): Path<DepartmentAllocationPath>,
    meta: RequestMeta,
    Json(body): Json<AllocationBody>,
) -> Result<Written<AllocationAnswer>, Problem> {
    let holder = (DepartmentId(path.department).into(), path.service);
    let envelope = body.into_envelope(holder, allowed.actor(), &meta)?;
    let receipt = state.submit(allowed.school, envelope).await?;
    Ok(Written::ok(&receipt, answers::allocated(&receipt)?))
}

problems!(BatchProblems: PlanRequired, BatchRefused);

/// Changes many allocations: all or none, whatever the order of the items.
///
/// If items are refused, the problem's `errors` have the `index` and the reason of each. With
/// `dry_run` the answer is a preview and nothing is changed.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/allocations/batch",
    tag = "allocations",
    params(SchoolPath, IdempotencyKey),
    request_body = BatchBody,
    responses(
        (status = 200, description = "The changes, or their preview.", body = BatchAnswer),
        BatchProblems,
    ),
)]
pub async fn allocate_batch(
    allowed: Allowed<Allocate>,
    State(state): State<AppState>,
    meta: RequestMeta,
    Json(body): Json<BatchBody>,
) -> Result<Written<BatchAnswer>, Problem> {
    let (dry_run, index) = (body.dry_run, body.index(&state.catalogue()));
    let envelope = body.into_envelope(allowed.actor(), &meta)?;
    let receipt = state.submit(allowed.school, envelope).await?;
    Ok(Written::ok(
        &receipt,
        answers::batch(&receipt, dry_run, index),
    ))
}

/// The query of an import.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ImportQuery {
    /// The reason.
    #[param(inline)]
    reason: Reason,
    /// Whether to preview the changes without making them.
    #[serde(default)]
    #[param(required = false)]
    dry_run: bool,
}

problems!(ImportProblems: PlanRequired, UnreadableTable, BatchRefused);

/// Sets the allocations of many members and departments from a table in the form of the export: all
/// rows or none.
///
/// The columns `service`, `units` and one of `member_id`, `external_id` and `department_id` are
/// required. A row names a department or a member; `member_id` takes precedence over `external_id`.
/// `priority` and `auto_renew` are unchanged if the column is missing or the cell is empty.
/// `display_name`, `used` and `held` are ignored; any other column is refused. If rows are refused,
/// the problem's `errors` have the `line`, the `column` and the reason of each. Holders without a
/// row keep their allocations. Needs a plan with advanced management.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/allocations.csv",
    tag = "allocations",
    params(SchoolPath, ImportQuery, IdempotencyKey),
    request_body(content = AllocationTable, content_type = "text/csv"),
    responses(
        (status = 200, description = "The changes, or their preview.", body = ImportAnswer),
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
        reason: query.reason.0,
        dry_run: query.dry_run,
    };
    let (school, actor, catalogue) = (allowed.school, allowed.actor(), state.catalogue());
    let envelope = import.envelope(&key.0, actor, now.0)?;
    let receipt = state.writer.submit(school, envelope).await?;
    let receipt = receipt.map_err(|refused| Problem::from(import.refused(refused)))?;
    if !import.dry_run {
        state.own_writes.note(school, actor.id, receipt.seq).await;
    }
    Ok(Written::ok(&receipt, import.answer(&receipt, &catalogue)))
}
