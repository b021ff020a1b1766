//! The rules of filing, deciding and withdrawing requests (SPEC §3, "Requests").

use super::command::{ApproveRequest, FileRequest, RejectRequest, RequestCommand, TTL_SECONDS};
use super::event::{
    RequestApproved, RequestEvent, RequestExpired, RequestFiled, RequestRejected, RequestWithdrawn,
    UnitsByService,
};
use super::state::PendingRequest;
use crate::actor::{Actor, Role};
use crate::allocation::{self, Cause};
use crate::catalog::Event;
use crate::context::Context;
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
    context: &Context,
) -> Result<Vec<Event>, Refusal> {
    let school = state.school()?;
    if !ends_without_units(state, command) {
        allocation::needs(catalogue, school, Management::Basic)?;
    }
    let asker = Asker {
        state,
        actor,
        context,
    };
    match command {
        RequestCommand::File(command) => asker.file(catalogue, school, now, command),
        RequestCommand::Approve(command) => asker.approve(catalogue, school, command),
        RequestCommand::Reject(command) => asker.reject(command),
        RequestCommand::Withdraw { request_id } => asker.withdraw(*request_id),
    }
}

/// Whether a command ends a pending request and grants nothing. Such a command needs no plan: a
/// request filed under a larger plan can still be closed after a downgrade.
fn ends_without_units(state: &SchoolState, command: &RequestCommand) -> bool {
    let is_pending = |request_id| state.requests.get(request_id).is_some();
    match command {
        RequestCommand::File(_) | RequestCommand::Approve(_) => false,
        RequestCommand::Reject(RejectRequest { request_id, .. })
        | RequestCommand::Withdraw { request_id } => is_pending(*request_id),
    }
}

/// Whether the role acts for its own member only, and not for the school.
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

/// The event that last changed the request that a command closes, if the actor may see it.
pub(crate) fn version(
    state: &SchoolState,
    actor: Actor,
    command: &RequestCommand,
    context: &Context,
) -> Option<Seq> {
    let asker = Asker {
        state,
        actor,
        context,
    };
    let (member_id, version) = asker.found(command.closes()?)?;
    (!asker.is_hidden(member_id)).then_some(version)
}

/// The actor of a command about requests, and what they can see.
struct Asker<'a> {
    state: &'a SchoolState,
    actor: Actor,
    context: &'a Context,
}

impl<'a> Asker<'a> {
    /// Whether the actor is this member, by their own id or by the directory.
    fn is_member(&self, member_id: MemberId) -> bool {
        self.actor.id.0 == member_id.0 || self.context.actor_member == Some(member_id)
    }

    /// Whether the actor acts for their own member only, and the request is another member's.
    fn is_hidden(&self, member_id: MemberId) -> bool {
        is_self_service(self.actor.role) && !self.is_member(member_id)
    }

    /// The requesting member and the event that last changed the request, pending or closed.
    fn found(&self, request_id: RequestId) -> Option<(MemberId, Seq)> {
        match self.state.requests.get(request_id) {
            Some(pending) => Some((pending.member_id, pending.version)),
            None => self
                .context
                .closed_request
                .map(|closed| (closed.member_id, closed.version)),
        }
    }

    /// The pending request.
    ///
    /// # Errors
    /// [`Refusal::RequestClosed`] or [`Refusal::RequestNotFound`].
    fn pending(&self, request_id: RequestId) -> Result<&'a PendingRequest, Refusal> {
        let pending = self.state.requests.get(request_id);
        pending.ok_or_else(|| match self.context.closed_request {
            Some(closed) => Refusal::RequestClosed {
                request_id,
                status: closed.status,
            },
            None => Refusal::RequestNotFound { request_id },
        })
    }

    /// The pending request, which must not be the actor's own.
    fn to_decide(&self, request_id: RequestId) -> Result<&'a PendingRequest, Refusal> {
        let request = self.pending(request_id)?;
        if self.is_member(request.member_id) {
            return Err(Refusal::OwnRequest { request_id });
        }
        Ok(request)
    }

    fn file(
        &self,
        catalogue: &Catalogue,
        school: &School,
        now: Timestamp,
        command: &FileRequest,
    ) -> Result<Vec<Event>, Refusal> {
        let member_id = command.member_id;
        // A teacher must not learn whether another member exists.
        if self.is_hidden(member_id) {
            return Err(Refusal::MemberNotFound {
                member_id: Some(member_id),
            });
        }
        if is_self_service(self.actor.role) && !school.settings.self_service_requests {
            return Err(Refusal::SelfServiceOff);
        }
        self.state.present_member(member_id)?;
        let units = by_service(catalogue, &command.units)?;
        for service in units.keys() {
            if let Some(request_id) = self.state.requests.of_line(member_id, service) {
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

    /// The grant is part of the same append, under the rules of every allocation: pool and cap may
    /// have changed since the request was filed.
    fn approve(
        &self,
        catalogue: &Catalogue,
        school: &School,
        command: &ApproveRequest,
    ) -> Result<Vec<Event>, Refusal> {
        let request_id = command.request_id;
        let request = self.to_decide(request_id)?;
        let units = match &command.units {
            None => request.units.clone(),
            Some(units) => within(by_service(catalogue, units)?, request)?,
        };
        let member_id = request.member_id;
        let reason = command.reason.as_ref().map(FreeText::commitment);
        let grant = allocation::Grant {
            member_id,
            units: &units,
            reason,
            cause: Cause::Request(request_id),
        };
        let granted = grant.decide(self.state, school)?;
        let approved = event(RequestEvent::Approved(RequestApproved {
            request_id,
            member_id,
            units,
            reason,
        }));
        Ok(std::iter::once(approved).chain(granted).collect())
    }

    fn reject(&self, command: &RejectRequest) -> Result<Vec<Event>, Refusal> {
        let request_id = command.request_id;
        let request = self.to_decide(request_id)?;
        Ok(vec![event(RequestEvent::Rejected(RequestRejected {
            request_id,
            member_id: request.member_id,
            reason: command.reason.commitment(),
        }))])
    }

    fn withdraw(&self, request_id: RequestId) -> Result<Vec<Event>, Refusal> {
        if let Some((member_id, _)) = self.found(request_id)
            && self.is_hidden(member_id)
        {
            return Err(Refusal::RequestNotFound { request_id });
        }
        let member_id = self.pending(request_id)?.member_id;
        Ok(vec![withdrawn(request_id, member_id, None)])
    }
}

/// Units by service: at least one service, each above zero, none twice by name or alias.
fn by_service(catalogue: &Catalogue, units: &[(String, Units)]) -> Result<UnitsByService, Refusal> {
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

/// Refuses a grant above the requested units.
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

/// The withdrawal of a removed member's pending requests.
pub(crate) fn withdrawn_on_removal(
    state: &SchoolState,
    member_id: MemberId,
) -> impl Iterator<Item = Event> {
    state
        .requests
        .of_member(member_id)
        .map(move |request_id| withdrawn(request_id, member_id, Some(Cause::Removal)))
}

/// The earliest expiry of a request that is due by `now`.
pub(crate) fn due(state: &SchoolState, now: Timestamp) -> Option<(RequestId, Fact)> {
    let (&request_id, request) = state.requests.by_id().first_to_expire()?;
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
