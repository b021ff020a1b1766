//! Writes schools, departments and members. Of a page's changes to a member only the last is
//! written.

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

/// A page's changes to a member.
#[derive(Debug, Default)]
struct MemberDelta {
    role: Option<Role>,
    status: Option<MemberStatus>,
    enrolled_at: Option<Timestamp>,
    removed_at: Option<Timestamp>,
    /// Of a move: the new department, or `Some(None)` for none.
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
            // Departments open and close once each: these, too, are written one by one.
            Event::Department(DepartmentEvent::Opened(e)) => {
                open(tx, build, recorded, e.department_id).await?;
            }
            Event::Department(DepartmentEvent::Closed(e)) => {
                close(tx, build, recorded, e.department_id).await?;
            }
            Event::School(event) => {
                change_member(&mut members, school_id, recorded.occurred_at, event);
            }
            Event::Allocation(event) => change_status(&mut members, school_id, event),
            Event::Request(_) | Event::Usage(_) | Event::Period(_) => {}
        }
    }
    write_members(tx, build, &members).await
}

type Members = BTreeMap<(SchoolId, MemberId), MemberDelta>;

fn change_member(members: &mut Members, school_id: SchoolId, at: Timestamp, event: &SchoolEvent) {
    match event {
        SchoolEvent::MemberEnrolled(e) => {
            let member = members.entry((school_id, e.member_id)).or_default();
            *member = MemberDelta {
                role: Some(e.role),
                status: Some(MemberStatus::Active),
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
            member.status = Some(MemberStatus::Removed);
            member.removed_at = Some(at);
        }
        SchoolEvent::Registered(_)
        | SchoolEvent::SubscriptionChanged(_)
        | SchoolEvent::SettingsChanged(_)
        | SchoolEvent::MemberErased(_) => {} // recorded in the directory
    }
}

fn change_status(members: &mut Members, school_id: SchoolId, event: &AllocationEvent) {
    let (member_id, status) = match event {
        AllocationEvent::Suspended(e) => (e.member_id, MemberStatus::Suspended),
        AllocationEvent::Reactivated(e) => (e.member_id, MemberStatus::Active),
        AllocationEvent::Allocated(_)
        | AllocationEvent::Revoked(_)
        | AllocationEvent::Transferred(_)
        | AllocationEvent::TermsSet(_) => return,
    };
    members.entry((school_id, member_id)).or_default().status = Some(status);
}

async fn register(
    tx: &mut PgConnection,
    build: Build,
    recorded: &Recorded,
    event: &SchoolRegistered,
) -> Result<(), ApplyError> {
    let statement = sqlx::query_file!(
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
    );
    ApplyError::run("writing a registered school", statement.execute(tx)).await
}

async fn subscribe(
    tx: &mut PgConnection,
    school_id: SchoolId,
    build: Build,
    seq: Seq,
    event: &SubscriptionChanged,
) -> Result<(), ApplyError> {
    let statement = sqlx::query!(
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
    );
    ApplyError::run("writing a school's subscription", statement.execute(tx)).await
}

async fn change_settings(
    tx: &mut PgConnection,
    school_id: SchoolId,
    build: Build,
    seq: Seq,
    event: &SettingsChanged,
) -> Result<(), ApplyError> {
    let statement = sqlx::query!(
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
    );
    ApplyError::run("writing a school's settings", statement.execute(tx)).await
}

async fn open(
    tx: &mut PgConnection,
    build: Build,
    recorded: &Recorded,
    department_id: DepartmentId,
) -> Result<(), ApplyError> {
    let statement = sqlx::query!(
        "INSERT INTO roster_department (school_id, build, department_id, opened_at)
         VALUES ($1, $2, $3, $4)",
        recorded.school_id.0,
        build.0,
        department_id.0,
        recorded.occurred_at.get(),
    );
    ApplyError::run("writing a department", statement.execute(tx)).await
}

async fn close(
    tx: &mut PgConnection,
    build: Build,
    recorded: &Recorded,
    department_id: DepartmentId,
) -> Result<(), ApplyError> {
    let statement = sqlx::query!(
        "UPDATE roster_department SET closed_at = $4
          WHERE school_id = $1 AND build = $2 AND department_id = $3",
        recorded.school_id.0,
        build.0,
        department_id.0,
        recorded.occurred_at.get(),
    );
    ApplyError::run("closing a department", statement.execute(tx)).await
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
    let statuses: Vec<Option<&str>> = deltas
        .clone()
        .map(|d| d.status.map(MemberStatus::as_str))
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
    let statement = sqlx::query_file!(
        "src/roster/queries/write_members.sql",
        build.0,
        &schools,
        &ids,
        &roles as &[Option<&str>],
        &statuses as &[Option<&str>],
        &enrolled as &[Option<DateTime<Utc>>],
        &removed as &[Option<DateTime<Utc>>],
        &moved,
        &departments as &[Option<Uuid>],
    );
    ApplyError::run("writing members", statement.execute(tx)).await
}
