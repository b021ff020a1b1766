//! Reads the balances of a school and of a member.

use ledger_core::allocation::{Line, Pool, Priority};
use ledger_core::school::MemberStatus;
use ledger_core::{Level, Management, MemberId, Period, Quota, Seq, ServiceId, Timestamp, Units};
use serde::Serialize;

use super::departments::{self, DepartmentRow};
use super::pool::{PoolRow, unexpired};
use crate::columns::{parse, quota, service, units};
use crate::error::ReadError;
use crate::tenant::TenantRead;

/// A school's balance in its current period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SchoolBalance {
    /// The last event that the numbers include.
    pub seq: Seq,
    /// The billing cycle.
    pub period: Period,
    /// A row per service, in the order of names.
    pub services: Vec<PoolBalance>,
}

/// A pool's balance, in the service's units.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PoolBalance {
    /// The service.
    pub service: ServiceId,
    /// Bought.
    pub total: Quota,
    /// Allocated to departments and to members in none.
    pub allocated: Quota,
    /// The part neither allocated nor drawn on directly.
    pub unallocated: Quota,
    /// Used at all levels.
    pub used: Units,
    /// Held for calls in flight at all levels.
    pub held: Units,
    /// total − used − held.
    pub available: Quota,
}

/// A member's balance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MemberBalance {
    /// The last event that the numbers include.
    pub seq: Seq,
    /// The billing cycle.
    pub period: Period,
    /// Whether the member may use it.
    pub status: MemberStatus,
    /// A row per service of the school's pools, in the order of names.
    pub services: Vec<LineBalance>,
}

/// The line that a member's next usage of a service is drawn on, in the service's units.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LineBalance {
    /// The service.
    pub service: ServiceId,
    /// The level of the line: the member's own, their department's or the pool's.
    pub level: Level,
    /// Allocated.
    pub allocated: Quota,
    /// Used.
    pub used: Units,
    /// Held for calls in flight.
    pub held: Units,
    /// allocated − used − held.
    pub available: Quota,
    /// The holder's priority.
    pub priority: Priority,
    /// Whether the allocation is renewed in the next period.
    pub auto_renew: bool,
}

impl PoolBalance {
    pub(super) fn new(service: ServiceId, pool: &Pool) -> Self {
        Self {
            service,
            total: pool.total,
            allocated: pool.allocated(),
            unallocated: pool.unallocated(),
            used: pool.used,
            held: pool.held,
            available: pool.available(),
        }
    }
}

impl LineBalance {
    pub(super) fn new(service: ServiceId, level: Level, line: &Line) -> Self {
        Self {
            service,
            level,
            allocated: line.allocated,
            used: line.used,
            held: line.held,
            available: line.available(),
            priority: line.priority,
            auto_renew: line.auto_renew,
        }
    }
}

/// Whether the current period of the read model has ended by `now`: then the rollover has to be
/// recorded before the balance is read.
///
/// # Errors
/// [`ReadError`] when the database fails.
pub async fn period_has_ended(read: &mut TenantRead, now: Timestamp) -> Result<bool, ReadError> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM balance_school
                WHERE school_id = $1 AND period_end <= $2
                  AND build = (SELECT build FROM live_build('balance'))
           ) AS "has_ended!""#,
        read.school_id().0,
        now.get(),
    )
    .fetch_one(read.connection())
    .await
    .map_err(ReadError::at("reading when a period ends"))
}

/// The balance of the viewer's school, without the holds that have expired by `now`. `None` when
/// there is no such school or the viewer may not see it.
///
/// # Errors
/// [`ReadError`] when the database fails or a row is damaged.
pub async fn school(
    read: &mut TenantRead,
    now: Timestamp,
) -> Result<Option<SchoolBalance>, ReadError> {
    let school_id = read.school_id();
    let header = sqlx::query!(
        r#"SELECT c.seq, s.period_start, s.period_end
             FROM live_build('balance') AS live
             JOIN balance_school AS s ON s.school_id = $1 AND s.build = live.build
             JOIN projection_checkpoint AS c
               ON c.school_id = $1 AND c.name = 'balance' AND c.build = live.build"#,
        school_id.0,
    )
    .fetch_optional(read.connection())
    .await
    .map_err(ReadError::at("reading a school's period"))?;
    let Some(header) = header else {
        return Ok(None);
    };
    let rows = sqlx::query_file_as!(
        PoolRow,
        "src/balance/queries/pools.sql",
        school_id.0,
        now.get(),
    )
    .fetch_all(read.connection())
    .await
    .map_err(ReadError::at("reading pools"))?;
    Ok(Some(SchoolBalance {
        seq: Seq(header.seq),
        period: Period {
            start: Timestamp::new(header.period_start),
            end: Timestamp::new(header.period_end),
        },
        services: pool_balances(&rows)?,
    }))
}

