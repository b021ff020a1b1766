//! Writes schools, departments and members. Of a page's changes to one member only the last ones are written.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ledger_core::allocation::AllocationEvent;
use ledger_core::catalog::Event;
use ledger_core::department::DepartmentEvent;
use ledger_core::school::{
    MemberStatus, SchoolEvent, SchoolRegistered, SettingsChanged, SubscriptionChanged,
};
use ledger_core::{DepartmentId, MemberId, Recorded, Role, SchoolId, Seq, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::ApplyError;
use crate::projection::{Build, SchoolEvents};

/// What a page changes of a member.
#[derive(Debug, Default)]
struct MemberDelta {
    role: Option<Role>,
    standing: Option<MemberStatus>,
    enrolled_at: Option<Timestamp>,
    removed_at: Option<Timestamp>,
    /// The department, or none, that he moved into.
    department: Option<Option<DepartmentId>>,
}

pub(super) async fn write_in_tx(
    tx: &mut PgConnection,
    build: Build,
    page: &[SchoolEvents<'_>],
) -> Result<(), ApplyError> {
    let mut members = Members::new();
    for recorded in page.iter().flat_map(|school| school.events) {
        let school_id = recorded.school_id;
        match &recorded.event {
            // A school's own changes are few: they are written one by one.
            Event::School(SchoolEvent::Registered(e)) => {
                register(tx, build, recorded, e).await?;
            }
            Event::School(SchoolEvent::SubscriptionChanged(e)) => {
                subscribe(tx, school_id, build, recorded.seq, e).await?;
            }
            Event::School(SchoolEvent::SettingsChanged(e)) => {
                change_settings(tx, school_id, build, recorded.seq, e).await?;
            }
            Event::Department(DepartmentEvent::MemberMoved(e)) => {
                let member = members.entry((school_id, e.member_id)).or_default();
                member.department = Some(e.after);
            }
            // So are departments, which open and close once each.
            Event::Department(DepartmentEvent::Opened(e)) => {
                open(tx, build, recorded, e.department_id).await?;
            }
            Event::Department(DepartmentEvent::Closed(e)) => {
                close(tx, build, recorded, e.department_id).await?;
            }
            Event::School(event) => note(&mut members, school_id, recorded.occurred_at, event),
            Event::Allocation(event) => note_standing(&mut members, school_id, event),
            Event::Request(_) | Event::Usage(_) | Event::Period(_) => {}
        }
    }
    write_members(tx, build, &members).await
}

type Members = BTreeMap<(SchoolId, MemberId), MemberDelta>;

fn note(members: &mut Members, school_id: SchoolId, at: Timestamp, event: &SchoolEvent) {
    match event {
        SchoolEvent::MemberEnrolled(e) => {
            let member = members.entry((school_id, e.member_id)).or_default();
            *member = MemberDelta {
                role: Some(e.role),
                standing: Some(MemberStatus::Active),
                enrolled_at: Some(at),
                removed_at: None,
                department: member.department,
            };
        }
        SchoolEvent::MemberRoleChanged(e) => {
            members.entry((school_id, e.member_id)).or_default().role = Some(e.after);
        }
        SchoolEvent::MemberRemoved(e) => {
            let member = members.entry((school_id, e.member_id)).or_default();
            member.standing = Some(MemberStatus::Removed);
            member.removed_at = Some(at);
        }
        SchoolEvent::Registered(_)
        | SchoolEvent::SubscriptionChanged(_)
        | SchoolEvent::SettingsChanged(_)
        | SchoolEvent::MemberErased(_) => {} // the directory says so
    }
}

fn note_standing(members: &mut Members, school_id: SchoolId, event: &AllocationEvent) {
    let (member_id, standing) = match event {
        AllocationEvent::Suspended(e) => (e.member_id, MemberStatus::Suspended),
        AllocationEvent::Reactivated(e) => (e.member_id, MemberStatus::Active),
        AllocationEvent::Allocated(_)
        | AllocationEvent::Revoked(_)
        | AllocationEvent::Transferred(_)
        | AllocationEvent::TermsSet(_) => return,
    };
    members.entry((school_id, member_id)).or_default().standing = Some(standing);
}

async fn register(
    tx: &mut PgConnection,
    build: Build,
    recorded: &Recorded,
    event: &SchoolRegistered,
) -> Result<(), ApplyError> {
    sqlx::query_file!(
        "src/roster/queries/register.sql",
        recorded.school_id.0,
        build.0,
        event.org_type.as_str(),
        event.tier.as_str(),
        event.management.as_str(),
        event.cycle.time_zone.name(),
        i16::from(event.cycle.anchor_day.get()),
        serde_json::to_value(&event.totals)?,
        serde_json::to_value(&event.max_individual_quota)?,
        serde_json::to_value(&event.default_member_quota)?,
        event.self_service_requests,
        recorded.occurred_at.get(),
        recorded.seq.0,
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("writing a registered school"))
}

async fn subscribe(
    tx: &mut PgConnection,
    school_id: SchoolId,
    build: Build,
    seq: Seq,
    event: &SubscriptionChanged,
) -> Result<(), ApplyError> {
    sqlx::query!(
        "UPDATE roster_school
            SET tier = $3, management = $4, totals = totals || $5, version = $6,
                period_anchor_day = coalesce($7, period_anchor_day)
          WHERE school_id = $1 AND build = $2",
        school_id.0,
        build.0,
        event.tier.as_str(),
        event.management.as_str(),
        serde_json::to_value(&event.totals)?,
        seq.0,
        event.turn.map(|turn| i16::from(turn.anchor_day.get())),
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("writing a school's subscription"))
}

async fn change_settings(
    tx: &mut PgConnection,
    school_id: SchoolId,
    build: Build,
    seq: Seq,
    event: &SettingsChanged,
) -> Result<(), ApplyError> {
    sqlx::query!(
        "UPDATE roster_school
            SET max_individual_quota = $3, default_member_quota = $4,
                self_service_requests = $5, overage = $6,
                version = $7, draw_on_department = $8
          WHERE school_id = $1 AND build = $2",
        school_id.0,
        build.0,
        serde_json::to_value(&event.after.max_individual_quota)?,
        serde_json::to_value(&event.after.default_member_quota)?,
        event.after.self_service_requests,
        serde_json::to_value(&event.after.overage)?,
        seq.0,
        event.after.draw_on_department,
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("writing a school's settings"))
}

async fn open(
    tx: &mut PgConnection,
    build: Build,
    recorded: &Recorded,
    department_id: DepartmentId,
) -> Result<(), ApplyError> {
    sqlx::query!(
        "INSERT INTO roster_department (school_id, build, department_id, opened_at)
         VALUES ($1, $2, $3, $4)",
        recorded.school_id.0,
        build.0,
        department_id.0,
        recorded.occurred_at.get(),
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("writing a department"))
}

async fn close(
    tx: &mut PgConnection,
    build: Build,
    recorded: &Recorded,
    department_id: DepartmentId,
) -> Result<(), ApplyError> {
    sqlx::query!(
        "UPDATE roster_department SET closed_at = $4
          WHERE school_id = $1 AND build = $2 AND department_id = $3",
        recorded.school_id.0,
        build.0,
        department_id.0,
        recorded.occurred_at.get(),
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("closing a department"))
}

async fn write_members(
    tx: &mut PgConnection,
    build: Build,
    members: &Members,
) -> Result<(), ApplyError> {
    if members.is_empty() {
        return Ok(());
    }
    let schools: Vec<Uuid> = members.keys().map(|(school_id, _)| school_id.0).collect();
    let ids: Vec<Uuid> = members.keys().map(|(_, member_id)| member_id.0).collect();
    let deltas = members.values();
    let roles: Vec<Option<&str>> = deltas.clone().map(|d| d.role.map(Role::as_str)).collect();
    let standings: Vec<Option<&str>> = deltas
        .clone()
        .map(|d| d.standing.map(MemberStatus::as_str))
        .collect();
    let enrolled: Vec<Option<DateTime<Utc>>> = deltas
        .clone()
        .map(|d| d.enrolled_at.map(Timestamp::get))
        .collect();
    let removed: Vec<Option<DateTime<Utc>>> = deltas
        .clone()
        .map(|d| d.removed_at.map(Timestamp::get))
        .collect();
    let moved: Vec<bool> = deltas.clone().map(|d| d.department.is_some()).collect();
    let departments: Vec<Option<Uuid>> = deltas.map(|d| Some(d.department??.0)).collect();
    sqlx::query_file!(
        "src/roster/queries/write_members.sql",
        build.0,
        &schools,
        &ids,
        &roles as &[Option<&str>],
        &standings as &[Option<&str>],
        &enrolled as &[Option<DateTime<Utc>>],
        &removed as &[Option<DateTime<Utc>>],
        &moved,
        &departments as &[Option<Uuid>],
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("writing members"))
}
