//! Reads what every member of a school holds, to be handed out as a table.

use ledger_core::allocation::{Line, Priority};
use ledger_core::{MemberId, ServiceId, Timestamp};
use uuid::Uuid;

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
    /// Of which service.
    pub service: ServiceId,
    /// What he holds, and what is gone from it.
    pub line: Line,
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
    let rows = sqlx::query_file!(
        "src/balance/queries/holdings.sql",
        read.school_id().0,
        after.map_or(Uuid::nil(), |after| after.0),
        i64::from(HOLDINGS_MEMBERS_MAX),
        now.get(),
    )
    .fetch_all(read.connection())
    .await
    .map_err(ReadError::at("reading what members hold"))?;
    rows.into_iter()
        .map(|row| {
            let held = units(row.held, "held")?;
            let priority: Priority = word(&row.priority, "priority")?;
            Ok(Holding {
                member_id: MemberId(row.member_id),
                external_id: row.external_id,
                display_name: row.display_name,
                service: service(&row.service)?,
                line: Line {
                    allocated: quota(row.allocated, "allocated")?,
                    used: units(row.used, "used")?,
                    held: held.saturating_sub(units(row.expired, "units")?),
                    priority,
                    auto_renew: row.auto_renew,
                },
            })
        })
        .collect()
}
