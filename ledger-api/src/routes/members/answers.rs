//! Answers about members.

use ledger_core::school::{MemberStatus, SchoolEvent};
use ledger_core::{DepartmentId, Event, MemberId};
use ledger_projections::roster::read::{MemberView, MembersPage};
use ledger_store::writer::Receipt;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::bodies::MemberChange;
use crate::http::{MemberCursor, rows};
use crate::problem::Problem;
use crate::values::{
    ChangeAnswer, GrantAnswer, Instant, MemberRole, MemberSubject, ReturnedAnswer, Role, Standing,
    WriteAnswer, decreases, increases,
};

/// The answer to an enrolment.
pub type EnrolledAnswer = WriteAnswer<Enrolled, Uuid, MemberSubject>;

/// An enrolled member.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = EnrolledAnswer)]
pub struct Enrolled {
    role: Role,
    /// The member's department; null if the member is in none.
    #[schema(required)]
    department_id: Option<Uuid>,
    /// The units granted with the enrolment: for a teacher the school's default, as far as the
    /// department or the pool has units.
    granted: Vec<GrantAnswer>,
}

pub(super) fn enrolled(
    department_id: Option<DepartmentId>,
    receipt: &Receipt,
) -> Result<EnrolledAnswer, Problem> {
    let first = receipt.events.first().map(|recorded| &recorded.event);
    let Some(Event::School(SchoolEvent::MemberEnrolled(enrolled))) = first else {
        return Err(Problem::unlike("an enrolment", receipt));
    };
    let outcome = Enrolled {
        role: enrolled.role.into(),
        department_id: department_id.map(|id| id.0),
        granted: increases(receipt).map(GrantAnswer::from).collect(),
    };
    Ok(WriteAnswer::about(
        subject(enrolled.member_id),
        receipt,
        outcome,
    ))
}

/// The answer to a change of a member.
pub type MemberChangedAnswer = ChangeAnswer<MemberChanged, MemberSubject>;

/// A member's new role or department.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = MemberChangedAnswer)]
pub struct MemberChanged {
    /// The role, if the request sets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = MemberRole, required = false)]
    role: Option<MemberRole>,
    /// The department, if the request sets it; null for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>, required = false)]
    department_id: Option<Option<Uuid>>,
}

pub(super) fn changed(
    member_id: MemberId,
    change: MemberChange,
    receipt: &Receipt,
) -> MemberChangedAnswer {
    let (role, department_id) = match change {
        MemberChange::Role(role) => (Some(role), None),
        MemberChange::Department(department_id) => (None, Some(department_id.map(|id| id.0))),
    };
    let outcome = MemberChanged {
        role,
        department_id,
    };
    WriteAnswer::about(subject(member_id), receipt, outcome)
}

/// The answer to a removal.
pub type RemovedAnswer = ChangeAnswer<Removed, MemberSubject>;

/// A removed member.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RemovedAnswer)]
pub struct Removed {
    /// The units returned to the department or the pool.
    returned: Vec<ReturnedAnswer>,
}

pub(super) fn removed(member_id: MemberId, receipt: &Receipt) -> RemovedAnswer {
    let returned = decreases(receipt).map(ReturnedAnswer::from).collect();
    WriteAnswer::about(subject(member_id), receipt, Removed { returned })
}

/// The answer to an erasure.
pub type ErasedAnswer = WriteAnswer<Erased, Uuid, MemberSubject>;

/// An erased person.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = ErasedAnswer)]
pub struct Erased {}

pub(super) fn erased(member_id: MemberId, receipt: &Receipt) -> ErasedAnswer {
    WriteAnswer::about(subject(member_id), receipt, Erased {})
}

/// The answer to a suspension or reactivation.
pub type StatusAnswer = ChangeAnswer<StatusChange>;

/// The status of a member.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = StandingAnswer)]
pub struct StatusChange {
    member_id: Uuid,
    status: Standing,
    /// Whether the status was another one before.
    changed: bool,
}

pub(super) fn status(
    MemberId(member_id): MemberId,
    status: MemberStatus,
    receipt: &Receipt,
) -> StatusAnswer {
    let outcome = StatusChange {
        member_id,
        status: status.into(),
        changed: !receipt.events.is_empty(),
    };
    WriteAnswer::new(receipt, outcome)
}

const fn subject(member_id: MemberId) -> MemberSubject {
    MemberSubject {
        member_id: member_id.0,
    }
}

rows! {
    /// Members, in the order of their ids.
    MembersAnswer {
        members: Vec<Member>,
        next_after: MemberCursor,
    } of MembersPage
}

/// A member.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Member {
    member_id: Uuid,
    role: Role,
    status: Standing,
    /// The member's department.
    #[schema(required)]
    department_id: Option<Uuid>,
    /// The member's ids in other systems.
    external_ids: Vec<String>,
    #[schema(required)]
    display_name: Option<String>,
    /// The e-mail address.
    #[schema(required)]
    email: Option<String>,
    /// The time of the last enrolment.
    enrolled_at: Instant,
    /// The time of the removal.
    #[schema(required)]
    removed_at: Option<Instant>,
    /// The time of the erasure of name, e-mail address, external ids and texts.
    #[schema(required)]
    erased_at: Option<Instant>,
}

impl From<MemberView> for Member {
    fn from(member: MemberView) -> Self {
        Self {
            member_id: member.member_id.0,
            role: member.role.into(),
            status: member.status.into(),
            department_id: member.department_id.map(|id| id.0),
            external_ids: member.external_ids,
            display_name: member.display_name,
            email: member.email,
            enrolled_at: member.enrolled_at.into(),
            removed_at: member.removed_at.map(Into::into),
            erased_at: member.erased_at.map(Into::into),
        }
    }
}
