//! What is told of members.

use ledger_core::allocation::AllocationEvent;
use ledger_core::school::SchoolEvent;
use ledger_core::{DepartmentId, Event, EventId, MemberId, Quota, Seq, ServiceId};
use ledger_projections::roster::read::{MemberView, MembersPage};
use ledger_store::writer::Receipt;
use serde::Serialize;
use utoipa::ToSchema;

use super::bodies::MemberChange;
use crate::http::MemberCursor;
use crate::openapi::schema;
use crate::problem::Problem;
use crate::routes::returned::{ReturnedAnswer, returned};
use crate::values::{MemberRole, words};

/// A member who is enrolled.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EnrolledAnswer {
    /// The member's id.
    #[schema(value_type = Uuid)]
    pub(super) member_id: MemberId,
    /// The head of the school's log after the enrolment.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The enrolment's identity in the school.
    #[schema(value_type = Uuid)]
    event_id: EventId,
    /// Whether he was enrolled before, and this is what came of it then.
    replayed: bool,
    /// What he may do.
    #[schema(value_type = words::Role)]
    role: ledger_core::Role,
    /// The department that he is in; none when he is in none.
    #[schema(value_type = Option<Uuid>, required)]
    department_id: Option<DepartmentId>,
    /// What he was granted with it: a teacher the school's default, as far as his department or the
    /// pool reached.
    granted: Vec<GrantAnswer>,
}

/// Units that came with an enrolment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GrantAnswer {
    /// Of which service.
    #[schema(value_type = schema::ServiceId)]
    service: ServiceId,
    /// Allocated before: what he had not returned when he left.
    #[schema(value_type = schema::Quota)]
    before: Quota,
    /// Allocated now.
    #[schema(value_type = schema::Quota)]
    allocated: Quota,
}

impl EnrolledAnswer {
    pub(super) fn of(
        department_id: Option<DepartmentId>,
        receipt: &Receipt,
    ) -> Result<Self, Problem> {
        let mut events = receipt.events.iter().map(|recorded| &recorded.event);
        let Some(Event::School(SchoolEvent::MemberEnrolled(enrolled))) = events.next() else {
            return Err(Problem::unlike("an enrolment", receipt));
        };
        Ok(Self {
            member_id: enrolled.member_id,
            seq: receipt.seq,
            event_id: receipt.event_id,
            replayed: receipt.replayed,
            role: enrolled.role,
            department_id,
            granted: events.filter_map(grant).collect(),
        })
    }
}

fn grant(event: &Event) -> Option<GrantAnswer> {
    let Event::Allocation(AllocationEvent::Allocated(allocated)) = event else {
        return None;
    };
    Some(GrantAnswer {
        service: allocated.service.clone(),
        before: allocated.before,
        allocated: allocated.after,
    })
}

/// What a member may do, or which department he is in.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = MemberChangedAnswer)]
pub struct ChangedAnswer {
    /// The member's id.
    #[schema(value_type = Uuid)]
    member_id: MemberId,
    /// The head of the school's log.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The change's identity in the school; none when it was so already.
    #[schema(value_type = Option<Uuid>, required)]
    event_id: Option<EventId>,
    /// Whether it was done before, and this is what came of it then.
    replayed: bool,
    /// His role, when that was to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = MemberRole, required = false)]
    role: Option<MemberRole>,
    /// The department that he is in, `null` for none, when that was to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>, required = false)]
    department_id: Option<Option<DepartmentId>>,
}

impl ChangedAnswer {
    pub(super) fn of(member_id: MemberId, change: MemberChange, receipt: &Receipt) -> Self {
        let (role, department_id) = match change {
            MemberChange::Role(role) => (Some(role), None),
            MemberChange::Department(department_id) => (None, Some(department_id)),
        };
        Self {
            member_id,
            seq: receipt.seq,
            event_id: event_id(receipt),
            replayed: receipt.replayed,
            role,
            department_id,
        }
    }
}

/// A member who is gone.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RemovedAnswer {
    /// The member's id.
    #[schema(value_type = Uuid)]
    member_id: MemberId,
    /// The head of the school's log.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The identity of the first event of his leaving; none when he was gone already.
    #[schema(value_type = Option<Uuid>, required)]
    event_id: Option<EventId>,
    /// Whether it was done before, and this is what came of it then.
    replayed: bool,
    /// What returned to his department or the pool.
    returned: Vec<ReturnedAnswer>,
}

impl RemovedAnswer {
    pub(super) fn of(member_id: MemberId, receipt: &Receipt) -> Self {
        Self {
            member_id,
            seq: receipt.seq,
            event_id: event_id(receipt),
            replayed: receipt.replayed,
            returned: returned(receipt),
        }
    }
}

pub(super) fn event_id(receipt: &Receipt) -> Option<EventId> {
    (!receipt.events.is_empty()).then_some(receipt.event_id)
}

/// Members, in the order of their ids.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MembersAnswer {
    /// The event up to which this counts.
    #[schema(value_type = schema::Seq)]
    pub(super) seq: Seq,
    /// The members.
    #[schema(value_type = Vec<MemberDocument>)]
    members: Vec<MemberView>,
    /// The `cursor` of the next page; none when this is the last.
    #[schema(required)]
    pub(super) next: Option<MemberCursor>,
}

impl From<MembersPage> for MembersAnswer {
    fn from(page: MembersPage) -> Self {
        Self {
            seq: page.seq,
            members: page.members,
            next: page.next_after.map(MemberCursor),
        }
    }
}

/// A member.
#[derive(Debug, ToSchema)]
#[schema(as = Member)]
#[allow(
    dead_code,
    reason = "it describes what roster::read::MemberView is written as"
)]
pub struct MemberDocument {
    /// The member's id.
    #[schema(value_type = Uuid)]
    member_id: MemberId,
    /// What he may do.
    #[schema(value_type = words::Role)]
    role: String,
    /// Whether he may use what he holds, or left.
    #[schema(value_type = words::Standing)]
    status: String,
    /// The department that he is in.
    #[schema(value_type = Option<Uuid>, required)]
    department_id: Option<DepartmentId>,
    /// The ids that other systems know him by.
    external_ids: Vec<String>,
    /// His name.
    #[schema(required)]
    display_name: Option<String>,
    /// His e-mail address.
    #[schema(required)]
    email: Option<String>,
    /// When he came in, the last time that he did.
    #[schema(value_type = schema::Instant)]
    enrolled_at: String,
    /// When he left.
    #[schema(value_type = Option<schema::Instant>, required)]
    removed_at: Option<String>,
    /// When what was kept of him was erased: name, e-mail address, external ids and texts.
    #[schema(value_type = Option<schema::Instant>, required)]
    erased_at: Option<String>,
}
