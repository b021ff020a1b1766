//! Commands about a school and its members.

use super::overage::OveragePolicy;
use crate::actor::Role;
use crate::context::Needs;
use crate::ids::{DepartmentId, ExternalId, MemberId};
use crate::period::{AnchorDay, Cycle};
use crate::plan::{OrgType, Quotas, Tier};
use crate::quantity::Quota;
use crate::text::FreeText;

/// A command about the school itself or its members.
#[derive(Clone, Debug, PartialEq)]
pub enum SchoolCommand {
    /// Registers the school.
    Register(RegisterSchool),
    /// Changes the subscription.
    SetSubscription(SetSubscription),
    /// Changes the settings.
    ChangeSettings(ChangeSettings),
    /// Enrols a member.
    EnrolMember(EnrolMember),
    /// Changes a member's role.
    SetRole {
        /// The member.
        member_id: MemberId,
        /// The new role.
        role: Role,
    },
    /// Removes a member. Unused units return, the history stays.
    RemoveMember {
        /// The member.
        member_id: MemberId,
    },
    /// Erases a member's personal data beside the log: directory entry and free texts. The history
    /// stays, under the opaque id.
    EraseMember {
        /// The member.
        member_id: MemberId,
        /// The reason, if given. It is about the erasure and stays.
        reason: Option<FreeText>,
    },
    /// Records due events, and nothing else.
    CatchUp,
}

impl SchoolCommand {
    pub(crate) fn needs(&self) -> Needs<'_> {
        match self {
            Self::EnrolMember(enrol) => Needs {
                external_ids: enrol.external_ids.iter().collect(),
                ..Needs::default()
            },
            Self::Register(_)
            | Self::SetSubscription(_)
            | Self::ChangeSettings(_)
            | Self::SetRole { .. }
            | Self::RemoveMember { .. }
            | Self::EraseMember { .. }
            | Self::CatchUp => Needs::default(),
        }
    }
}

/// Registers a school. Its name is stored beside the log, since an individual's is a person's name.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisterSchool {
    /// The org type.
    pub org_type: OrgType,
    /// The tier.
    pub tier: Tier,
    /// The billing cycle.
    pub cycle: Cycle,
    /// Totals by service name or alias; by default those of the plan.
    pub totals: Vec<(String, Quota)>,
}

/// Changes a school's subscription. Absent values stay, but a total or self-service setting that is
/// the old plan's default becomes the new plan's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SetSubscription {
    /// The new tier.
    pub tier: Option<Tier>,
    /// New totals by service name or alias.
    pub totals: Vec<(String, Quota)>,
    /// The day of the month on which billing cycles begin, after the current one.
    pub anchor_day: Option<AnchorDay>,
    /// The treatment of allocations that exceed the new totals.
    pub reclaim: Reclaim,
}

/// The treatment of allocations that exceed new totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reclaim {
    /// The change is refused.
    #[default]
    Refuse,
    /// Unused units are reclaimed: from low to normal to high priority, in proportion within a
    /// priority.
    ByPriority,
}

/// Changes a school's settings. Absent values stay.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChangeSettings {
    /// The cap per member, by service name or alias.
    pub max_individual_quota: Vec<(String, Quota)>,
    /// The quota granted to a new teacher, by service name or alias.
    pub default_member_quota: Vec<(String, Quota)>,
    /// Whether teachers may file requests.
    pub self_service_requests: Option<bool>,
    /// The overage policy, by service name or alias.
    pub overage: Vec<(String, OveragePolicy)>,
    /// Whether a member without an allocation draws on the department.
    pub draw_on_department: Option<bool>,
}

/// Enrols a member.
#[derive(Clone, Debug, PartialEq)]
pub struct EnrolMember {
    /// The opaque id.
    pub member_id: MemberId,
    /// The role.
    pub role: Role,
    /// The department; `None` for none.
    pub department_id: Option<DepartmentId>,
    /// The member's external ids; each has one owner in the school.
    pub external_ids: Vec<ExternalId>,
}

impl EnrolMember {
    /// Whether the role uses quota and is granted the school's default.
    #[must_use]
    pub const fn is_teacher(&self) -> bool {
        matches!(self.role, Role::Teacher)
    }
}

/// The values by service, with names and aliases resolved.
pub(super) fn named<V: Copy>(
    catalogue: &crate::plan::Catalogue,
    entries: &[(String, V)],
) -> Result<Vec<(crate::service::ServiceId, V)>, crate::refusal::Refusal> {
    entries
        .iter()
        .map(|(name, value)| Ok((crate::refusal::known_service(catalogue, name)?, *value)))
        .collect()
}

/// `base` with `changes` applied.
pub(super) fn overlaid(base: &Quotas, changes: Vec<(crate::service::ServiceId, Quota)>) -> Quotas {
    let mut quotas = base.clone();
    quotas.extend(changes);
    quotas
}
