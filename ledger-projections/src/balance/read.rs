//! Reads balances: of a school's pools, and of what one member can use.

use ledger_core::allocation::{Line, Priority};
use ledger_core::school::Standing;
use ledger_core::{Level, Management, MemberId, Period, Quota, Seq, ServiceId, Timestamp, Units};
use serde::Serialize;

use super::departments::{self, DepartmentRow};
use super::pool::PoolRow;
use crate::error::ReadError;
use crate::tenant::TenantRead;
use crate::word::{quota, service, units, word};

/// What a school has, has given and has used in its period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SchoolBalance {
    /// The event up to which the numbers count.
    pub seq: Seq,
    /// The billing cycle.
    pub period: Period,
    /// A row per service, in the order of their names.
    pub services: Vec<PoolBalance>,
}

/// A pool, in units of its service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PoolBalance {
    /// Of which service.
    pub service: ServiceId,
    /// Bought.
    pub total: Quota,
    /// Allocated to departments, and to members in none.
    pub allocated: Quota,
    /// Neither allocated nor drawn straight on the pool.
    pub unallocated: Quota,
    /// Used by all.
    pub used: Units,
    /// Held by all for calls in flight.
    pub held: Units,
    /// total − used − held.
    pub available: Quota,
}

/// What a member can use.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MemberBalance {
    /// The event up to which the numbers count.
    pub seq: Seq,
    /// The billing cycle.
    pub period: Period,
    /// Whether he may use it.
    pub status: Standing,
    /// A row per service of the school's pools, in the order of their names.
    pub services: Vec<LineBalance>,
}

/// What a member can use of a service, in its units: what his next usage is drawn on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LineBalance {
    /// Of which service.
    pub service: ServiceId,
    /// Whose the numbers are: the member's own, or what is left to all who draw straight on his
    /// department's allocation or on the pool.
    pub level: Level,
    /// Allocated.
    pub allocated: Quota,
    /// Used.
    pub used: Units,
    /// Held for calls in flight.
    pub held: Units,
    /// allocated − used − held.
    pub available: Quota,
    /// How the member ranks.
    pub priority: Priority,
    /// Whether it is granted again in the next period.
    pub auto_renew: bool,
}

/// Whether the period that the read model stands in has ended by `now`: then there is something to
/// be recorded before a balance is one of `now`.
///
/// # Errors
/// [`ReadError`] when the database fails.
pub async fn period_has_ended(read: &mut TenantRead, now: Timestamp) -> Result<bool, ReadError> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM balance_school
                WHERE school_id = $1 AND period_end <= $2
                  AND build = (SELECT live_build FROM projection WHERE name = 'balance')
           ) AS "has_ended!""#,
        read.school_id().0,
        now.get(),
    )
    .fetch_one(read.connection())
    .await
    .map_err(ReadError::at("reading when a period ends"))
}

/// The balance of the viewer's school as of `now`: holds that have run out by then are free.
/// `None` when there is no such school, or none that the viewer may see.
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
             FROM projection AS p
             JOIN balance_school AS s ON s.school_id = $1 AND s.build = p.live_build
             JOIN projection_checkpoint AS c
               ON c.school_id = $1 AND c.name = p.name AND c.build = p.live_build
            WHERE p.name = 'balance'"#,
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
        services: rows.iter().map(pool_balance).collect::<Result<_, _>>()?,
    }))
}

pub(super) fn pool_balance(row: &PoolRow) -> Result<PoolBalance, ReadError> {
    let pool = row.numbers()?;
    Ok(PoolBalance {
        service: service(&row.service)?,
        total: pool.total,
        allocated: pool.allocated(),
        unallocated: pool.unallocated(),
        used: pool.used,
        held: pool.held,
        available: pool.available(),
    })
}

/// What a member of the viewer's school can use as of `now`: holds that have run out by then are
/// free. `None` when nobody ever had this id, or the viewer may not see him. One who left is
/// found, with his standing.
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
             FROM projection AS p
             JOIN balance_school AS s ON s.school_id = $1 AND s.build = p.live_build
             JOIN balance_member AS m
               ON m.school_id = $1 AND m.build = p.live_build AND m.member_id = $2
             JOIN projection_checkpoint AS c
               ON c.school_id = $1 AND c.name = p.name AND c.build = p.live_build
            WHERE p.name = 'balance'"#,
        read.school_id().0,
        member_id.0,
    )
    .fetch_optional(read.connection())
    .await
    .map_err(ReadError::at("reading a member's standing"))?;
    let Some(header) = header else {
        return Ok(None);
    };
    let services = match word(&header.management, "management")? {
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
        status: word(&header.status, "status")?,
        services,
    }))
}

/// The pools as lines, in a school whose members draw straight on them.
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
            let line = row.numbers()?.direct();
            Ok(line_balance(service(&row.service)?, Level::Pool, &line))
        })
        .collect()
}

/// A member's own lines, and where he holds nothing what is left to draw on of his department's, in
/// a school that allows it.
pub(super) fn drawn_lines(
    mut own: Vec<LineBalance>,
    department: &[DepartmentRow],
) -> Result<Vec<LineBalance>, ReadError> {
    for row in department {
        let service = service(&row.service)?;
        let holds_nothing =
            |line: &&mut LineBalance| line.service == service && line.allocated == Quota::ZERO;
        if let Some(line) = own.iter_mut().find(holds_nothing) {
            *line = line_balance(service, Level::Department, &row.direct()?);
        }
    }
    Ok(own)
}

/// A member's own lines, with an empty one for each service that he holds nothing of.
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

/// A member's line of a service, with what ran out of its holds by the reader's clock.
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
            let held = units(row.held, "held")?;
            let line = Line {
                allocated: quota(row.allocated, "allocated")?,
                used: units(row.used, "used")?,
                held: held.saturating_sub(units(row.expired, "units")?),
                priority: word(&row.priority, "priority")?,
                auto_renew: row.auto_renew,
                ..Line::default()
            };
            Ok(line_balance(service(&row.service)?, Level::Member, &line))
        })
        .collect()
}

pub(super) fn line_balance(service: ServiceId, level: Level, line: &Line) -> LineBalance {
    LineBalance {
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
