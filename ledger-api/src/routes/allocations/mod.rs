//! Allocations of members and departments: set alone, in a batch, or from a table.

mod answers;
mod bodies;
pub mod read;

use ledger_core::{DepartmentId, MemberId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::allocation_csv::{Import, ImportAnswer, Table};
use crate::routes::prelude::*;
use crate::values::Reason;
use answers::{AllocationAnswer, BatchAnswer};
use bodies::{AllocationSchema, BatchBody, TableBody};
use ledger_auth::permission::Allocate;

problems!(
    AllocationProblems: MemberNotFound, PlanRequired, UnknownService, AmountOutOfRange,
    PoolExceeded, MemberCapExceeded, AllocationBelowUsage,
);
problems!(
    DepartmentAllocationProblems: DepartmentNotFound, PlanRequired, UnknownService,
    AmountOutOfRange, PoolExceeded, TotalBelowAllocated,
);
problems!(BatchProblems: PlanRequired, BatchRefused);
problems!(ImportProblems: PlanRequired, UnreadableTable, BatchRefused);

/// Declares a route that sets the allocation of a holder.
macro_rules! allocation_route {
    (
        $(#[doc = $doc:literal])* $name:ident, $path:literal, $problems:ident,
        $form:ident => $holder:expr
    ) => {
        $(#[doc = $doc])*
        #[utoipa::path(put, path = $path, responses($problems))]
        pub async fn $name(
            issuer: Issuer<Allowed<Allocate>>,
            Path(path): Path<$form>,
            Json(Constrained(body)): Json<AllocationSchema>,
        ) -> Result<Written<AllocationAnswer>, Problem> {
            let holder: fn(&$form) -> _ = $holder;
            let account = (holder(&path), path.service);
            let receipt = issuer.submit(body.into_envelope(account, &issuer.origin)?).await?;
            Ok(Written::new(&receipt, answers::allocated(&receipt)?))
        }
    };
}

allocation_route! {
    /// Sets a member's allocation of a service: the units, the terms, or both. By default each is
    /// unchanged.
    set_allocation, "/v1/schools/{school}/members/{member}/allocations/{service}",
    AllocationProblems, AllocationPath => |path| MemberId(path.member).into()
}

allocation_route! {
    /// Sets a department's allocation of a service: the units, the terms, or both. By default each
    /// is unchanged. The pool funds the department's allocation, which funds those of its members.
    set_department_allocation,
    "/v1/schools/{school}/departments/{department}/allocations/{service}",
    DepartmentAllocationProblems,
    DepartmentAllocationPath => |path| DepartmentId(path.department).into()
}

/// Changes many allocations: all or none, whatever the order of the items.
///
/// If items are refused, the problem's `errors` have the `index` and the reason of each. With
/// `dry_run` the answer is a preview and nothing is changed.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/allocations/batch",
    responses(BatchProblems)
)]
pub async fn allocate_batch(
    issuer: Issuer<Allowed<Allocate>>,
    Json(body): Json<BatchBody>,
) -> Result<Written<BatchAnswer>, Problem> {
    let (dry_run, index) = (body.dry_run, body.index(&issuer.state.catalogue()));
    let receipt = issuer.submit(body.into_envelope(&issuer.origin)?).await?;
    let answer = answers::batch(&receipt, dry_run, index);
    Ok(Written::new(&receipt, answer))
}

/// The query of an import.
#[derive(Debug, Deserialize, IntoParams)]
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
    responses(ImportProblems)
)]
pub async fn import_allocations(
    issuer: Issuer<Allowed<Allocate>>,
    Query(query): Query<ImportQuery>,
    TableBody(bytes): TableBody,
) -> Result<Written<ImportAnswer>, Problem> {
    let import = Import {
        table: Table::read(&bytes).map_err(Problem::from)?,
        reason: query.reason.0,
        dry_run: query.dry_run,
    };
    let (state, origin, school) = (&issuer.state, &issuer.origin, issuer.school());
    let envelope = import.envelope(&origin.key.0, origin.actor, origin.now)?;
    let receipt = state.writer.submit(school, envelope).await?;
    let receipt = receipt.map_err(|refused| Problem::from(import.refused(refused)))?;
    if !import.dry_run {
        let own_writes = &state.own_writes;
        own_writes.note(school, origin.actor.id, receipt.seq).await;
    }
    let answer = import.answer(&receipt, &state.catalogue());
    Ok(Written::new(&receipt, answer))
}
