//! What happened to a school.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::overage::OveragePolicy;
use crate::actor::Role;
use crate::ids::MemberId;
use crate::period::{AnchorDay, Cycle, Period};
use crate::plan::{Management, OrgType, Quotas, Tier};
use crate::quantity::Quota;
use crate::service::ServiceId;
use crate::text::Commitment;
use crate::time::Timestamp;

/// A fact about the school itself or its members.
#[derive(Clone, Debug, PartialEq)]
pub enum SchoolEvent {
    /// The school exists.
    Registered(SchoolRegistered),
    /// It bought something else.
    SubscriptionChanged(SubscriptionChanged),
    /// It changed its own rules.
    SettingsChanged(SettingsChanged),
    /// A person came in.
    MemberEnrolled(MemberEnrolled),
    /// A member may do something else.
    MemberRoleChanged(MemberRoleChanged),
    /// A member left.
    MemberRemoved(MemberRemoved),
    /// What was kept of a person beside the log is erased.
    MemberErased(MemberErased),
}

/// The school exists. Holds everything that the plan gave it, so that a later catalogue changes
/// nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchoolRegistered {
    /// What kind of tenant.
    pub org_type: OrgType,
    /// What it pays for.
    pub tier: Tier,
    /// What its plan switches on.
    pub management: Management,
    /// How its billing cycles fall.
    pub cycle: Cycle,
    /// The cycle in which it was registered.
    pub period: Period,
    /// Units of each service in a period.
    pub totals: Quotas,
    /// The most that one member may hold.
    #[serde(rename = "member_cap")]
    pub max_individual_quota: Quotas,
    /// What a new teacher is granted.
    #[serde(rename = "default_grant")]
    pub default_member_quota: Quotas,
    /// Whether teachers may ask for more themselves.
    pub self_service_requests: bool,
}

/// The school bought something else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionChanged {
    /// What it paid for.
    pub tier_before: Tier,
    /// What it pays for now.
    pub tier: Tier,
    /// What its plan switches on now.
    pub management: Management,
    /// Units of each service before.
    pub totals_before: Quotas,
    /// Units of each service now.
    pub totals: Quotas,
    /// Another anchor day of the billing cycles, when that changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub turn: Option<CycleTurn>,
}

/// From some instant on billing cycles begin on another day of the month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CycleTurn {
    /// The anchor day until then.
    pub anchor_day_before: AnchorDay,
    /// The anchor day from then on.
    pub anchor_day: AnchorDay,
    /// The end of the cycle in which it was decided.
    pub at: Timestamp,
}

/// The school changed its own rules; holds them whole, as they were and as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsChanged {
    /// The rules before.
    pub before: Settings,
    /// The rules now.
    pub after: Settings,
}

/// A school's own rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The most that one member may hold; a service that is not named has no cap.
    #[serde(rename = "member_cap")]
    pub max_individual_quota: Quotas,
    /// What a new teacher is granted.
    #[serde(rename = "default_grant")]
    pub default_member_quota: Quotas,
    /// Whether teachers may ask for more themselves.
    pub self_service_requests: bool,
    /// How far usage may go beyond what is allocated; a service that is not named is hard.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub overage: BTreeMap<ServiceId, OveragePolicy>,
    /// Whether a member without an allocation of his own draws on his department's.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub draw_on_department: bool,
}

impl Settings {
    /// The cap per member for a service.
    #[must_use]
    pub fn max_individual_quota(&self, service: &ServiceId) -> Quota {
        let cap = self.max_individual_quota.get(service).copied();
        cap.unwrap_or(Quota::Unlimited)
    }

    /// The overage policy for a service.
    #[must_use]
    pub fn overage(&self, service: &ServiceId) -> OveragePolicy {
        self.overage.get(service).copied().unwrap_or_default()
    }
}

/// A person came in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberEnrolled {
    /// The person's opaque id.
    pub member_id: MemberId,
    /// What the member may do.
    pub role: Role,
}

/// A member may do something else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberRoleChanged {
    /// Whose role.
    pub member_id: MemberId,
    /// The role before.
    pub before: Role,
    /// The role now.
    pub after: Role,
}

/// A member left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberRemoved {
    /// Who left.
    pub member_id: MemberId,
}

/// What was kept of a person beside the log is erased: directory entry, external ids, and the free
/// texts that were about him or by him. Everything in the log stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberErased {
    /// Who he was.
    pub member_id: MemberId,
    /// Commitment to why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<Commitment>,
}
