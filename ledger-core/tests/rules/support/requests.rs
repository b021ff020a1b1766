//! Requests in a word: what is asked, what happened, who asks.

use ledger_core::allocation::Cause;
use ledger_core::catalog::Event;
use ledger_core::request::{
    ApproveRequest, FileRequest, RejectRequest, RequestApproved, RequestCommand, RequestEvent,
    RequestExpired, RequestFiled, RequestRejected, RequestWithdrawn, TTL_SECONDS, UnitsByService,
    Urgency,
};
use ledger_core::{Actor, ActorId, MemberId, RequestId, Role, Timestamp};
use uuid::Uuid;

use super::commands::reason;
use super::{service, units};

/// The request of most tests.
pub const ASKED: RequestId = RequestId(Uuid::from_u128(0xa5ced));
/// Another one.
pub const OTHER: RequestId = RequestId(Uuid::from_u128(0x07e4));
/// And another.
pub const THIRD: RequestId = RequestId(Uuid::from_u128(0x741d));

/// A teacher whose token's subject is the member id.
pub const fn teacher(member_id: MemberId) -> Actor {
    Actor {
        role: Role::Teacher,
        id: ActorId(member_id.0),
    }
}

/// A principal whose token's subject is the member id, if the principal is a member.
pub const fn principal(id: MemberId) -> Actor {
    Actor {
        role: Role::Principal,
        id: ActorId(id.0),
    }
}

/// Asks for units of services by name or alias.
pub fn ask(member_id: MemberId, asked: &[(&str, i64)]) -> FileRequest {
    FileRequest {
        request_id: ASKED,
        member_id,
        units: named(asked),
        justification: reason(),
        urgency: Urgency::Normal,
    }
}

pub fn named(asked: &[(&str, i64)]) -> Vec<(String, ledger_core::Units)> {
    let named = asked
        .iter()
        .map(|(name, n)| ((*name).to_owned(), units(*n)));
    named.collect()
}

pub const fn file(file: FileRequest) -> RequestCommand {
    RequestCommand::File(file)
}

/// Everything that was asked for.
pub const fn approve(request_id: RequestId) -> RequestCommand {
    RequestCommand::Approve(ApproveRequest {
        request_id,
        units: None,
        reason: None,
    })
}

/// A part of what was asked for.
pub fn approve_part(request_id: RequestId, part: &[(&str, i64)]) -> RequestCommand {
    RequestCommand::Approve(ApproveRequest {
        request_id,
        units: Some(named(part)),
        reason: Some(reason()),
    })
}

pub fn reject(request_id: RequestId) -> RequestCommand {
    RequestCommand::Reject(RejectRequest {
        request_id,
        reason: reason(),
    })
}

pub const fn withdraw(request_id: RequestId) -> RequestCommand {
    RequestCommand::Withdraw { request_id }
}

fn by_service(n: &[(&str, i64)]) -> UnitsByService {
    let entries = n.iter().map(|(name, n)| (service(name), units(*n)));
    entries.collect()
}

/// Filed at `at`, of normal urgency.
pub fn filed(member_id: MemberId, asked: &[(&str, i64)], at: Timestamp) -> Event {
    Event::Request(RequestEvent::Filed(RequestFiled {
        request_id: ASKED,
        member_id,
        units: by_service(asked),
        justification: reason().commitment(),
        urgency: Urgency::Normal,
        expires_at: at.plus_seconds(TTL_SECONDS),
    }))
}

/// Approved without a word.
pub fn approved(member_id: MemberId, granted: &[(&str, i64)]) -> Event {
    Event::Request(RequestEvent::Approved(RequestApproved {
        request_id: ASKED,
        member_id,
        units: by_service(granted),
        reason: None,
    }))
}

/// Approved, with the reason of every test.
pub fn approved_because(member_id: MemberId, granted: &[(&str, i64)]) -> Event {
    Event::Request(RequestEvent::Approved(RequestApproved {
        request_id: ASKED,
        member_id,
        units: by_service(granted),
        reason: Some(reason().commitment()),
    }))
}

pub fn rejected(member_id: MemberId) -> Event {
    Event::Request(RequestEvent::Rejected(RequestRejected {
        request_id: ASKED,
        member_id,
        reason: reason().commitment(),
    }))
}

pub const fn withdrawn(member_id: MemberId) -> Event {
    Event::Request(RequestEvent::Withdrawn(RequestWithdrawn {
        request_id: ASKED,
        member_id,
        cause: None,
    }))
}

pub const fn withdrawn_on_removal(member_id: MemberId) -> Event {
    Event::Request(RequestEvent::Withdrawn(RequestWithdrawn {
        request_id: ASKED,
        member_id,
        cause: Some(Cause::Removal),
    }))
}

pub const fn ran_out(member_id: MemberId) -> Event {
    Event::Request(RequestEvent::Expired(RequestExpired {
        request_id: ASKED,
        member_id,
    }))
}
