//! Reads the school and its members.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ledger_core::period::{AnchorDay, Cycle, Tz};
use ledger_core::school::{MemberStatus, OveragePolicy};
use ledger_core::{
    DepartmentId, Management, MemberId, OrgType, Period, Quotas, Role, SchoolId, Seq, ServiceId,
    Tier, Timestamp,
};
use serde::{Deserialize as _, Serialize};
use uuid::Uuid;

use crate::columns::parse;
use crate::error::ReadError;
use crate::tenant::TenantRead;

/// The most members of one page.
pub const MEMBERS_PAGE_MAX: u32 = 1_000;

/// A school.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SchoolView {
    /// The event up to which this counts.
    pub seq: Seq,
    /// Which.
    pub school_id: SchoolId,
    /// Its name, from the directory; erased names are not there.
    pub name: Option<String>,
    /// What kind of tenant.
    pub org_type: OrgType,
    /// What it pays for.
    pub tier: Tier,
    /// What its plan switches on.
    pub management: Management,
    /// The IANA time zone in which its days begin.
    pub time_zone: Tz,
    /// The day of the month on which its cycles begin.
    pub period_anchor_day: AnchorDay,
    /// The billing cycle.
    pub period: Period,
    /// Units of each service bought per period.
    pub totals: Quotas,
    /// Its own rules.
    pub settings: SettingsView,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// The event that last changed its subscription or settings: the ETag of both.
    pub version: Seq,
}

/// A school's own rules, by the names that the API gives them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SettingsView {
    /// The most that one member may hold.
    pub max_individual_quota: Quotas,
    /// What a new teacher is granted.
    pub default_member_quota: Quotas,
    /// Whether teachers may ask for more themselves.
    pub self_service_requests: bool,
    /// How far usage may go beyond what is allocated; a service that is not named is hard.
    pub overage: BTreeMap<ServiceId, OveragePolicy>,
    /// Whether a member without an allocation of his own draws on his department's.
    pub draw_on_department: bool,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MemberView {
    /// Who.
    pub member_id: MemberId,
    /// The department that he is in; of one who left, that he was in last.
    pub department_id: Option<DepartmentId>,
    /// What he may do.
    pub role: Role,
    /// Whether he may use what he holds, or left.
    pub status: MemberStatus,
    /// The ids that other systems know him by.
    pub external_ids: Vec<String>,
    /// His name, from the directory.
    pub display_name: Option<String>,
    /// His e-mail address, from the directory.
    pub email: Option<String>,
    /// When he came in, the last time that he did.
    pub enrolled_at: Timestamp,
    /// When he left.
    pub removed_at: Option<Timestamp>,
    /// When what was kept of him was erased: name, e-mail address, external ids and texts.
    pub erased_at: Option<Timestamp>,
}

/// Some members, in the order of their ids.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MembersPage {
    /// The event up to which this counts.
    pub seq: Seq,
    /// The members.
    pub members: Vec<MemberView>,
    /// Go on after this one; `None` when there are no more.
    pub next_after: Option<MemberId>,
}

/// Which members to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct MembersFilter {
    /// Those after this one.
    pub after: Option<MemberId>,
    /// Also those who left.
    pub with_removed: bool,
    /// Those of this department alone.
    pub department_id: Option<DepartmentId>,
}