pub(super) fn pool_balances(rows: &[PoolRow]) -> Result<Vec<PoolBalance>, ReadError> {
    rows.iter()
        .map(|row| Ok(PoolBalance::new(service(&row.service)?, &row.pool()?)))
        .collect()
}

/// The balance of a member of the viewer's school, without the holds that have expired by `now`.
/// `None` when no member has this id or the viewer may not see them; a removed member is found.
///
/// # Errors
/// [`ReadError`] when the database fails or a row is damaged.
pub async fn member(
    read: &mut TenantRead,
    member_id: MemberId,
    now: Timestamp,
) -> Result<Option<MemberBalance>, ReadError> {
    let header = sqlx::query!(
        r#"SELECT c.seq, s.management, s.draw_on_department, s.period_start, s.period_end,
                  m.status, m.department_id
             FROM live_build('balance') AS live
             JOIN balance_school AS s ON s.school_id = $1 AND s.build = live.build
             JOIN balance_member AS m
               ON m.school_id = $1 AND m.build = live.build AND m.member_id = $2
             JOIN projection_checkpoint AS c
               ON c.school_id = $1 AND c.name = 'balance' AND c.build = live.build"#,
        read.school_id().0,
        member_id.0,
    )
    .fetch_optional(read.connection())
    .await
    .map_err(ReadError::at("reading a member's status"))?;
    let Some(header) = header else {
        return Ok(None);
    };
    let services = match parse(&header.management, "management")? {
        Management::None => direct_lines(read, now).await?,
        Management::Basic | Management::Advanced => {
            let own = own_lines(read, member_id, now).await?;
            match header.department_id.filter(|_| header.draw_on_department) {
                Some(department_id) => {
                    let pools = departments::pools(read, &[department_id], now).await?;
                    drawn_lines(own, &pools)?
                }
                None => own,
            }
        }
    };
    Ok(Some(MemberBalance {
        seq: Seq(header.seq),
        period: Period {
            start: Timestamp::new(header.period_start),
            end: Timestamp::new(header.period_end),
        },
        status: parse(&header.status, "status")?,
        services,
    }))
}

/// The pools as lines, in a school whose members draw on them.
async fn direct_lines(
    read: &mut TenantRead,
    now: Timestamp,
) -> Result<Vec<LineBalance>, ReadError> {
    let rows = sqlx::query_file_as!(
        PoolRow,
        "src/balance/queries/direct.sql",
        read.school_id().0,
        now.get(),
    )
    .fetch_all(read.connection())
    .await
    .map_err(ReadError::at("reading pools"))?;
    direct_lines_of(&rows)
}

pub(super) fn direct_lines_of(rows: &[PoolRow]) -> Result<Vec<LineBalance>, ReadError> {
    rows.iter()
        .map(|row| {
            let line = row.pool()?.direct();
            Ok(LineBalance::new(service(&row.service)?, Level::Pool, &line))
        })
        .collect()
}

/// A member's own lines; where the member has no allocation, the department's instead.
pub(super) fn drawn_lines(
    mut own: Vec<LineBalance>,
    department: &[DepartmentRow],
) -> Result<Vec<LineBalance>, ReadError> {
    for row in department {
        let service = service(&row.service)?;
        let is_empty =
            |line: &&mut LineBalance| line.service == service && line.allocated == Quota::ZERO;
        if let Some(line) = own.iter_mut().find(is_empty) {
            *line = LineBalance::new(service, Level::Department, &row.line()?.pool.direct());
        }
    }
    Ok(own)
}

/// A member's own lines, with an empty one for each other service of the pools.
async fn own_lines(
    read: &mut TenantRead,
    member_id: MemberId,
    now: Timestamp,
) -> Result<Vec<LineBalance>, ReadError> {
    let rows = sqlx::query_file_as!(
        LineRow,
        "src/balance/queries/lines.sql",
        read.school_id().0,
        member_id.0,
        now.get(),
    )
    .fetch_all(read.connection())
    .await
    .map_err(ReadError::at("reading a member's lines"))?;
    line_balances(&rows)
}

/// A row of a member's line, with its expired holds.
#[derive(Debug)]
pub(super) struct LineRow {
    pub service: String,
    pub allocated: Option<i64>,
    pub used: i64,
    pub held: i64,
    pub expired: i64,
    pub priority: String,
    pub auto_renew: bool,
}

pub(super) fn line_balances(rows: &[LineRow]) -> Result<Vec<LineBalance>, ReadError> {
    rows.iter()
        .map(|row| {
            let line = Line {
                allocated: quota(row.allocated, "allocated")?,
                used: units(row.used, "used")?,
                held: unexpired(row.held, row.expired, "held")?,
                priority: parse(&row.priority, "priority")?,
                auto_renew: row.auto_renew,
                ..Line::default()
            };
            Ok(LineBalance::new(
                service(&row.service)?,
                Level::Member,
                &line,
            ))
        })
        .collect()
}
