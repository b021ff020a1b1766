//! The rules of registering, setting and enrolling; `subscribe.rs` has those of subscribing.

use std::collections::BTreeMap;

use super::command::{ChangeSettings, EnrolMember, RegisterSchool, SchoolCommand, named, overlaid};
use super::event::{
    MemberEnrolled, MemberErased, MemberRemoved, MemberRoleChanged, SchoolEvent, SchoolRegistered,
    Settings, SettingsChanged,
};
use super::overage::OveragePolicy;
use super::state::{MemberStatus, School};
use super::subscribe::subscribe;
use crate::actor::Role;
use crate::allocation::{self, Cause, Holder};
use crate::catalog::Event;
use crate::context::Context;
use crate::department;
use crate::ids::{ExternalId, MemberId};
use crate::plan::{Catalogue, Management, OrgType};
use crate::refusal::Refusal;
use crate::request;
use crate::service::ServiceId;
use crate::state::SchoolState;
use crate::text::FreeText;
use crate::time::Timestamp;

pub(crate) fn decide(
    catalogue: &Catalogue,
    state: &SchoolState,
    now: Timestamp,
    command: &SchoolCommand,
    context: &Context,
) -> Result<Vec<Event>, Refusal> {
    if let SchoolCommand::Register(command) = command {
        return register(catalogue, state, now, command);
    }
    let school = state.school()?;
    match command {
        SchoolCommand::Register(_) => Err(Refusal::SchoolExists),
        SchoolCommand::SetSubscription(command) => subscribe(catalogue, state, school, command),
        SchoolCommand::ChangeSettings(command) => change_settings(catalogue, school, command),
        SchoolCommand::EnrolMember(command) => enrol(catalogue, state, school, command, context),
        SchoolCommand::SetRole { member_id, role } => set_role(state, *member_id, *role),
        SchoolCommand::RemoveMember { member_id } => remove(state, *member_id),
        SchoolCommand::EraseMember { member_id, reason } => {
            erase(state, *member_id, reason.as_ref())
        }
        // Due events are recorded before every command.
        SchoolCommand::CatchUp => Ok(Vec::new()),
    }
}

fn register(
    catalogue: &Catalogue,
    state: &SchoolState,
    now: Timestamp,
    command: &RegisterSchool,
) -> Result<Vec<Event>, Refusal> {
    if state.school.is_some() {
        return Err(Refusal::SchoolExists);
    }
    let plan = catalogue.plan(command.org_type, command.tier);
    let defaults = &catalogue.defaults;
    Ok(vec![Event::School(SchoolEvent::Registered(
        SchoolRegistered {
            org_type: command.org_type,
            tier: command.tier,
            management: plan.management,
            cycle: command.cycle,
            period: command.cycle.period_at(now),
            totals: overlaid(&plan.totals, named(catalogue, &command.totals)?),
            max_individual_quota: defaults.max_individual_quota.clone(),
            default_member_quota: defaults.default_member_quota.clone(),
            self_service_requests: defaults.self_service_requests(command.tier),
        },
    ))])
}

fn change_settings(
    catalogue: &Catalogue,
    school: &School,
    command: &ChangeSettings,
) -> Result<Vec<Event>, Refusal> {
    let before = &school.settings;
    let after = Settings {
        max_individual_quota: overlaid(
            &before.max_individual_quota,
            named(catalogue, &command.max_individual_quota)?,
        ),
        default_member_quota: overlaid(
            &before.default_member_quota,
            named(catalogue, &command.default_member_quota)?,
        ),
        self_service_requests: command
            .self_service_requests
            .unwrap_or(before.self_service_requests),
        overage: overage(before, named(catalogue, &command.overage)?),
        draw_on_department: command
            .draw_on_department
            .unwrap_or(before.draw_on_department),
    };
    if after == *before {
        return Ok(Vec::new());
    }
    check_effective(catalogue, school, &after)?;
    let before = before.clone();
    Ok(vec![Event::School(SchoolEvent::SettingsChanged(
        SettingsChanged { before, after },
    ))])
}

