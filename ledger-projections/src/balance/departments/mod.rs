//! Reads the balances of departments: each is to its members what the school's pool is to those in
//! none, so its row is a pool's. What its members hold and used is summed up by Postgres when it is
//! read, over members whom the viewer may not see.

pub(super) mod apply;

use ledger_core::allocation::{Line, Priority};
use ledger_core::{DepartmentId, Period, Quota, Seq, ServiceId, Timestamp, Units};
use serde::Serialize;
use uuid::Uuid;

use super::closed::ClosedPeriod;
use super::pool::{PoolNumbers, PoolRow};
use crate::error::ReadError;
use crate::tenant::TenantRead;
use crate::word::{service, word};

/// What a department holds, has given and has used.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DepartmentBalance {
    /// The event up to which the numbers count.
    pub seq: Seq,
    /// The billing cycle.
    pub period: Period,
    /// Which.
    pub department_id: DepartmentId,
    /// Whether it ended.
    pub closed: bool,
    /// A row per service of the school's pools, in the order of their names.
    pub services: Vec<DepartmentLineBalance>,
}

/// What a department holds of a service, in its units.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DepartmentLineBalance {
    /// Of which service.
    pub service: ServiceId,
    /// Allocated to the department.
    pub allocated: Quota,
    /// Of that, allocated to its members.
    pub to_members: Quota,
    /// Neither allocated to members nor drawn straight on the department.
    pub unallocated: Quota,
    /// Used by all in it.
    pub used: Units,
    /// Held by all in it for calls in flight.
    pub held: Units,
    /// allocated − used − held.
    pub available: Quota,
    /// How the department ranks.
    pub priority: Priority,
    /// Whether it is granted again in the next period.
    pub auto_renew: bool,
}

/// The balance of a department of the viewer's school as of `now`: holds that have run out by then
/// are free. `None` when there never was one of this id, or the viewer may not see it. One that
/// ended is found.
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

/// The same as a period closed and as what was learnt of it has moved it since; to a viewer who sees
/// one department, where he was in it as the period ended.
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
        return Ok(None); // he was in another one then
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

/// What departments hold, a row for each and each service, in the order of their ids and then of
/// the services' names; nothing of those that the viewer may not see.
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
    .map_err(ReadError::at("reading what departments hold"))
}

/// The same of one department in a closed period.
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
    .map_err(ReadError::at("reading what a department held"))
}

/// A department's pool of a service, with what ran out of its holds by the reader's clock.
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
        let pool = self.numbers()?;
        Ok(DepartmentLineBalance {
            service: service(&self.service)?,
            allocated: pool.total,
            to_members: pool.allocated(),
            unallocated: pool.unallocated(),
            used: pool.used,
            held: pool.held,
            available: pool.available(),
            priority: word(&self.priority, "priority")?,
            auto_renew: self.auto_renew,
        })
    }

    /// What is left to all who draw straight on it.
    pub(super) fn direct(&self) -> Result<Line, ReadError> {
        Ok(self.numbers()?.direct())
    }

    fn numbers(&self) -> Result<PoolNumbers, ReadError> {
        PoolRow {
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
        }
        .numbers()
    }
}
