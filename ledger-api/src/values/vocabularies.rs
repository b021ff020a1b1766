//! The core's closed vocabularies: the schema of each lists its words.

use ledger_core::catalog::Kind;
use ledger_core::{allocation, request, school, usage};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::schema::{has_schema, one_of_words};
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

/// The role of a member: one of those that a credential may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct MemberRole(pub ledger_core::Role);

impl<'de> Deserialize<'de> for MemberRole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let role = ledger_core::Role::deserialize(deserializer)?;
        let is_of_members = ledger_core::Role::MEMBERS.contains(&role);
        is_of_members
            .then_some(Self(role))
            .ok_or_else(|| de::Error::custom(format_args!("no member is a {role}")))
    }
}

has_schema!(
    MemberRole = one_of_words(ledger_core::Role::MEMBERS.map(ledger_core::Role::as_str))
        .description(Some("The role of a member."))
);
