//! Reads of balances, current and past.

use axum::extract::State;
use ledger_core::school::MemberStatus;
use ledger_core::{DepartmentId, Refusal, SchoolState, Timestamp};
use ledger_projections::balance::closed;
use ledger_projections::balance::period::{self, KnownPeriod};
use ledger_projections::balance::{departments, of_state, read as current};
use ledger_projections::{ProjectionName, TenantRead, Viewer};

use super::answers::{DepartmentBalance, MemberBalance, SchoolBalance};
use crate::auth::{Allowed, AllowedMember, AllowedViewer};
use crate::http::{DepartmentPath, MemberPath, Now, Path, Query, SchoolPath, query};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::reads::{AsOf, begin_balance_read, no_period_of, require_known};
use crate::state::AppState;
use crate::values::{Day, Instant, Position};
use ledger_auth::{ReadBalance, ReadDepartmentBalance, ReadMemberBalance};

query! {
    /// The period or the point in time of the balance.
    BalanceQuery {
        /// The billing period that contains this day, in the school's time zone; the current one if
        /// not given. Units held at the end of a period may settle into it later.
        period: Day,
        /// The balance right after this event.
        as_of_seq: Position,
        /// The balance at this instant.
        as_of: Instant,
    }
}

impl BalanceQuery {
    fn past(&self, now: Timestamp) -> Result<Option<AsOf>, Problem> {
        let past = AsOf::of(self.as_of_seq, self.as_of, now)?;
        if past.is_some() && self.period.is_some() {
            let detail = "give either period or as_of, not both";
            return Err(Problem::invalid(detail).at("period"));
        }
        Ok(past)
    }
}

problems!(SchoolBalanceProblems: PeriodNotFound);
problems!(DepartmentBalanceProblems: DepartmentNotFound, PeriodNotFound);
problems!(MemberBalanceProblems: MemberNotFound, PeriodNotFound);

/// Reads the school's totals, allocations and usage.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/balance",
    tag = "reads",
    params(SchoolPath, BalanceQuery),
    responses(
        (status = 200, description = "The balance.", body = SchoolBalance),
        SchoolBalanceProblems,
    ),
)]
pub async fn read_school_balance(
    allowed: Allowed<ReadBalance>,
    State(state): State<AppState>,
    Now(now): Now,
    Query(query): Query<BalanceQuery>,
) -> Result<axum::Json<SchoolBalance>, Problem> {
    let balance = if let Some(past) = query.past(now)? {
        let (then, seq) = past.load(&state.database, allowed.school).await?;
        of_state::school(&then, seq)
    } else {
        let (caller, viewer) = (&allowed.credential, allowed.viewer());
        let mut read = begin_balance_read(&state, caller, viewer, query.min_seq, now).await?;
        let balance = match period(&mut read, query.period).await? {
            KnownPeriod::Current => current::school(&mut read, now).await?,
            KnownPeriod::Closed(period) => closed::school(&mut read, period, now).await?,
        };
        read.finish().await?;
        balance
    };
    let balance = balance.ok_or(Refusal::SchoolNotFound)?;
    Ok(axum::Json(balance.into()))
}

/// Reads a department's allocations, those of its members, and what is left. A teacher reads only
/// their department at that time.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/departments/{department}/balance",
    tag = "reads",
    params(DepartmentPath, BalanceQuery),
    responses(
        (status = 200, description = "The balance.", body = DepartmentBalance),
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
    let balance = if let Some(past) = query.past(now)? {
        let (then, seq) = past.load(&state.database, allowed.school).await?;
        let balance = of_state::department(&then, department_id, seq);
        balance.filter(|_| is_visible(department_id, allowed.viewer, &then))
    } else {
        let (caller, viewer) = (&allowed.credential, allowed.viewer);
        let mut read = begin_balance_read(&state, caller, viewer, query.min_seq, now).await?;
        let balance = match period(&mut read, query.period).await? {
            KnownPeriod::Current => departments::one(&mut read, department_id, now).await?,
            KnownPeriod::Closed(period) => {
                departments::one_closed(&mut read, department_id, period, now).await?
            }
        };
        read.finish().await?;
        balance
    };
    let balance = balance.ok_or(Refusal::DepartmentNotFound { department_id })?;
    Ok(axum::Json(balance.into()))
}

/// Whether the viewer saw the department at that time: a viewer who sees one member sees that
/// member's department.
fn is_visible(department_id: DepartmentId, viewer: Viewer, then: &SchoolState) -> bool {
    viewer.member_id.is_none_or(|member| {
        let member = then.present_member(member).ok();
        member.is_some_and(|member| member.department_id == Some(department_id))
    })
}

/// Reads a member's accounts. A teacher reads only their own.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/members/{member}/balance",
    tag = "reads",
    params(MemberPath, BalanceQuery),
    responses(
        (status = 200, description = "The balance.", body = MemberBalance),
        MemberBalanceProblems,
    ),
)]
pub async fn read_member_balance(
    allowed: AllowedMember<ReadMemberBalance>,
    State(state): State<AppState>,
    Now(now): Now,
    Query(query): Query<BalanceQuery>,
) -> Result<axum::Json<MemberBalance>, Problem> {
    let member = allowed.member;
    let balance = if let Some(past) = query.past(now)? {
        let (then, seq) = past.load(&state.database, allowed.school).await?;
        of_state::member(&then, member, seq)
    } else {
        let (caller, viewer) = (&allowed.credential, allowed.viewer);
        let mut read = begin_balance_read(&state, caller, viewer, query.min_seq, now).await?;
        let balance = match period(&mut read, query.period).await? {
            KnownPeriod::Current => current::member(&mut read, member, now).await?,
            KnownPeriod::Closed(period) => closed::member(&mut read, member, period, now).await?,
        };
        read.finish().await?;
        balance
    };
    let present = balance.filter(|balance| balance.status != MemberStatus::Removed);
    let member_id = Some(member);
    let balance = present.ok_or(Refusal::MemberNotFound { member_id })?;
    Ok(axum::Json(balance.into()))
}

async fn period(read: &mut TenantRead, day: Option<Day>) -> Result<KnownPeriod, Problem> {
    let Some(day) = day else {
        return Ok(KnownPeriod::Current);
    };
    let seq = read.seq_of(ProjectionName::Balance).await?;
    require_known(read, seq).await?;
    let period = period::find(read, day.0).await?;
    period.ok_or_else(|| no_period_of(day))
}
