//! The rules of registering, subscribing, setting and enrolling.

use std::collections::BTreeMap;

use super::command::{
    ChangeSettings, EnrolMember, RegisterSchool, SchoolCommand, SetSubscription, named, overlaid,
};
use super::event::{
    MemberEnrolled, MemberRemoved, MemberRoleChanged, SchoolEvent, SchoolRegistered, Settings,
    SettingsChanged, SubscriptionChanged,
};
use super::overage::OveragePolicy;
use super::state::{School, Standing};
use crate::actor::Role;
use crate::allocation;
use crate::catalog::Event;
use crate::ids::MemberId;
use crate::plan::{Catalogue, Management, OrgType, Tier};
use crate::quantity::Quota;
use crate::refusal::{Level, Refusal, Rule, Shortfall};
use crate::request;
use crate::service::ServiceId;
use crate::state::SchoolState;
use crate::time::Timestamp;

pub(crate) fn decide(
    catalogue: &Catalogue,
    state: &SchoolState,
    now: Timestamp,
    command: &SchoolCommand,
) -> Result<Vec<Event>, Refusal> {
    if let SchoolCommand::Register(command) = command {
        return register(catalogue, state, now, command);
    }
    let school = state.school()?;
    match command {
        SchoolCommand::Register(_) => Err(Refusal::SchoolExists),
        SchoolCommand::SetSubscription(command) => subscribe(catalogue, state, school, command),
        SchoolCommand::ChangeSettings(command) => change_settings(catalogue, school, command),
        SchoolCommand::EnrolMember(command) => enrol(state, school, command),
        SchoolCommand::SetRole { member_id, role } => set_role(state, *member_id, *role),
        SchoolCommand::RemoveMember { member_id } => remove(state, *member_id),
        // What is due is taken in before any command is decided.
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
            member_cap: defaults.member_cap.clone(),
            default_grant: defaults.default_grant.clone(),
            self_service_requests: defaults.self_service_requests(command.tier),
        },
    ))])
}

fn subscribe(
    catalogue: &Catalogue,
    state: &SchoolState,
    school: &School,
    command: &SetSubscription,
) -> Result<Vec<Event>, Refusal> {
    let tier = command.tier.unwrap_or(school.tier);
    let old_plan = catalogue.plan(school.org_type, school.tier);
    let plan = catalogue.plan(school.org_type, tier);
    let totals_before = state.totals();
    let mut totals = totals_before.clone();
    for (service, total) in &plan.totals {
        let current = totals.get(service);
        if current.is_none() || current == old_plan.totals.get(service) {
            totals.insert(service.clone(), *total);
        }
    }
    totals.extend(named(catalogue, &command.totals)?);
    for (service, total) in &totals {
        check_total(state, school, service, *total)?;
    }
    if plan.management == Management::None {
        check_nothing_unused(state)?;
    }
    if tier == school.tier && plan.management == school.management && totals == totals_before {
        return Ok(Vec::new());
    }
    let changed = Event::School(SchoolEvent::SubscriptionChanged(SubscriptionChanged {
        tier_before: school.tier,
        tier,
        management: plan.management,
        totals_before,
        totals,
    }));
    let events = std::iter::once(changed).chain(self_service(catalogue, school, tier));
    Ok(events.collect())
}

/// A school that has self-service as its tier has it by default goes with the new tier's default.
fn self_service(catalogue: &Catalogue, school: &School, tier: Tier) -> Option<Event> {
    let before = &school.settings;
    let old_default = catalogue.defaults.self_service_requests(school.tier);
    let new_default = catalogue.defaults.self_service_requests(tier);
    if before.self_service_requests != old_default || old_default == new_default {
        return None;
    }
    let before = before.clone();
    let after = Settings {
        self_service_requests: new_default,
        ..before.clone()
    };
    let changed = SettingsChanged { before, after };
    Some(Event::School(SchoolEvent::SettingsChanged(changed)))
}

