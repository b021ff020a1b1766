//! Reads the balances of the period that contains a given day.

use ledger_core::{Management, MemberId, Seq, Timestamp};
use uuid::Uuid;

use super::departments;
use super::period::ClosedPeriod;
use super::pool::PoolRow;
use super::read::{
    LineBalance, LineRow, MemberBalance, SchoolBalance, direct_lines_of, drawn_lines,
    line_balances, pool_balances,
};
use crate::error::ReadError;
use crate::tenant::TenantRead;

/// The balance of the viewer's school in a closed period, late settles included, without the holds
/// that have expired by `now`. `None` as in [`super::read::school`].
///
/// # Errors
/// [`ReadError`] when the database fails or a row is damaged.
pub async fn school(
    read: &mut TenantRead,
    closed: ClosedPeriod,
    now: Timestamp,
) -> Result<Option<SchoolBalance>, ReadError> {
    let seq = read.seq_of(crate::ProjectionName::Balance).await?;
    if seq == Seq::ZERO {
        return Ok(None);
    }
    let rows = sqlx::query_file_as!(
        PoolRow,
        "src/balance/queries/closed_pools.sql",
        read.school_id().0,
        now.get(),
        closed.period.start.get(),
    )
    .fetch_all(read.connection())
    .await
    .map_err(ReadError::at("reading closed pools"))?;
    Ok(Some(SchoolBalance {
        seq,
        period: closed.period,
        services: pool_balances(&rows)?,
    }))
}

/// The same for a member of the viewer's school. `None` as in [`super::read::member`].
///
/// # Errors
/// [`ReadError`] when the database fails or a row is damaged.
pub async fn member(
    read: &mut TenantRead,
    member_id: MemberId,
    closed: ClosedPeriod,
    now: Timestamp,
) -> Result<Option<MemberBalance>, ReadError> {
    let Some(current) = super::read::member(read, member_id, now).await? else {
        return Ok(None);
    };
    let start = closed.period.start.get();
    let services = match closed.management {
        Management::None => {
            let rows = sqlx::query_file_as!(
                PoolRow,
                "src/balance/queries/closed_direct.sql",
                read.school_id().0,
                now.get(),
                start,
            )
            .fetch_all(read.connection())
            .await
            .map_err(ReadError::at("reading closed pools"))?;
            direct_lines_of(&rows)?
        }
        Management::Basic | Management::Advanced => {
            let own = own_lines(read, member_id, closed, now).await?;
            match department(read, member_id, closed).await? {
                Some(department_id) => {
                    let pools = departments::closed_pools(read, department_id, closed, now).await?;
                    drawn_lines(own, &pools)?
                }
                None => own,
            }
        }
    };
    Ok(Some(MemberBalance {
        period: closed.period,
        services,
        ..current
    }))
}

async fn own_lines(
    read: &mut TenantRead,
    member_id: MemberId,
    closed: ClosedPeriod,
    now: Timestamp,
) -> Result<Vec<LineBalance>, ReadError> {
    let rows = sqlx::query_file_as!(
        LineRow,
        "src/balance/queries/closed_lines.sql",
        read.school_id().0,
        member_id.0,
        now.get(),
        closed.period.start.get(),
    )
    .fetch_all(read.connection())
    .await
    .map_err(ReadError::at("reading a member's closed lines"))?;
    line_balances(&rows)
}

/// The department that the member could draw on as the period closed.
async fn department(
    read: &mut TenantRead,
    member_id: MemberId,
    closed: ClosedPeriod,
) -> Result<Option<Uuid>, ReadError> {
    if !closed.draw_on_department {
        return Ok(None);
    }
    sqlx::query_scalar!(
        "SELECT department_id FROM balance_closed_member
          WHERE school_id = $1
            AND build = (SELECT build FROM live_build('balance'))
            AND member_id = $2 AND period_start = $3",
        read.school_id().0,
        member_id.0,
        closed.period.start.get(),
    )
    .fetch_optional(read.connection())
    .await
    .map_err(ReadError::at("reading a member's former department"))
}
