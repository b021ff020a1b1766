//! What a department has, what its members hold of that, and what is left.

use axum::extract::State;
use ledger_core::{DepartmentId, Refusal, SchoolState};
use ledger_projections::Viewer;
use ledger_projections::balance::closed::KnownPeriod;
use ledger_projections::balance::departments::{self, DepartmentBalance};
use ledger_projections::balance::of_state;
use utoipa::ToSchema;

use super::{BalanceQuery, period};
use crate::auth::AllowedViewer;
use crate::http::{DepartmentPath, Now, Path, Query};
use crate::openapi::{problems, schema};
use crate::problem::Problem;
use crate::reads::begin_balance_read;
use crate::state::AppState;
use crate::values::{PeriodAnswer, words};
use ledger_auth::ReadDepartmentBalance;

/// What a department has, and what is gone of it.
#[derive(Debug, ToSchema)]
#[schema(as = DepartmentBalance)]
#[allow(
    dead_code,
    reason = "it describes what balance::departments::DepartmentBalance is written as"
)]
pub struct DepartmentBalanceDocument {
    /// The event up to which the numbers count.
    #[schema(value_type = schema::Seq)]
    seq: i64,
    /// The billing cycle.
    period: PeriodAnswer,
    /// Which department.
    #[schema(value_type = Uuid)]
    department_id: DepartmentId,
    /// Whether it has ended.
    closed: bool,
    /// A row per service, in the order of their names.
    services: Vec<DepartmentLineDocument>,
}

/// What a department has of a service.
#[derive(Debug, ToSchema)]
#[schema(as = DepartmentLineBalance)]
#[allow(
    dead_code,
    reason = "it describes what balance::departments::DepartmentLineBalance is written as"
)]
pub struct DepartmentLineDocument {
    /// Of which service.
    #[schema(value_type = schema::ServiceId)]
    service: String,
    /// Allocated to the department, out of the pool.
    #[schema(value_type = schema::Quota)]
    allocated: i64,
    /// What its members hold of that.
    #[schema(value_type = schema::Quota)]
    to_members: i64,
    /// Neither held by its members nor drawn straight on the department.
    #[schema(value_type = schema::Quota)]
    unallocated: i64,
    /// Used by all its members.
    #[schema(value_type = schema::Units)]
    used: i64,
    /// Held by all its members for calls in flight.
    #[schema(value_type = schema::Units)]
    held: i64,
    /// allocated − used − held, never below zero.
    #[schema(value_type = schema::Quota)]
    available: i64,
    /// How the department ranks when units are short.
    #[schema(value_type = words::Priority)]
    priority: String,
    /// Whether it is granted again in the next period.
    auto_renew: bool,
}

problems!(DepartmentBalanceProblems: DepartmentNotFound, PeriodNotFound);

/// Reads what a department has, what its members hold of it, and what is left; a teacher reads that
/// of the department that he is in, and as of then that of the one which he was in.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/departments/{department}/balance",
    tag = "reads",
    params(DepartmentPath, BalanceQuery),
    responses(
        (status = 200, description = "The balance.", body = DepartmentBalanceDocument),
        DepartmentBalanceProblems,
    ),
)]
pub async fn read_department_balance(
    allowed: AllowedViewer<ReadDepartmentBalance>,
    State(state): State<AppState>,
    Path(path): Path<DepartmentPath>,
    Now(now): Now,
    Query(query): Query<BalanceQuery>,
) -> Result<axum::Json<DepartmentBalance>, Problem> {
    let department_id = DepartmentId(path.department);
    if let Some(past) = query.past(now)? {
        let (then, seq) = past.load(&state.database, allowed.school).await?;
        let balance = of_state::department(&then, department_id, seq);
        return known(
            balance.filter(|_| sees(allowed.viewer, &then, department_id)),
            department_id,
        );
    }
    let (caller, viewer) = (&allowed.credential, allowed.viewer);
    let mut read = begin_balance_read(&state, caller, viewer, query.min_seq, now).await?;
    let balance = match period(&mut read, query.period).await? {
        KnownPeriod::Current => departments::one(&mut read, department_id, now).await?,
        KnownPeriod::Closed(period) => {
            departments::one_closed(&mut read, department_id, period, now).await?
        }
    };
    read.finish().await?;
    known(balance, department_id)
}

/// Whether the viewer, as things were then, saw the department: who sees one member alone sees the
/// department which that one was in.
fn sees(viewer: Viewer, then: &SchoolState, department_id: DepartmentId) -> bool {
    viewer.member_id.is_none_or(|member| {
        let member = then.present_member(member).ok();
        member.is_some_and(|member| member.department_id == Some(department_id))
    })
}

fn known(
    balance: Option<DepartmentBalance>,
    department_id: DepartmentId,
) -> Result<axum::Json<DepartmentBalance>, Problem> {
    Ok(axum::Json(
        balance.ok_or(Refusal::DepartmentNotFound { department_id })?,
    ))
}