/// The viewer's school, with the billing cycle of `now`; `None` when there is none, or the viewer may not see it.
///
/// # Errors
/// [`ReadError`] when the database fails or a row is damaged.
pub async fn school(
    read: &mut TenantRead,
    now: Timestamp,
) -> Result<Option<SchoolView>, ReadError> {
    let school_id = read.school_id();
    let row = sqlx::query_file!("src/roster/queries/school.sql", school_id.0)
        .fetch_optional(read.connection())
        .await
        .map_err(ReadError::at("reading a school"))?;
    let Some(row) = row else {
        return Ok(None);
    };
    let time_zone: Tz = parse(&row.time_zone, "time_zone")?;
    let period_anchor_day = u8::try_from(row.period_anchor_day)
        .ok()
        .and_then(|day| AnchorDay::new(day).ok())
        .ok_or(ReadError::Unreadable("period_anchor_day"))?;
    let registered_at = Timestamp::new(row.registered_at);
    let cycle = Cycle {
        time_zone,
        anchor_day: period_anchor_day,
    };
    let known = match (row.period_start, row.period_end) {
        (Some(start), Some(end)) => Period {
            start: Timestamp::new(start),
            end: Timestamp::new(end),
        },
        // The balances are behind the roster: this was the school's first cycle.
        _ => cycle.period_at(registered_at),
    };
    // It ends by the clock, whether or not anybody has recorded that.
    let period = if now < known.end {
        known
    } else {
        // The first one after the anchor day has changed is no whole month.
        let period = cycle.period_at(now);
        Period {
            start: period.start.max(known.end),
            ..period
        }
    };
    Ok(Some(SchoolView {
        seq: Seq(row.seq),
        school_id,
        name: row.name,
        org_type: parse(&row.org_type, "org_type")?,
        tier: parse(&row.tier, "tier")?,
        management: parse(&row.management, "management")?,
        time_zone,
        period_anchor_day,
        period,
        totals: quotas(&row.totals, "totals")?,
        settings: SettingsView {
            max_individual_quota: quotas(&row.max_individual_quota, "max_individual_quota")?,
            default_member_quota: quotas(&row.default_member_quota, "default_member_quota")?,
            self_service_requests: row.self_service_requests,
            overage: BTreeMap::deserialize(&row.overage)
                .map_err(|_| ReadError::Unreadable("overage"))?,
            draw_on_department: row.draw_on_department,
        },
        registered_at,
        version: Seq(row.version),
    }))
}

/// The members of the viewer's school whom he may see, at most `limit` and at most
/// [`MEMBERS_PAGE_MAX`].
///
/// # Errors
/// [`ReadError`] when the database fails or a row is damaged.
pub async fn members(
    read: &mut TenantRead,
    filter: MembersFilter,
    limit: u32,
) -> Result<MembersPage, ReadError> {
    let limit = limit.clamp(1, MEMBERS_PAGE_MAX);
    let seq = read.seq_of(crate::ProjectionName::Roster).await?;
    let rows = sqlx::query_file_as!(
        MemberRow,
        "src/roster/queries/members.sql",
        read.school_id().0,
        filter.after.map_or(Uuid::nil(), |after| after.0),
        filter.with_removed,
        i64::from(limit) + 1,
        filter.department_id.map(|department| department.0),
    )
    .fetch_all(read.connection())
    .await
    .map_err(ReadError::at("reading members"))?;
    let mut members = rows
        .into_iter()
        .map(MemberRow::view)
        .collect::<Result<Vec<_>, _>>()?;
    let limit = limit as usize;
    let next_after = (members.len() > limit).then(|| members[limit - 1].member_id);
    members.truncate(limit);
    Ok(MembersPage {
        seq,
        members,
        next_after,
    })
}

/// One member of the viewer's school, also one who left; `None` when nobody ever had this id, or
/// the viewer may not see him.
///
/// # Errors
/// [`ReadError`] when the database fails or a row is damaged.
pub async fn member(
    read: &mut TenantRead,
    member_id: MemberId,
) -> Result<Option<MemberView>, ReadError> {
    sqlx::query_file_as!(
        MemberRow,
        "src/roster/queries/member.sql",
        read.school_id().0,
        member_id.0,
    )
    .fetch_optional(read.connection())
    .await
    .map_err(ReadError::at("reading a member"))?
    .map(MemberRow::view)
    .transpose()
}

struct MemberRow {
    member_id: Uuid,
    department_id: Option<Uuid>,
    role: String,
    status: String,
    enrolled_at: DateTime<Utc>,
    removed_at: Option<DateTime<Utc>>,
    display_name: Option<String>,
    email: Option<String>,
    erased_at: Option<DateTime<Utc>>,
    external_ids: Vec<String>,
}

impl MemberRow {
    fn view(self) -> Result<MemberView, ReadError> {
        Ok(MemberView {
            member_id: MemberId(self.member_id),
            department_id: self.department_id.map(DepartmentId),
            role: parse(&self.role, "role")?,
            status: parse(&self.status, "status")?,
            external_ids: self.external_ids,
            display_name: self.display_name,
            email: self.email,
            enrolled_at: Timestamp::new(self.enrolled_at),
            removed_at: self.removed_at.map(Timestamp::new),
            erased_at: self.erased_at.map(Timestamp::new),
        })
    }
}

fn quotas(value: &serde_json::Value, column: &'static str) -> Result<Quotas, ReadError> {
    Quotas::deserialize(value).map_err(|_| ReadError::Unreadable(column))
}
