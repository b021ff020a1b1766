//! Bodies of requests about a school.

use ledger_core::period::{AnchorDay, Cycle};
use ledger_core::school::{self, ChangeSettings, RegisterSchool, SchoolCommand, SetSubscription};
use ledger_core::{Action, Catalogue, SchoolId};
use ledger_store::writer::{Envelope, SideWrites};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::command::Origin;
use crate::http::fingerprint;
use crate::problem::Problem;
use crate::values::{
    AnchorDayNumber, Name, NewId, OrgType, OverageByService, QuotasByService, TierName,
    TimeZoneName,
};

/// The namespace of generated school ids. It never changes, so that a retry finds its school.
const SCHOOLS: Uuid = Uuid::from_u128(0x2f7c_61e0_94d3_4a18_b6ad_0c5e_83f1_97b2);

/// A school to register.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Riverside Primary", "org_type": "k12", "tier": "enterprise",
    "time_zone": "Africa/Johannesburg", "totals": {"claude_messages": 1000}
}))]
pub struct RegisterBody {
    /// The school's id; generated if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    school_id: Option<NewId>,
    /// The school's name. It is stored in the directory, not in the log.
    pub(super) name: Name,
    org_type: OrgType,
    tier: TierName,
    /// The time zone of days and billing cycles.
    time_zone: TimeZoneName,
    /// The day of the month on which billing cycles begin; the first if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    period_anchor_day: Option<AnchorDayNumber>,
    /// The units bought per cycle; a service that is not listed has the total of the plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<QuotasByService>,
}

impl RegisterBody {
    pub(super) fn into_envelope(
        self,
        origin: &Origin,
        catalogue: &Catalogue,
    ) -> Result<(SchoolId, Envelope), Problem> {
        let fingerprint = fingerprint("register-school", &[], &self)?;
        let fallback = || SchoolId(origin.key.id_for("school", SCHOOLS));
        let school_id = self.school_id.map_or_else(fallback, |id| SchoolId(id.0));
        let anchor_day = self.period_anchor_day.map_or(AnchorDay::FIRST, |day| day.0);
        let command = RegisterSchool {
            org_type: self.org_type.0,
            tier: self.tier.resolve(catalogue)?,
            cycle: Cycle {
                time_zone: self.time_zone.0,
                anchor_day,
            },
            totals: self.totals.unwrap_or_default().into_named(catalogue)?,
        };
        let action = Action::School(SchoolCommand::Register(command));
        let envelope = origin
            .envelope(fingerprint, action)
            .with_side_writes(SideWrites::SchoolName(self.name.0));
        Ok((school_id, envelope))
    }
}

/// The treatment of allocations that exceed a new total, or that a new plan does not include.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reclaim {
    /// The change is refused.
    #[default]
    Refuse,
    /// Unused units are reclaimed: low priority first, then normal, then high, in proportion
    /// within a priority.
    ByPriority,
}

impl From<Reclaim> for school::Reclaim {
    fn from(reclaim: Reclaim) -> Self {
        match reclaim {
            Reclaim::Refuse => Self::Refuse,
            Reclaim::ByPriority => Self::ByPriority,
        }
    }
}

/// A new subscription. What is not given stays, but a total of the old plan becomes that of the new
/// plan.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "tier": "premium", "totals": { "claude_messages": 2000 } }))]
pub struct SubscriptionBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<TierName>,
    /// The units bought per cycle.
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<QuotasByService>,
    /// The day of the month on which billing cycles begin, 31 for the last. The current cycle ends
    /// as planned; the next one is shorter and ends on the new day.
    #[serde(skip_serializing_if = "Option::is_none")]
    period_anchor_day: Option<AnchorDayNumber>,
    /// The treatment of allocations that exceed the new totals.
    #[serde(default)]
    #[schema(required = false)]
    reclaim: Reclaim,
    /// Whether to return a preview without changing anything.
    #[serde(default)]
    #[schema(required = false)]
    pub(super) dry_run: bool,
}

impl SubscriptionBody {
    pub(super) fn into_envelope(
        self,
        origin: &Origin,
        catalogue: &Catalogue,
    ) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("set-subscription", &[], &self)?;
        let tier = self.tier.map(|tier| tier.resolve(catalogue)).transpose()?;
        let totals = self.totals.unwrap_or_default().into_named(catalogue)?;
        let command = SetSubscription {
            tier,
            totals,
            anchor_day: self.period_anchor_day.map(|day| day.0),
            reclaim: self.reclaim.into(),
        };
        let action = Action::School(SchoolCommand::SetSubscription(command));
        let envelope = origin.envelope(fingerprint, action);
        Ok(envelope.with_dry_run(self.dry_run))
    }
}

/// New settings; what is not given stays.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "max_individual_quota": { "claude_messages": 100 }, "self_service_requests": true,
    "overage": { "claude_messages": { "policy": "soft", "percent": 10 } }
}))]
pub struct SettingsBody {
    /// The maximum quota of one member.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_individual_quota: Option<QuotasByService>,
    /// The grant of a new teacher, as far as the pool has units.
    #[serde(skip_serializing_if = "Option::is_none")]
    default_member_quota: Option<QuotasByService>,
    /// Whether teachers may request units.
    #[serde(skip_serializing_if = "Option::is_none")]
    self_service_requests: Option<bool>,
    /// How far usage may exceed the allocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    overage: Option<OverageByService>,
    /// Whether a member without an own allocation draws on the department's.
    #[serde(skip_serializing_if = "Option::is_none")]
    draw_on_department: Option<bool>,
}

impl SettingsBody {
    pub(super) fn into_envelope(
        self,
        origin: &Origin,
        catalogue: &Catalogue,
    ) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("change-settings", &[], &self)?;
        let named =
            |quotas: Option<QuotasByService>| quotas.unwrap_or_default().into_named(catalogue);
        let command = ChangeSettings {
            max_individual_quota: named(self.max_individual_quota)?,
            default_member_quota: named(self.default_member_quota)?,
            self_service_requests: self.self_service_requests,
            overage: self.overage.unwrap_or_default().into_named(catalogue)?,
            draw_on_department: self.draw_on_department,
        };
        let action = Action::School(SchoolCommand::ChangeSettings(command));
        Ok(origin.envelope(fingerprint, action))
    }
}
