//! Reads the lines of all members and departments of a school, for a table.

use std::collections::BTreeMap;

use ledger_core::allocation::Line;
use ledger_core::{DepartmentId, Level, MemberId, Timestamp};
use uuid::Uuid;

use super::departments::{DepartmentLineBalance, pools};
use super::pool::unexpired;
use super::read::LineBalance;
use crate::columns::{parse, quota, service, units};
use crate::error::ReadError;
use crate::tenant::TenantRead;

/// The maximum number of members per page: some thousand rows of about 200 bytes.
pub const HOLDINGS_MEMBERS_MAX: u32 = 1_000;

/// A member's line of one service, with the member's names.
#[derive(Clone, Debug, PartialEq)]
pub struct Holding {
    /// The member.
    pub member_id: MemberId,
    /// The first of the member's external ids.
    pub external_id: Option<String>,
    /// The member's name.
    pub display_name: Option<String>,
    /// The line.
    pub line: LineBalance,
}

/// A department's line of one service, with the department's name.
#[derive(Clone, Debug, PartialEq)]
pub struct DepartmentHolding {
    /// The department.
    pub department_id: DepartmentId,
    /// The department's name.
    pub name: Option<String>,
    /// The line.
    pub line: DepartmentLineBalance,
}

/// The lines of open departments as of `now`, in the order of ids and then of services' names; some
/// hundreds at most. Empty in a school whose members draw on the pools.
///
/// # Errors
/// [`ReadError`] when the database fails or a row is damaged.
pub async fn departments(
    read: &mut TenantRead,
    now: Timestamp,
) -> Result<Vec<DepartmentHolding>, ReadError> {
    let names: BTreeMap<Uuid, Option<String>> = sqlx::query!(
        r#"SELECT d.department_id, n.name AS "name?"
             FROM live_build('balance') AS live
             JOIN balance_school AS s
               ON s.school_id = $1 AND s.build = live.build AND s.management <> 'none'
             JOIN balance_department AS d
               ON d.school_id = $1 AND d.build = live.build AND NOT d.closed
             LEFT JOIN department_directory AS n
               ON n.school_id = $1 AND n.department_id = d.department_id"#,
        read.school_id().0,
    )
    .fetch_all(read.connection())
    .await
    .map_err(ReadError::at("reading departments"))?
    .into_iter()
    .map(|row| (row.department_id, row.name))
    .collect();
    let ids: Vec<Uuid> = names.keys().copied().collect();
    pools(read, &ids, now)
        .await?
        .iter()
        .map(|row| {
            Ok(DepartmentHolding {
                department_id: DepartmentId(row.department_id),
                name: names.get(&row.department_id).cloned().flatten(),
                line: row.balance()?,
            })
        })
        .collect()
}

/// The lines of the next members after `after` as of `now`, at most [`HOLDINGS_MEMBERS_MAX`]
/// members, in the order of ids and then of services' names; empty on the last page. Removed
/// members are left out. Empty in a school whose members draw on the pools.
///
/// # Errors
/// [`ReadError`] when the database fails or a row is damaged.
pub async fn page(
    read: &mut TenantRead,
    after: Option<MemberId>,
    now: Timestamp,
) -> Result<Vec<Holding>, ReadError> {
    let school_id = read.school_id().0;
    let rows = sqlx::query_file!(
        "src/balance/queries/holdings.sql",
        school_id,
        after.map_or(Uuid::nil(), |after| after.0),
        i64::from(HOLDINGS_MEMBERS_MAX),
    )
    .fetch_all(read.connection())
    .await
    .map_err(ReadError::at("reading members' lines"))?;
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Ok(Vec::new());
    };
    let expired = expired(read, (first.member_id, last.member_id), now).await?;
    rows.into_iter()
        .map(|row| {
            let expired = expired.get(&(row.member_id, row.service.clone())).copied();
            let line = Line {
                allocated: quota(row.allocated, "allocated")?,
                used: units(row.used, "used")?,
                held: unexpired(row.held, expired.unwrap_or(0), "held")?,
                priority: parse(&row.priority, "priority")?,
                auto_renew: row.auto_renew,
                ..Line::default()
            };
            Ok(Holding {
                member_id: MemberId(row.member_id),
                external_id: row.external_id,
                display_name: row.display_name,
                line: LineBalance::new(service(&row.service)?, Level::Member, &line),
            })
        })
        .collect()
}

/// Units of holds that have expired by `now` without a recorded expiry, by member and service, of
/// the members from `first` to `last`.
async fn expired(
    read: &mut TenantRead,
    (first, last): (Uuid, Uuid),
    now: Timestamp,
) -> Result<BTreeMap<(Uuid, String), i64>, ReadError> {
    let rows = sqlx::query!(
        r#"SELECT h.member_id, h.service,
                  least(sum(h.units), 9223372036854775807)::bigint AS "units!"
             FROM balance_hold AS h
            WHERE h.school_id = $1
              AND h.build = (SELECT build FROM live_build('balance'))
              AND h.level = 'member' AND h.expires_at <= $2 AND h.member_id BETWEEN $3 AND $4
              AND h.period_start IS NULL
            GROUP BY h.member_id, h.service"#,
        read.school_id().0,
        now.get(),
        first,
        last,
    )
    .fetch_all(read.connection())
    .await
    .map_err(ReadError::at("reading expired holds"))?;
    Ok(rows
        .into_iter()
        .map(|row| ((row.member_id, row.service), row.units))
        .collect())
}
