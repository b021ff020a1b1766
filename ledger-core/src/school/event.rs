//! Events about a school and its members.

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

/// An event about the school itself or its members.
#[derive(Clone, Debug, PartialEq)]
pub enum SchoolEvent {
    /// The school was registered.
    Registered(SchoolRegistered),
    /// The subscription was changed.
    SubscriptionChanged(SubscriptionChanged),
    /// The settings were changed.
    SettingsChanged(SettingsChanged),
    /// A member was enrolled.
    MemberEnrolled(MemberEnrolled),
    /// A member's role was changed.
    MemberRoleChanged(MemberRoleChanged),
    /// A member was removed.
    MemberRemoved(MemberRemoved),
    /// A member's personal data was erased.
    MemberErased(MemberErased),
}

/// The school was registered. The event has all values of the plan, so that another catalogue
/// changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchoolRegistered {
    /// The org type.
    pub org_type: OrgType,
    /// The tier.
    pub tier: Tier,
    /// The allocation management of the plan.
    pub management: Management,
    /// The billing cycle.
    pub cycle: Cycle,
    /// The period of the registration.
    pub period: Period,
    /// The total of each service per period.
    pub totals: Quotas,
    /// The cap per member.
    #[serde(rename = "member_cap")]
    pub max_individual_quota: Quotas,
    /// The quota granted to a new teacher.
    #[serde(rename = "default_grant")]
    pub default_member_quota: Quotas,
    /// Whether teachers may file requests.
    pub self_service_requests: bool,
}

/// The subscription was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionChanged {
    /// The tier before.
    pub tier_before: Tier,
    /// The tier after.
    pub tier: Tier,
    /// The allocation management after.
    pub management: Management,
    /// The totals before.
    pub totals_before: Quotas,
    /// The totals after.
    pub totals: Quotas,
    /// The change of the anchor day, if any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub turn: Option<CycleTurn>,
}

/// A change of the day of the month on which billing cycles begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CycleTurn {
    /// The anchor day before.
    pub anchor_day_before: AnchorDay,
    /// The anchor day after.
    pub anchor_day: AnchorDay,
    /// The end of the current cycle, when the change takes effect.
    pub at: Timestamp,
}

/// The settings were changed; the event has all of them, before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsChanged {
    /// The settings before.
    pub before: Settings,
    /// The settings after.
    pub after: Settings,
}

/// A school's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The cap per member; none for absent services.
    #[serde(rename = "member_cap")]
    pub max_individual_quota: Quotas,
    /// The quota granted to a new teacher.
    #[serde(rename = "default_grant")]
    pub default_member_quota: Quotas,
    /// Whether teachers may file requests.
    pub self_service_requests: bool,
    /// The overage policy; hard for absent services.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub overage: BTreeMap<ServiceId, OveragePolicy>,
    /// Whether a member without an allocation draws on the department.
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

/// A member was enrolled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberEnrolled {
    /// The opaque id.
    pub member_id: MemberId,
    /// The role.
    pub role: Role,
}

/// A member's role was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberRoleChanged {
    /// The member.
    pub member_id: MemberId,
    /// The role before.
    pub before: Role,
    /// The role after.
    pub after: Role,
}

/// A member was removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberRemoved {
    /// The member.
    pub member_id: MemberId,
}

/// A member's personal data beside the log was erased: directory entry, external ids, and the free
/// texts about or by the member. The log is unchanged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberErased {
    /// The member.
    pub member_id: MemberId,
    /// The commitment to the reason.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<Commitment>,
}
