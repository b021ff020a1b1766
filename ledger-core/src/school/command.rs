//! What can be asked of a school.

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
    /// Make the school exist.
    Register(RegisterSchool),
    /// Change what it bought.
    SetSubscription(SetSubscription),
    /// Change its own rules.
    ChangeSettings(ChangeSettings),
    /// Let a person in.
    EnrolMember(EnrolMember),
    /// Change what a member may do.
    SetRole {
        /// Whose role.
        member_id: MemberId,
        /// The new role.
        role: Role,
    },
    /// Let a member go: what he did not use returns to the pool, his history stays.
    RemoveMember {
        /// Who goes.
        member_id: MemberId,
    },
    /// Erase what is kept of a person beside the log: his directory entry and free texts. His
    /// history stays, under his opaque id.
    EraseMember {
        /// Whom it was about.
        member_id: MemberId,
        /// Why, if somebody says why. It is about the erasure and stays.
        reason: Option<FreeText>,
    },
    /// Take in what time has brought about by now, and nothing else.
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

/// Make a school exist. Its name is kept beside the log: of an individual it is a person's.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisterSchool {
    /// What kind of tenant.
    pub org_type: OrgType,
    /// What it pays for.
    pub tier: Tier,
    /// How its billing cycles fall.
    pub cycle: Cycle,
    /// Units bought, by service name or alias; a service that is not named has the plan's total.
    pub totals: Vec<(String, Quota)>,
}

/// Change what a school bought. What is not named stays, except that a total which was the old
/// plan's default becomes the new plan's, and so does self-service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SetSubscription {
    /// What it pays for now.
    pub tier: Option<Tier>,
    /// Units bought, by service name or alias.
    pub totals: Vec<(String, Quota)>,
    /// The day of the month on which billing cycles begin, once the present one has ended.
    pub anchor_day: Option<AnchorDay>,
    /// What becomes of units that are allocated and do not fit into what is bought now.
    pub reclaim: Reclaim,
}

/// What becomes of units that are allocated, when a school buys less than that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reclaim {
    /// They stay, and the change is refused.
    #[default]
    Refuse,
    /// As far as they are not used or held they are taken back: of low priority first, then of
    /// normal, then of high, in proportion inside a class.
    ByPriority,
}

/// Change a school's own rules; what is not named stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChangeSettings {
    /// The most that one member may hold, by service name or alias.
    pub max_individual_quota: Vec<(String, Quota)>,
    /// What a new teacher is granted, by service name or alias.
    pub default_member_quota: Vec<(String, Quota)>,
    /// Whether teachers may ask for more themselves.
    pub self_service_requests: Option<bool>,
    /// How far usage may go beyond what is allocated, by service name or alias.
    pub overage: Vec<(String, OveragePolicy)>,
    /// Whether a member without an allocation of his own draws on his department's.
    pub draw_on_department: Option<bool>,
}

/// Let a person into a school.
#[derive(Clone, Debug, PartialEq)]
pub struct EnrolMember {
    /// The person's opaque id.
    pub member_id: MemberId,
    /// What the member may do.
    pub role: Role,
    /// The department that he comes into; `None`: none.
    pub department_id: Option<DepartmentId>,
    /// The member's external ids; each has one owner in the school.
    pub external_ids: Vec<ExternalId>,
}

impl EnrolMember {
    /// Whether somebody of this role uses quota and is granted the school's default.
    #[must_use]
    pub const fn is_teacher(&self) -> bool {
        matches!(self.role, Role::Teacher)
    }
}

pub(super) fn named<V: Copy>(
    catalogue: &crate::plan::Catalogue,
    entries: &[(String, V)],
) -> Result<Vec<(crate::service::ServiceId, V)>, crate::refusal::Refusal> {
    entries
        .iter()
        .map(|(name, value)| Ok((crate::refusal::known_service(catalogue, name)?, *value)))
        .collect()
}

/// `base` with `changes` laid over it.
pub(super) fn overlaid(base: &Quotas, changes: Vec<(crate::service::ServiceId, Quota)>) -> Quotas {
    let mut quotas = base.clone();
    quotas.extend(changes);
    quotas
}
