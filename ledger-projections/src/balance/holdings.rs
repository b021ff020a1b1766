//! Reads what every member and department of a school holds, to be handed out as a table.

use std::collections::BTreeMap;

use ledger_core::allocation::Line;
use ledger_core::{DepartmentId, Level, MemberId, Timestamp};
use uuid::Uuid;

use super::departments::{DepartmentLineBalance, pools};
use super::read::{LineBalance, line_balance};
use crate::error::ReadError;
use crate::tenant::TenantRead;
use crate::word::{quota, service, units, word};

/// The most members of one page: some thousand rows, about 200 bytes each.
pub const HOLDINGS_MEMBERS_MAX: u32 = 1_000;

/// What a member holds of a service, with what the directory calls him.
#[derive(Clone, Debug, PartialEq)]
pub struct Holding {
    /// Whose.
    pub member_id: MemberId,
    /// The first of the ids that other systems know him by.
    pub external_id: Option<String>,
    /// His name.
    pub display_name: Option<String>,
    /// What he holds of it, and what is gone from that.
    pub line: LineBalance,
}

/// What a department holds of a service, with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct DepartmentHolding {
    /// Whose.
    pub department_id: DepartmentId,
    /// Its name.
    pub name: Option<String>,
    /// What it holds of it, and what is gone from that.
    pub line: DepartmentLineBalance,
}

/// What the departments hold as of `now` that have not ended, in the order of their ids and then of
/// the services' names: some hundreds at most, as a school has them. Nothing in a school whose
/// members draw straight on the pools.
///
/// # Errors
/// [`ReadError`] when the database fails or a row is damaged.
pub async fn departments(
    read: &mut TenantRead,
    now: Timestamp,
) -> Result<Vec<DepartmentHolding>, ReadError> {
    let names: BTreeMap<Uuid, Option<String>> = sqlx::query!(
        r#"SELECT d.department_id, n.name AS "name?"
             FROM projection AS p
             JOIN balance_school AS s
               ON s.school_id = $1 AND s.build = p.live_build AND s.management <> 'none'
             JOIN balance_department AS d
               ON d.school_id = $1 AND d.build = p.live_build AND NOT d.closed
             LEFT JOIN department_directory AS n
               ON n.school_id = $1 AND n.department_id = d.department_id
            WHERE p.name = 'balance'"#,
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

/// What the next members after `after` hold as of `now`, at most [`HOLDINGS_MEMBERS_MAX`] of them,
/// in the order of their ids and then of the services' names; nothing when there are no more. Who
/// left is not among them. In a school whose members draw straight on the pools nobody holds
/// anything.
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
    .map_err(ReadError::at("reading what members hold"))?;
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Ok(Vec::new());
    };
    let expired = expired(read, (first.member_id, last.member_id), now).await?;
    rows.into_iter()
        .map(|row| {
            let held = units(row.held, "held")?;
            let gone = expired.get(&(row.member_id, row.service.clone())).copied();
            let line = Line {
                allocated: quota(row.allocated, "allocated")?,
                used: units(row.used, "used")?,
                held: held.saturating_sub(units(gone.unwrap_or(0), "units")?),
                priority: word(&row.priority, "priority")?,
                auto_renew: row.auto_renew,
                ..Line::default()
            };
            Ok(Holding {
                member_id: MemberId(row.member_id),
                external_id: row.external_id,
                display_name: row.display_name,
                line: line_balance(service(&row.service)?, Level::Member, &line),
            })
        })
        .collect()
}

/// Units of holds that have run out by `now` and are not recorded as expired yet, by member and
/// service, of the members from one id to another.
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
              AND h.build = (SELECT live_build FROM projection WHERE name = 'balance')
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
    .map_err(ReadError::at("reading holds that have run out"))?;
    Ok(rows
        .into_iter()
        .map(|row| ((row.member_id, row.service), row.units))
        .collect())
}
