//! Reads the balances of departments. A department's allocation is a pool to its members. Postgres
//! computes the sums over its members, some of whom the viewer may not see.

use ledger_core::allocation::Priority;
use ledger_core::department::DepartmentLine;
use ledger_core::{DepartmentId, Period, Quota, Seq, ServiceId, Timestamp, Units};
use serde::Serialize;
use uuid::Uuid;

use super::period::ClosedPeriod;
use super::pool::PoolRow;
use crate::columns::{parse, service};
use crate::error::ReadError;
use crate::tenant::TenantRead;

/// A department's balance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DepartmentBalance {
    /// The event up to which the numbers count.
    pub seq: Seq,
    /// The billing cycle.
    pub period: Period,
    /// The department.
    pub department_id: DepartmentId,
    /// Whether the department is closed.
    pub closed: bool,
    /// A row per service of the school's pools, in the order of their names.
    pub services: Vec<DepartmentLineBalance>,
}

/// A department's balance of one service, in the service's units.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DepartmentLineBalance {
    /// The service.
    pub service: ServiceId,
    /// Allocated to the department.
    pub allocated: Quota,
    /// The part allocated to members.
    pub to_members: Quota,
    /// The part neither allocated to members nor drawn on directly.
    pub unallocated: Quota,
    /// Used by the department and its members.
    pub used: Units,
    /// Held for calls in flight of the department and its members.
    pub held: Units,
    /// allocated − used − held.
    pub available: Quota,
    /// The department's priority.
    pub priority: Priority,
    /// Whether the allocation is renewed in the next period.
    pub auto_renew: bool,
}

impl DepartmentLineBalance {
    pub(super) fn new(service: ServiceId, line: &DepartmentLine) -> Self {
        Self {
            service,
            allocated: line.pool.total,
            to_members: line.pool.allocated(),
            unallocated: line.pool.unallocated(),
            used: line.pool.used,
            held: line.pool.held,
            available: line.pool.available(),
            priority: line.priority,
            auto_renew: line.auto_renew,
        }
    }
}

/// The balance of a department of the viewer's school, without the holds that have expired by
/// `now`. `None` when no department has this id or the viewer may not see it; a closed one is
/// found.
///
/// # Errors
/// [`ReadError`] when the database fails or a row is damaged.
pub async fn one(
    read: &mut TenantRead,
    department_id: DepartmentId,
    now: Timestamp,
) -> Result<Option<DepartmentBalance>, ReadError> {
    let header = sqlx::query_file!(
        "src/balance/queries/department.sql",
        read.school_id().0,
        department_id.0,
    )
    .fetch_optional(read.connection())
    .await
    .map_err(ReadError::at("reading a department"))?;
    let Some(header) = header else {
        return Ok(None);
    };
    let rows = pools(read, &[department_id.0], now).await?;
    Ok(Some(DepartmentBalance {
        seq: Seq(header.seq),
        period: Period {
            start: Timestamp::new(header.period_start),
            end: Timestamp::new(header.period_end),
        },
        department_id,
        closed: header.closed,
        services: rows
            .iter()
            .map(DepartmentRow::balance)
            .collect::<Result<_, _>>()?,
    }))
}

/// The same for a closed period. A teacher sees the department only if they were in it as the
/// period ended.
///
/// # Errors
/// [`ReadError`] when the database fails or a row is damaged.
pub async fn one_closed(
    read: &mut TenantRead,
    department_id: DepartmentId,
    closed: ClosedPeriod,
    now: Timestamp,
) -> Result<Option<DepartmentBalance>, ReadError> {
    let Some(current) = one(read, department_id, now).await? else {
        return Ok(None);
    };
    let rows = closed_pools(read, department_id.0, closed, now).await?;
    if rows.is_empty() {
        return Ok(None); // the viewer was in another department
    }
    Ok(Some(DepartmentBalance {
        period: closed.period,
        services: rows
            .iter()
            .map(DepartmentRow::balance)
            .collect::<Result<_, _>>()?,
        ..current
    }))
}

/// A row per department and service, in the order of ids and then of services' names; none of
/// departments that the viewer may not see.
pub(super) async fn pools(
    read: &mut TenantRead,
    department_ids: &[Uuid],
    now: Timestamp,
) -> Result<Vec<DepartmentRow>, ReadError> {
    sqlx::query_file_as!(
        DepartmentRow,
        "src/balance/queries/department_pools.sql",
        department_ids,
        now.get(),
    )
    .fetch_all(read.connection())
    .await
    .map_err(ReadError::at("reading departments' pools"))
}

/// The same for one department in a closed period.
pub(super) async fn closed_pools(
    read: &mut TenantRead,
    department_id: Uuid,
    closed: ClosedPeriod,
    now: Timestamp,
) -> Result<Vec<DepartmentRow>, ReadError> {
    sqlx::query_file_as!(
        DepartmentRow,
        "src/balance/queries/closed_department_pools.sql",
        department_id,
        now.get(),
        closed.period.start.get(),
    )
    .fetch_all(read.connection())
    .await
    .map_err(ReadError::at("reading a department's closed pools"))
}

/// A department's pool of one service, with its expired holds.
#[derive(Debug)]
pub(super) struct DepartmentRow {
    pub department_id: Uuid,
    pub service: String,
    total: Option<i64>,
    allocated: i64,
    unlimited_holders: i32,
    used: i64,
    held: i64,
    direct_used: i64,
    direct_held: i64,
    expired: i64,
    direct_expired: i64,
    priority: String,
    auto_renew: bool,
}

impl DepartmentRow {
    pub(super) fn balance(&self) -> Result<DepartmentLineBalance, ReadError> {
        Ok(DepartmentLineBalance::new(
            service(&self.service)?,
            &self.line()?,
        ))
    }

    /// The department's line without its expired holds.
    pub(super) fn line(&self) -> Result<DepartmentLine, ReadError> {
        let row = PoolRow {
            service: self.service.clone(),
            total: self.total,
            allocated: self.allocated,
            unlimited_holders: self.unlimited_holders,
            used: self.used,
            held: self.held,
            direct_used: self.direct_used,
            direct_held: self.direct_held,
            expired: self.expired,
            direct_expired: self.direct_expired,
        };
        Ok(DepartmentLine {
            pool: row.pool()?,
            priority: parse(&self.priority, "priority")?,
            auto_renew: self.auto_renew,
            ..DepartmentLine::default()
        })
    }
}
