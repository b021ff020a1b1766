//! What is asked of a school.

use ledger_core::period::{AnchorDay, Cycle};
use ledger_core::school::{self, ChangeSettings, RegisterSchool, SchoolCommand, SetSubscription};
use ledger_core::{Action, Actor, Catalogue, OrgType, SchoolId, Seq};
use ledger_store::writer::{Envelope, SideWrites};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::overage::OverageByService;
use crate::command::RequestMeta;
use crate::http::fingerprint;
use crate::problem::Problem;
use crate::values::{AnchorDayNumber, Name, NewId, QuotasByService, TierName, TimeZoneName, words};

/// The namespace of the ids of schools that are registered without one (a random UUID, fixed for
/// ever: a request that is sent again must find the school that it made).
const SCHOOLS: Uuid = Uuid::from_u128(0x2f7c_61e0_94d3_4a18_b6ad_0c5e_83f1_97b2);

/// A school to register.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Riverside Primary", "org_type": "k12", "tier": "enterprise",
    "time_zone": "Africa/Johannesburg", "totals": {"claude_messages": 1000}
}))]
pub struct RegisterBody {
    /// Its id; without one it is given one.
    #[serde(skip_serializing_if = "Option::is_none")]
    school_id: Option<NewId>,
    /// Its name. It is kept in the directory, not in the log.
    pub(super) name: Name,
    /// What kind of tenant it is.
    #[schema(value_type = words::OrgType)]
    org_type: OrgType,
    /// What it pays for.
    tier: TierName,
    /// Where its days and billing cycles begin.
    time_zone: TimeZoneName,
    /// The day of the month on which its billing cycles begin; the first when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    period_anchor_day: Option<AnchorDayNumber>,
    /// Units bought per cycle; what is not named is the plan's.
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<QuotasByService>,
}

impl RegisterBody {
    pub(super) fn into_envelope(
        self,
        actor: Actor,
        meta: &RequestMeta,
        catalogue: &Catalogue,
    ) -> Result<(SchoolId, Envelope), Problem> {
        let fingerprint = fingerprint("register-school", &[], &self)?;
        let fallback = || SchoolId(meta.key.id_for("school", SCHOOLS));
        let school_id = self.school_id.map_or_else(fallback, SchoolId::from);
        let anchor_day = self.period_anchor_day.map_or(AnchorDay::FIRST, |day| day.0);
        let command = RegisterSchool {
            org_type: self.org_type,
            tier: self.tier.resolve(catalogue)?,
            cycle: Cycle {
                time_zone: self.time_zone.0,
                anchor_day,
            },
            totals: self.totals.unwrap_or_default().into_named(catalogue)?,
        };
        let action = Action::School(SchoolCommand::Register(command));
        let envelope = meta
            .envelope(actor, fingerprint, action)
            .with_side_writes(SideWrites::SchoolName(self.name.0));
        Ok((school_id, envelope))
    }
}

/// What becomes of units that are allocated, when a total goes below them or the plan has no
/// allocations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reclaim {
    /// The change is refused.
    #[default]
    Refuse,
    /// What is not used or held is taken back: of low priority first, then of normal, then of
    /// high, in proportion inside a class.
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

/// What a school buys from now on; what is not named stays, except that a total which was the old
/// plan's becomes the new plan's.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "tier": "premium", "totals": { "claude_messages": 2000 } }))]
pub struct SubscriptionBody {
    /// What it pays for.
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<TierName>,
    /// Units bought per cycle.
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<QuotasByService>,
    /// The day of the month on which billing cycles begin, 31 for the last. The present cycle ends
    /// when it was to end; the next one is shorter, up to the new day.
    #[serde(skip_serializing_if = "Option::is_none")]
    period_anchor_day: Option<AnchorDayNumber>,
    /// What becomes of units that are allocated and do not fit into what is bought.
    #[serde(default)]
    #[schema(required = false)]
    reclaim: Reclaim,
    /// Whether to tell what would come of it, and do nothing.
    #[serde(default)]
    #[schema(required = false)]
    pub(super) dry_run: bool,
}

impl SubscriptionBody {
    pub(super) fn into_envelope(
        self,
        actor: Actor,
        meta: &RequestMeta,
        if_version: Option<Seq>,
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
        Ok(meta
            .envelope(actor, fingerprint, action)
            .with_dry_run(self.dry_run)
            .with_version(if_version))
    }
}

/// Changes of a school's own rules; what is not named stays.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "max_individual_quota": { "claude_messages": 100 }, "self_service_requests": true,
    "overage": { "claude_messages": { "policy": "soft", "percent": 10 } }
}))]
pub struct SettingsBody {
    /// The most that one member may hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_individual_quota: Option<QuotasByService>,
    /// What a new teacher is granted, as far as the pool reaches.
    #[serde(skip_serializing_if = "Option::is_none")]
    default_member_quota: Option<QuotasByService>,
    /// Whether teachers may ask for more themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    self_service_requests: Option<bool>,
    /// How far usage may go beyond what is allocated.
    #[serde(skip_serializing_if = "Option::is_none")]
    overage: Option<OverageByService>,
    /// Whether a member without an allocation of his own draws on his department's.
    #[serde(skip_serializing_if = "Option::is_none")]
    draw_on_department: Option<bool>,
}

impl SettingsBody {
    pub(super) fn into_envelope(
        self,
        actor: Actor,
        meta: &RequestMeta,
        if_version: Option<Seq>,
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
        Ok(meta
            .envelope(actor, fingerprint, action)
            .with_version(if_version))
    }
}
