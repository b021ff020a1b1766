//! The core's closed vocabularies: the schema of each lists its words.

use ledger_core::catalog::Kind;
use ledger_core::{allocation, request, school, usage};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schema::one_of_words;
use super::value::described;

/// The words of a vocabulary.
macro_rules! words {
    ($vocabulary:ty) => {
        one_of_words(<$vocabulary>::ALL.iter().map(|word| word.as_str()))
    };
}

described! {
    /// The kind of tenant of a school.
    OrgType(ledger_core::OrgType) = words!(ledger_core::OrgType);
    /// The tier that a school pays for.
    Tier(ledger_core::Tier) = words!(ledger_core::Tier);
    /// The allocation management of a plan; with `none` members draw on the pool.
    Management(ledger_core::Management) = words!(ledger_core::Management);
    /// The level of the account: the member's own, the department's or the school's pool.
    Level(ledger_core::Level) = words!(ledger_core::Level);
    /// The rank of a holder when units are short.
    Priority(allocation::Priority) = words!(allocation::Priority);
    /// How soon units are needed.
    Urgency(request::Urgency) = words!(request::Urgency);
    /// The status of a request; all but `pending` are final.
    RequestStatus(request::RequestStatus) = words!(request::RequestStatus);
    /// The status of a member: active, suspended from spending, or removed.
    Standing(school::MemberStatus) = words!(school::MemberStatus);
    /// The role of an actor; `system` is the ledger itself.
    Role(ledger_core::Role) = words!(ledger_core::Role);
    /// The outcome of a call.
    Outcome(usage::Outcome) = words!(usage::Outcome);
    /// Why usage is unattributed.
    UnattributedReason(usage::UnattributedReason) = words!(usage::UnattributedReason);
    /// The type of an event.
    EventType(Kind) = words!(Kind);
}

/// The role of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemberRole {
    /// Uses AI and requests units.
    Teacher,
    /// Allocates units, suspends members and decides on requests.
    Principal,
    /// A principal who also administers the subscription and the members.
    PrincipalAdmin,
    /// Replays and verifies the log.
    Auditor,
}

impl From<MemberRole> for ledger_core::Role {
    fn from(role: MemberRole) -> Self {
        match role {
            MemberRole::Teacher => Self::Teacher,
            MemberRole::Principal => Self::Principal,
            MemberRole::PrincipalAdmin => Self::PrincipalAdmin,
            MemberRole::Auditor => Self::Auditor,
        }
    }
}
