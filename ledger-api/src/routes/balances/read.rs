//! Reads of balances, current and past.

use ledger_core::school::MemberStatus;
use ledger_core::{DepartmentId, Refusal, SchoolState, Seq};
use ledger_projections::balance::closed;
use ledger_projections::balance::period::{self, ClosedPeriod, KnownPeriod};
use ledger_projections::balance::{departments, of_state, read as current};
use ledger_projections::{ProjectionName, ReadError, TenantRead, Viewer};

use super::answers::{DepartmentBalance, MemberBalance, SchoolBalance};
use crate::auth::SchoolPermit;
use crate::reads::{AsOf, no_period_of, require_known};
use crate::routes::prelude::*;
use crate::values::{Day, Instant, Position};
use ledger_auth::permission::{ReadBalance, ReadDepartmentBalance, ReadMemberBalance};

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

/// The state of the accounts that a query asks for.
enum Asked {
    /// A point in the past, with its last event.
    Past(Box<SchoolState>, Seq),
    /// The open period.
    Current(TenantRead),
    /// A closed period.
    Closed(TenantRead, ClosedPeriod),
}

impl BalanceQuery {
    async fn asked<P: SchoolPermit>(&self, caller: &Caller<P>) -> Result<Asked, Problem> {
        if let Some(past) = AsOf::of(self.as_of_seq, self.as_of, caller.now)? {
            if self.period.is_some() {
                let detail = "give either period or as_of, not both";
                return Err(Problem::invalid(detail).at("period"));
            }
            let (then, seq) = past.load(&caller.state.database, caller.school()).await?;
            return Ok(Asked::Past(Box::new(then), seq));
        }
        let mut read = caller.read_balances(self.min_seq).await?;
        let Some(day) = self.period else {
            return Ok(Asked::Current(read));
        };
        let seq = read.seq_of(ProjectionName::Balance).await?;
        require_known(&mut read, seq).await?;
        let period = period::find(&mut read, day.0).await?;
        Ok(match period.ok_or_else(|| no_period_of(day))? {
            KnownPeriod::Current => Asked::Current(read),
            KnownPeriod::Closed(period) => Asked::Closed(read, period),
        })
    }
}

problems!(SchoolBalanceProblems: PeriodNotFound);
problems!(DepartmentBalanceProblems: DepartmentNotFound, PeriodNotFound);
problems!(MemberBalanceProblems: MemberNotFound, PeriodNotFound);

/// Reads the school's totals, allocations and usage.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/balance",
    responses(SchoolBalanceProblems)
)]
pub async fn read_school_balance(
    caller: Caller<Allowed<ReadBalance>>,
    Query(query): Query<BalanceQuery>,
) -> Result<axum::Json<SchoolBalance>, Problem> {
    let now = caller.now;
    let balance = match query.asked(&caller).await? {
        Asked::Past(then, seq) => of_state::school(&then, seq),
        Asked::Current(mut read) => ended(current::school(&mut read, now).await, read).await?,
        Asked::Closed(mut read, period) => {
            ended(closed::school(&mut read, period, now).await, read).await?
        }
    };
    let balance = balance.ok_or(Refusal::SchoolNotFound)?;
    Ok(axum::Json(balance.into()))
}

/// Reads a department's allocations, those of its members, and what is left. A teacher reads only
/// their department at that time.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/departments/{department}/balance",
    responses(DepartmentBalanceProblems)
)]
pub async fn read_department_balance(
    caller: Caller<AllowedViewer<ReadDepartmentBalance>>,
    Path(path): Path<DepartmentPath>,
    Query(query): Query<BalanceQuery>,
) -> Result<axum::Json<DepartmentBalance>, Problem> {
    let (now, department_id) = (caller.now, DepartmentId(path.department));
    let balance = match query.asked(&caller).await? {
        Asked::Past(then, seq) => of_state::department(&then, department_id, seq)
            .filter(|_| is_visible(department_id, caller.viewer(), &then)),
        Asked::Current(mut read) => {
            ended(departments::one(&mut read, department_id, now).await, read).await?
        }
        Asked::Closed(mut read, period) => {
            let balance = departments::one_closed(&mut read, department_id, period, now);
            ended(balance.await, read).await?
        }
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
    responses(MemberBalanceProblems)
)]
pub async fn read_member_balance(
    caller: Caller<AllowedMember<ReadMemberBalance>>,
    Query(query): Query<BalanceQuery>,
) -> Result<axum::Json<MemberBalance>, Problem> {
    let (now, member) = (caller.now, caller.allowed.member);
    let balance = match query.asked(&caller).await? {
        Asked::Past(then, seq) => of_state::member(&then, member, seq),
        Asked::Current(mut read) => {
            ended(current::member(&mut read, member, now).await, read).await?
        }
        Asked::Closed(mut read, period) => {
            ended(closed::member(&mut read, member, period, now).await, read).await?
        }
    };
    let present = balance.filter(|balance| balance.status != MemberStatus::Removed);
    let member_id = Some(member);
    let balance = present.ok_or(Refusal::MemberNotFound { member_id })?;
    Ok(axum::Json(balance.into()))
}

/// Ends a read after its last result.
async fn ended<T>(result: Result<T, ReadError>, read: TenantRead) -> Result<T, Problem> {
    let value = result?;
    read.finish().await?;
    Ok(value)
}
