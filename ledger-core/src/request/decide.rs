//! The rules of asking, deciding and taking back (SPEC §3, "Requests").

use super::command::{
    ApproveRequest, Closing, FileRequest, RejectRequest, RequestCommand, TTL_SECONDS,
};
use super::event::{
    RequestApproved, RequestEvent, RequestExpired, RequestFiled, RequestRejected, RequestWithdrawn,
    UnitsByService,
};
use super::state::PendingRequest;
use crate::actor::{Actor, Role};
use crate::allocation::{self, Cause};
use crate::catalog::Event;
use crate::decider::Fact;
use crate::ids::{MemberId, RequestId, Seq};
use crate::plan::{Catalogue, Management};
use crate::quantity::Units;
use crate::refusal::{Refusal, known_service};
use crate::school::School;
use crate::state::SchoolState;
use crate::text::FreeText;
use crate::time::Timestamp;

pub(crate) fn decide(
    catalogue: &Catalogue,
    state: &SchoolState,
    actor: Actor,
    now: Timestamp,
    command: &RequestCommand,
) -> Result<Vec<Event>, Refusal> {
    let school = state.school()?;
    if !ends_without_units(state, command) {
        allocation::needs(catalogue, school, Management::Basic)?;
    }
    match command {
        RequestCommand::File(command) => file(catalogue, state, school, actor, now, command),
        RequestCommand::Approve(command) => approve(catalogue, state, school, actor, command),
        RequestCommand::Reject(command) => reject(state, actor, command),
        RequestCommand::Withdraw(command) => withdraw(state, actor, command),
    }
}

/// Whether a command ends a pending request and gives nothing: one that was filed under a plan with
/// allocation management must not wait on because the school pays for less.
fn ends_without_units(state: &SchoolState, command: &RequestCommand) -> bool {
    let is_pending = |closing: &Closing| state.requests.get(closing.request_id).is_some();
    match command {
        RequestCommand::File(_) | RequestCommand::Approve(_) => false,
        RequestCommand::Reject(command) => is_pending(&command.closing),
        RequestCommand::Withdraw(closing) => is_pending(closing),
    }
}

/// Somebody who acts for himself only, and not for the school.
const fn is_self_service(role: Role) -> bool {
    match role {
        Role::Teacher => true,
        Role::Principal
        | Role::PrincipalAdmin
        | Role::Auditor
        | Role::Proxy
        | Role::PlatformAdmin
        | Role::System => false,
    }
}

/// Whether the actor is this member: by his own id, or as the edge has found out.
fn is_member(actor: Actor, actor_member_id: Option<MemberId>, member_id: MemberId) -> bool {
    actor.id.0 == member_id.0 || actor_member_id == Some(member_id)
}

fn file(
    catalogue: &Catalogue,
    state: &SchoolState,
    school: &School,
    actor: Actor,
    now: Timestamp,
    command: &FileRequest,
) -> Result<Vec<Event>, Refusal> {
    let member_id = command.member_id;
    if is_self_service(actor.role) {
        // That there is another member is not for him to know.
        if !is_member(actor, command.actor_member_id, member_id) {
            return Err(Refusal::MemberNotFound {
                member_id: Some(member_id),
            });
        }
        if !school.settings.self_service_requests {
            return Err(Refusal::SelfServiceOff);
        }
    }
    state.present_member(member_id)?;
    let units = named(catalogue, &command.units)?;
    for service in units.keys() {
        if let Some(request_id) = state.requests.of_line(member_id, service) {
            return Err(Refusal::RequestPending {
                request_id,
                service: service.clone(),
            });
        }
    }
    Ok(vec![event(RequestEvent::Filed(RequestFiled {
        request_id: command.request_id,
        member_id,
        units,
        justification: command.justification.commitment(),
        urgency: command.urgency,
        expires_at: now.plus_seconds(TTL_SECONDS),
    }))])
}

/// The grant is in the same append, under the rules that every allocation is under: pool and cap
/// may be other than they were when the member asked.
fn approve(
    catalogue: &Catalogue,
    state: &SchoolState,
    school: &School,
    actor: Actor,
    command: &ApproveRequest,
) -> Result<Vec<Event>, Refusal> {
    let request = pending(state, &command.closing)?;
    nobody_decides_on_his_own(actor, &command.closing, request)?;
    let units = match &command.units {
        None => request.units.clone(),
        Some(units) => within(named(catalogue, units)?, request)?,
    };
    let request_id = command.closing.request_id;
    let member_id = request.member_id;
    let reason = command.reason.as_ref().map(FreeText::commitment);
    let grant = allocation::Grant {
        member_id,
        units: &units,
        reason,
        cause: Cause::Request(request_id),
    };
    let granted = grant.decide(state, school)?;
    let approved = event(RequestEvent::Approved(RequestApproved {
        request_id,
        member_id,
        units,
        reason,
    }));
    Ok(std::iter::once(approved).chain(granted).collect())
}