/// Without allocation management nobody could take back what members hold and did not use; what
/// they used stays on their lines until the period ends.
fn check_nothing_unused(state: &SchoolState) -> Result<(), Refusal> {
    for (service, pool) in &state.pools {
        if pool.holds_nothing() {
            continue;
        }
        let unused = state.members.values().fold(Quota::ZERO, |sum, member| {
            let line = member.line(service);
            match (sum, line.allocated.minus(line.used)) {
                (Quota::Finite(sum), Quota::Finite(more)) => sum.saturating_add(more).into(),
                (Quota::Unlimited, _) | (_, Quota::Unlimited) => Quota::Unlimited,
            }
        });
        if unused != Quota::ZERO {
            return Err(Refusal::AllocationsOutstanding {
                service: service.clone(),
                allocated: unused,
            });
        }
    }
    Ok(())
}

/// A total must cover what was used and is held, and what is allocated.
fn check_total(
    state: &SchoolState,
    school: &School,
    service: &ServiceId,
    total: Quota,
) -> Result<(), Refusal> {
    let pool = state.pool(service);
    if pool.total.fits_in(total) {
        return Ok(());
    }
    let refuse = |rule, least: Quota| {
        Err(Refusal::Shortfall(Box::new(Shortfall {
            rule,
            level: Level::Pool,
            service: service.clone(),
            limit: least,
            used: pool.used,
            held: pool.held,
            asked: total,
            available: pool.unallocated(),
            resets_at: school.period.end,
        })))
    };
    let spent = pool.used.saturating_add(pool.held);
    if !total.covers(spent) {
        return refuse(Rule::TotalBelowUsage, Quota::Finite(spent));
    }
    let committed = pool.committed();
    if !committed.fits_in(total) {
        return refuse(Rule::TotalBelowAllocated, committed);
    }
    Ok(())
}

fn change_settings(
    catalogue: &Catalogue,
    school: &School,
    command: &ChangeSettings,
) -> Result<Vec<Event>, Refusal> {
    let before = &school.settings;
    let after = Settings {
        member_cap: overlaid(&before.member_cap, named(catalogue, &command.member_cap)?),
        default_grant: overlaid(
            &before.default_grant,
            named(catalogue, &command.default_grant)?,
        ),
        self_service_requests: command
            .self_service_requests
            .unwrap_or(before.self_service_requests),
        overage: overage(before, named(catalogue, &command.overage)?),
    };
    if after == *before {
        return Ok(Vec::new());
    }
    let before = before.clone();
    Ok(vec![Event::School(SchoolEvent::SettingsChanged(
        SettingsChanged { before, after },
    ))])
}

/// Only what is not hard is kept, so that the same rules have one form.
fn overage(
    before: &Settings,
    changes: Vec<(ServiceId, OveragePolicy)>,
) -> BTreeMap<ServiceId, OveragePolicy> {
    let mut policies = before.overage.clone();
    policies.extend(changes);
    policies.retain(|_, policy| *policy != OveragePolicy::Hard);
    policies
}

/// A new teacher comes with the school's default grant, as far as the pool reaches.
fn enrol(
    state: &SchoolState,
    school: &School,
    command: &EnrolMember,
) -> Result<Vec<Event>, Refusal> {
    if command.member_id.0.is_nil() {
        return Err(Refusal::NilMember);
    }
    let current = state.members.get(&command.member_id);
    if current.is_some_and(|member| member.standing != Standing::Removed) {
        return Err(Refusal::MemberExists {
            member_id: command.member_id,
        });
    }
    if let Some(claim) = command.claimed.first() {
        return Err(Refusal::ExternalIdTaken {
            external_id: claim.external_id.clone(),
        });
    }
    let mut members = state.members.values();
    if school.org_type == OrgType::Individual
        && members.any(|member| member.standing != Standing::Removed)
    {
        return Err(Refusal::IndividualIsOneMember);
    }
    let mut events = vec![Event::School(SchoolEvent::MemberEnrolled(MemberEnrolled {
        member_id: command.member_id,
        role: command.role,
    }))];
    if command.is_teacher() && school.management != Management::None {
        events.extend(allocation::default_grant(state, school, command.member_id));
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
    if member.standing == Standing::Removed {
        return Ok(Vec::new());
    }
    let mut events: Vec<_> = request::withdrawn_on_removal(state, member_id)
        .chain(allocation::returned_on_removal(state, member_id, member))
        .collect();
    events.push(Event::School(SchoolEvent::MemberRemoved(MemberRemoved {
        member_id,
    })));
    Ok(events)
}
