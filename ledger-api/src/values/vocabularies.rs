//! The core's closed vocabularies: the schema of each lists its words.

use ledger_core::catalog::Kind;
use ledger_core::{allocation, request, school, usage};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schema::one_of_words;
use super::value::described;

/// The words of a vocabulary.
macro_rules! words {
    ($($word:expr),+ $(,)?) => {
        one_of_words([$($word),+].map(|word| word.as_str()))
    };
}

described! {
    /// The kind of tenant of a school.
    OrgType(ledger_core::OrgType) = words![
        ledger_core::OrgType::Preschool, ledger_core::OrgType::K12, ledger_core::OrgType::Individual,
    ];
    /// The tier that a school pays for.
    Tier(ledger_core::Tier) = one_of_words(ledger_core::Tier::ALL.map(ledger_core::Tier::as_str));
    /// The allocation management of a plan; with `none` members draw on the pool.
    Management(ledger_core::Management) = words![
        ledger_core::Management::None, ledger_core::Management::Basic,
        ledger_core::Management::Advanced,
    ];
    /// The level of the account: the member's own, the department's or the school's pool.
    Level(ledger_core::Level) = words![
        ledger_core::Level::Member, ledger_core::Level::Department, ledger_core::Level::Pool,
    ];
    /// The rank of a holder when units are short.
    Priority(allocation::Priority) = words![
        allocation::Priority::Low, allocation::Priority::Normal, allocation::Priority::High,
    ];
    /// How soon units are needed.
    Urgency(request::Urgency) = words![
        request::Urgency::Low, request::Urgency::Normal, request::Urgency::High,
    ];
    /// The status of a request; all but `pending` are final.
    RequestStatus(request::RequestStatus) =
        one_of_words(request::RequestStatus::ALL.map(request::RequestStatus::as_str));
    /// The status of a member: active, suspended from spending, or removed.
    Standing(school::Standing) = words![
        school::Standing::Active, school::Standing::Suspended, school::Standing::Removed,
    ];
    /// The role of an actor; `system` is the ledger itself.
    Role(ledger_core::Role) = one_of_words(
        ledger_core::Role::CREDENTIAL.map(ledger_core::Role::as_str).into_iter().chain(["system"])
    );
    /// The outcome of a call.
    Outcome(usage::Outcome) = words![
        usage::Outcome::Success, usage::Outcome::Error, usage::Outcome::Timeout,
        usage::Outcome::Cancelled,
    ];
    /// The type of an event.
    EventType(Kind) = one_of_words(Kind::ALL.iter().map(|kind| kind.as_str()));
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