/// Hard policies are left out, so that equal settings have one form.
fn overage(
    before: &Settings,
    changes: Vec<(ServiceId, OveragePolicy)>,
) -> BTreeMap<ServiceId, OveragePolicy> {
    let mut policies = before.overage.clone();
    policies.extend(changes);
    policies.retain(|_, policy| *policy != OveragePolicy::Hard);
    policies
}

/// Cap, default quota and self-service need a plan with allocations: without one they would have no
/// effect.
fn check_effective(
    catalogue: &Catalogue,
    school: &School,
    after: &Settings,
) -> Result<(), Refusal> {
    let before = &school.settings;
    if after.max_individual_quota != before.max_individual_quota
        || after.default_member_quota != before.default_member_quota
        || after.self_service_requests != before.self_service_requests
    {
        allocation::needs(catalogue, school, Management::Basic)?;
    }
    if after.draw_on_department && !before.draw_on_department {
        allocation::needs(catalogue, school, Management::Advanced)?;
    }
    Ok(())
}

/// A new teacher is granted the school's default quota, as far as the department or the pool has
/// headroom. A former member enters the named department or none, whatever the former one.
fn enrol(
    catalogue: &Catalogue,
    state: &SchoolState,
    school: &School,
    command: &EnrolMember,
    context: &Context,
) -> Result<Vec<Event>, Refusal> {
    if command.department_id.is_some() {
        allocation::needs(catalogue, school, Management::Advanced)?;
    }
    if command.member_id.0.is_nil() {
        return Err(Refusal::NilMember);
    }
    let current = state.members.get(&command.member_id);
    if current.is_some_and(|member| member.status != MemberStatus::Removed) {
        return Err(Refusal::MemberExists {
            member_id: command.member_id,
        });
    }
    let is_taken = |id: &&ExternalId| {
        let owner = context.owners.get(*id);
        owner.is_some_and(|owner| *owner != command.member_id)
    };
    if let Some(external_id) = command.external_ids.iter().find(is_taken) {
        return Err(Refusal::ExternalIdTaken {
            external_id: external_id.clone(),
        });
    }
    let mut members = state.members.values();
    if school.org_type == OrgType::Individual
        && members.any(|member| member.status != MemberStatus::Removed)
    {
        return Err(Refusal::IndividualIsOneMember);
    }
    let mut events = vec![Event::School(SchoolEvent::MemberEnrolled(MemberEnrolled {
        member_id: command.member_id,
        role: command.role,
    }))];
    let (member_id, department_id) = (command.member_id, command.department_id);
    events.extend(department::moved(state, school, member_id, department_id)?);
    if command.is_teacher() && school.management != Management::None {
        let grant = allocation::grant_default_quota(state, school, member_id, department_id)?;
        events.extend(grant);
    }
    Ok(events)
}

fn set_role(state: &SchoolState, member_id: MemberId, role: Role) -> Result<Vec<Event>, Refusal> {
    let before = state.present_member(member_id)?.role;
    if before == role {
        return Ok(Vec::new());
    }
    Ok(vec![Event::School(SchoolEvent::MemberRoleChanged(
        MemberRoleChanged {
            member_id,
            before,
            after: role,
        },
    ))])
}

fn remove(state: &SchoolState, member_id: MemberId) -> Result<Vec<Event>, Refusal> {
    let member = state.member(member_id)?;
    if member.status == MemberStatus::Removed {
        return Ok(Vec::new());
    }
    let holder = Holder::Member(member_id);
    let mut events: Vec<_> = request::withdrawn_on_removal(state, member_id)
        .chain(allocation::returned(state, holder, &Cause::Removal))
        .collect();
    events.push(Event::School(SchoolEvent::MemberRemoved(MemberRemoved {
        member_id,
    })));
    Ok(events)
}

/// Any present or past member can be erased, also repeatedly: the rules do not see whether personal
/// data was written since.
fn erase(
    state: &SchoolState,
    member_id: MemberId,
    reason: Option<&FreeText>,
) -> Result<Vec<Event>, Refusal> {
    state.member(member_id)?;
    Ok(vec![Event::School(SchoolEvent::MemberErased(
        MemberErased {
            member_id,
            reason: reason.map(FreeText::commitment),
        },
    ))])
}