fn reject(
    state: &SchoolState,
    actor: Actor,
    command: &RejectRequest,
) -> Result<Vec<Event>, Refusal> {
    let request = pending(state, &command.closing)?;
    nobody_decides_on_his_own(actor, &command.closing, request)?;
    Ok(vec![event(RequestEvent::Rejected(RequestRejected {
        request_id: command.closing.request_id,
        member_id: request.member_id,
        reason: command.reason.commitment(),
    }))])
}

fn withdraw(state: &SchoolState, actor: Actor, closing: &Closing) -> Result<Vec<Event>, Refusal> {
    let request_id = closing.request_id;
    if let Some((member_id, _)) = asked_by(state, closing)
        && is_hidden(actor, closing, member_id)
    {
        return Err(Refusal::RequestNotFound { request_id });
    }
    let member_id = pending(state, closing)?.member_id;
    Ok(vec![withdrawn(request_id, member_id, None)])
}

/// Who asked, and the event that last changed his request, pending or closed.
fn asked_by(state: &SchoolState, closing: &Closing) -> Option<(MemberId, Seq)> {
    match state.requests.get(closing.request_id) {
        Some(pending) => Some((pending.member_id, pending.version)),
        None => closing
            .recalled
            .map(|closed| (closed.member_id, closed.version)),
    }
}

/// Whether the actor acts for himself only, and this is another's.
fn is_hidden(actor: Actor, closing: &Closing, member_id: MemberId) -> bool {
    is_self_service(actor.role) && !is_member(actor, closing.actor_member_id, member_id)
}

/// The event that last changed the request that a command closes, if the actor may know of it.
pub(crate) fn version(state: &SchoolState, actor: Actor, command: &RequestCommand) -> Option<Seq> {
    let closing = command.closing()?;
    let (member_id, version) = asked_by(state, closing)?;
    (!is_hidden(actor, closing, member_id)).then_some(version)
}

/// The pending request that a command is about, or how it was closed.
fn pending<'a>(state: &'a SchoolState, closing: &Closing) -> Result<&'a PendingRequest, Refusal> {
    let request_id = closing.request_id;
    state
        .requests
        .get(request_id)
        .ok_or_else(|| match closing.recalled {
            Some(closed) => Refusal::RequestClosed {
                request_id,
                status: closed.status,
            },
            None => Refusal::RequestNotFound { request_id },
        })
}

fn nobody_decides_on_his_own(
    actor: Actor,
    closing: &Closing,
    request: &PendingRequest,
) -> Result<(), Refusal> {
    if is_member(actor, closing.actor_member_id, request.member_id) {
        return Err(Refusal::OwnRequest {
            request_id: closing.request_id,
        });
    }
    Ok(())
}

/// Units by service: at least one, each more than none, no service twice by name or alias.
fn named(catalogue: &Catalogue, units: &[(String, Units)]) -> Result<UnitsByService, Refusal> {
    let mut by_service = UnitsByService::new();
    for (name, units) in units {
        let service = known_service(catalogue, name)?;
        if units.is_zero() {
            return Err(Refusal::NothingAsked);
        }
        if by_service.insert(service.clone(), *units).is_some() {
            return Err(Refusal::RepeatedService { service });
        }
    }
    if by_service.is_empty() {
        return Err(Refusal::NothingAsked);
    }
    Ok(by_service)
}

/// Nobody is granted more than he asked for.
fn within(granted: UnitsByService, request: &PendingRequest) -> Result<UnitsByService, Refusal> {
    for (service, units) in &granted {
        let asked = request.units.get(service).copied().unwrap_or(Units::ZERO);
        if *units > asked {
            return Err(Refusal::GrantAboveAsked {
                service: service.clone(),
                asked,
                granted: *units,
            });
        }
    }
    Ok(granted)
}

const fn event(event: RequestEvent) -> Event {
    Event::Request(event)
}

const fn withdrawn(request_id: RequestId, member_id: MemberId, cause: Option<Cause>) -> Event {
    event(RequestEvent::Withdrawn(RequestWithdrawn {
        request_id,
        member_id,
        cause,
    }))
}

/// Who leaves asks for nothing any more: his pending requests go with him.
pub(crate) fn withdrawn_on_removal(
    state: &SchoolState,
    member_id: MemberId,
) -> impl Iterator<Item = Event> {
    state
        .requests
        .of_member(member_id)
        .map(move |request_id| withdrawn(request_id, member_id, Some(Cause::Removal)))
}

/// The request that runs out first, if it has by `now`.
pub(crate) fn due(state: &SchoolState, now: Timestamp) -> Option<(RequestId, Fact)> {
    let (request_id, request) = state.requests.first_to_expire()?;
    if request.expires_at > now {
        return None;
    }
    let expired = RequestExpired {
        request_id,
        member_id: request.member_id,
    };
    Some((
        request_id,
        Fact {
            occurred_at: request.expires_at,
            event: event(RequestEvent::Expired(expired)),
        },
    ))
}
