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

/// The maximum number of members per page.
pub const MEMBERS_PAGE_MAX: u32 = 1_000;

/// A school.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SchoolView {
    /// The last event that the read model has applied.
    pub seq: Seq,
    /// The school.
    pub school_id: SchoolId,
    /// The name in the directory; `None` when erased.
    pub name: Option<String>,
    /// The kind of organisation.
    pub org_type: OrgType,
    /// The subscription tier.
    pub tier: Tier,
    /// The allocation management of the plan.
    pub management: Management,
    /// The IANA time zone of the school's days.
    pub time_zone: Tz,
    /// The day of the month on which billing cycles begin.
    pub period_anchor_day: AnchorDay,
    /// The billing cycle.
    pub period: Period,
    /// Units bought per period, by service.
    pub totals: Quotas,
    /// The settings.
    pub settings: SettingsView,
    /// The time of the registration.
    pub registered_at: Timestamp,
    /// The last event that changed the subscription or the settings: the `ETag` of both.
    pub version: Seq,
}

/// A school's settings, under the API's names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SettingsView {
    /// The maximum allocation of a member.
    pub max_individual_quota: Quotas,
    /// The allocation of a new teacher.
    pub default_member_quota: Quotas,
    /// Whether teachers may file requests.
    pub self_service_requests: bool,
    /// The overage policy by service; hard where none is set.
    pub overage: BTreeMap<ServiceId, OveragePolicy>,
    /// Whether members without an allocation draw on their department's.
    pub draw_on_department: bool,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MemberView {
    /// The member.
    pub member_id: MemberId,
    /// The department; of a removed member, the last one.
    pub department_id: Option<DepartmentId>,
    /// The role.
    pub role: Role,
    /// Active, suspended or removed.
    pub status: MemberStatus,
    /// The member's ids in other systems.
    pub external_ids: Vec<String>,
    /// The name in the directory.
    pub display_name: Option<String>,
    /// The e-mail address in the directory.
    pub email: Option<String>,
    /// The time of the last enrolment.
    pub enrolled_at: Timestamp,
    /// The time of the removal.
    pub removed_at: Option<Timestamp>,
    /// The time at which the member's personal data was erased: name, e-mail address, external ids
    /// and texts.
    pub erased_at: Option<Timestamp>,
}

/// Some members, in the order of their ids.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MembersPage {
    /// The last event that the read model has applied.
    pub seq: Seq,
    /// The members.
    pub members: Vec<MemberView>,
    /// The position after which the next page begins; `None` on the last page.
    pub next_after: Option<MemberId>,
}

/// Which members to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct MembersFilter {
    /// Members after this one.
    pub after: Option<MemberId>,
    /// Includes removed members.
    pub with_removed: bool,
    /// Only members of this department.
    pub department_id: Option<DepartmentId>,
}

/// The viewer's school, with the billing cycle of `now`; `None` when it does not exist or the
/// viewer may not see it.
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
    let recorded = match (row.period_start, row.period_end) {
        (Some(start), Some(end)) => Period {
            start: Timestamp::new(start),
            end: Timestamp::new(end),
        },
        // The balance read model lags behind the roster: the first cycle.
        _ => cycle.period_at(registered_at),
    };
    // The period ends by the clock, before its end is recorded.
    let period = if now < recorded.end {
        recorded
    } else {
        // The first one after a change of the anchor day is shorter than a month.
        let period = cycle.period_at(now);
        Period {
            start: period.start.max(recorded.end),
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

/// The members of the viewer's school that the viewer may see, at most `limit` and at most
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

/// A member of the viewer's school, removed ones included; `None` when no member has this id or the
/// viewer may not see them.
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
