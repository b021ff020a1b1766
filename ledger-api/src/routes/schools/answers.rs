//! Answers about a school.

use ledger_core::allocation::AllocationChanged;
use ledger_core::decider::SchoolView as StateView;
use ledger_core::school::{self, CycleTurn, SchoolEvent, SchoolRegistered, SubscriptionChanged};
use ledger_core::{Event, EventId, SchoolId};
use ledger_projections::roster::read::{SchoolView, SettingsView};
use ledger_store::writer::Receipt;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::problem::Problem;
use crate::values::{
    ChangeAnswer, Instant, Management, OrgType, OveragePolicies, PeriodAnswer, Priority, Quota,
    Quotas, SchoolSubject, Seq, ServiceId, Tier, WriteAnswer, decreases,
};

/// The settings of a school.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Settings {
    /// The maximum quota of one member; a service that is not listed has no cap.
    max_individual_quota: Quotas,
    /// The grant of a new teacher.
    default_member_quota: Quotas,
    /// Whether teachers may request units.
    self_service_requests: bool,
    /// How far usage may exceed the allocation; a service that is not listed has a hard limit.
    overage: OveragePolicies,
    /// Whether a member without an own allocation draws on the department's.
    draw_on_department: bool,
}

impl From<&school::Settings> for Settings {
    fn from(settings: &school::Settings) -> Self {
        Self {
            max_individual_quota: settings.max_individual_quota.clone().into(),
            default_member_quota: settings.default_member_quota.clone().into(),
            self_service_requests: settings.self_service_requests,
            overage: settings.overage.clone().into(),
            draw_on_department: settings.draw_on_department,
        }
    }
}

impl From<SettingsView> for Settings {
    fn from(settings: SettingsView) -> Self {
        Self {
            max_individual_quota: settings.max_individual_quota.into(),
            default_member_quota: settings.default_member_quota.into(),
            self_service_requests: settings.self_service_requests,
            overage: settings.overage.into(),
            draw_on_department: settings.draw_on_department,
        }
    }
}

/// The answer to a registration.
pub type RegisteredAnswer = WriteAnswer<Registered, Uuid, SchoolSubject>;

/// A registered school.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RegisteredAnswer)]
pub struct Registered {
    name: String,
    org_type: OrgType,
    tier: Tier,
    management: Management,
    /// The IANA time zone of days and billing cycles.
    time_zone: String,
    /// The day of the month on which billing cycles begin.
    #[schema(minimum = 1, maximum = 31)]
    period_anchor_day: u8,
    /// The current billing cycle.
    period: PeriodAnswer,
    /// The units bought per cycle.
    totals: Quotas,
    settings: Settings,
}

impl Registered {
    fn new(name: String, registered: &SchoolRegistered) -> Self {
        let settings = school::Settings {
            max_individual_quota: registered.max_individual_quota.clone(),
            default_member_quota: registered.default_member_quota.clone(),
            self_service_requests: registered.self_service_requests,
            ..school::Settings::default()
        };
        Self {
            name,
            org_type: registered.org_type.into(),
            tier: registered.tier.into(),
            management: registered.management.into(),
            time_zone: registered.cycle.time_zone.name().to_owned(),
            period_anchor_day: registered.cycle.anchor_day.get(),
            period: registered.period.into(),
            totals: registered.totals.clone().into(),
            settings: Settings::from(&settings),
        }
    }
}

pub(super) fn registered(name: String, receipt: &Receipt) -> Result<RegisteredAnswer, Problem> {
    let first = receipt.events.first();
    let Some((SchoolId(school_id), Event::School(SchoolEvent::Registered(registered)))) =
        first.map(|first| (first.school_id, &first.event))
    else {
        return Err(Problem::unlike("a registration", receipt));
    };
    let outcome = Registered::new(name, registered);
    Ok(WriteAnswer::about(
        SchoolSubject { school_id },
        receipt,
        outcome,
    ))
}

/// The answer to a change of the subscription.
pub type SubscriptionAnswer = ChangeAnswer<Subscription>;

/// The subscription of a school, before and after a change.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SubscriptionAnswer)]
pub struct Subscription {
    /// Whether this is a preview and nothing was changed.
    dry_run: bool,
    tier_before: Tier,
    tier: Tier,
    management: Management,
    /// The units bought per cycle before.
    totals_before: Quotas,
    /// The units bought per cycle now.
    totals: Quotas,
    /// Whether teachers may request units now, if the new tier changed that.
    #[schema(required)]
    self_service_requests: Option<bool>,
    /// The new anchor day of billing cycles, if it changed.
    #[schema(required)]
    anchor_change: Option<AnchorChange>,
    /// The reclaimed allocations of each service, in the order of reclaiming.
    reclaimed: Vec<ReclaimedUnits>,
    /// The version of subscription and settings: the ETag.
    pub(super) version: Seq,
}

/// A new anchor day of billing cycles.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct AnchorChange {
    /// The old anchor day.
    #[schema(minimum = 1, maximum = 31)]
    before: u8,
    /// The new anchor day.
    #[schema(minimum = 1, maximum = 31)]
    period_anchor_day: u8,
    /// The end of the current cycle, when the new day takes effect.
    from: Instant,
}

impl From<CycleTurn> for AnchorChange {
    fn from(turn: CycleTurn) -> Self {
        Self {
            before: turn.anchor_day_before.get(),
            period_anchor_day: turn.anchor_day.get(),
            from: turn.at.into(),
        }
    }
}

/// An allocation that was reclaimed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReclaimedUnits {
    /// The holder, if a member.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    member_id: Option<Uuid>,
    /// The holder, if a department.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    department_id: Option<Uuid>,
    service: ServiceId,
    priority: Priority,
    /// Allocated before.
    before: Quota,
    /// Allocated now.
    after: Quota,
}

impl From<&AllocationChanged> for ReclaimedUnits {
    fn from(change: &AllocationChanged) -> Self {
        Self {
            member_id: change.holder.member_id().map(|id| id.0),
            department_id: change.holder.department_id().map(|id| id.0),
            service: change.service.clone().into(),
            priority: change.priority.into(),
            before: change.before.into(),
            after: change.after.into(),
        }
    }
}

impl Subscription {
    fn changed(changed: &SubscriptionChanged, receipt: &Receipt) -> Self {
        let self_service_requests = school_events(receipt).find_map(|(_, event)| {
            let SchoolEvent::SettingsChanged(changed) = event else {
                return None;
            };
            Some(changed.after.self_service_requests)
        });
        Self {
            dry_run: false,
            tier_before: changed.tier_before.into(),
            tier: changed.tier.into(),
            management: changed.management.into(),
            totals_before: changed.totals_before.clone().into(),
            totals: changed.totals.clone().into(),
            self_service_requests,
            anchor_change: changed.turn.map(AnchorChange::from),
            reclaimed: decreases(receipt).map(ReclaimedUnits::from).collect(),
            version: version(receipt),
        }
    }

    fn unchanged(view: &StateView, receipt: &Receipt) -> Self {
        Self {
            dry_run: false,
            tier_before: view.school.tier.into(),
            tier: view.school.tier.into(),
            management: view.school.management.into(),
            totals_before: view.totals.clone().into(),
            totals: view.totals.clone().into(),
            self_service_requests: None,
            anchor_change: None,
            reclaimed: decreases(receipt).map(ReclaimedUnits::from).collect(),
            version: version(receipt),
        }
    }
}

pub(super) fn subscription(
    dry_run: bool,
    receipt: &Receipt,
) -> Result<SubscriptionAnswer, Problem> {
    let change = school_events(receipt).next();
    let (event_id, outcome) = match (change, &receipt.view.school) {
        (Some((event_id, SchoolEvent::SubscriptionChanged(changed))), _) => {
            (Some(event_id.0), Subscription::changed(changed, receipt))
        }
        (None, Some(view)) => (None, Subscription::unchanged(view, receipt)),
        _ => return Err(Problem::unlike("a subscription", receipt)),
    };
    let outcome = Subscription { dry_run, ..outcome };
    let mut answer = SubscriptionAnswer::new(receipt, outcome);
    answer.event_id = event_id.filter(|_| !dry_run);
    Ok(answer)
}

/// The answer to a change of the settings.
pub type ChangedSettingsAnswer = ChangeAnswer<ChangedSettings>;

/// The settings of a school, before and after a change.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ChangedSettingsAnswer)]
pub struct ChangedSettings {
    before: Settings,
    /// The settings now.
    settings: Settings,
    /// The version of subscription and settings: the ETag.
    pub(super) version: Seq,
}

pub(super) fn changed_settings(receipt: &Receipt) -> Result<ChangedSettingsAnswer, Problem> {
    let first = receipt.events.first().map(|recorded| &recorded.event);
    let (before, after) = match (first, &receipt.view.school) {
        (Some(Event::School(SchoolEvent::SettingsChanged(changed))), _) => {
            (&changed.before, &changed.after)
        }
        (None, Some(view)) => (&view.school.settings, &view.school.settings),
        _ => return Err(Problem::unlike("a change of settings", receipt)),
    };
    let outcome = ChangedSettings {
        before: before.into(),
        settings: after.into(),
        version: version(receipt),
    };
    Ok(WriteAnswer::new(receipt, outcome))
}

/// The version of subscription and settings after a write, which may have changed neither.
fn version(receipt: &Receipt) -> Seq {
    let view = receipt.view.school.as_deref();
    view.map_or(receipt.seq, |view| view.school.version).into()
}

fn school_events(receipt: &Receipt) -> impl Iterator<Item = (EventId, &SchoolEvent)> {
    receipt.events.iter().filter_map(|recorded| {
        let Event::School(event) = &recorded.event else {
            return None;
        };
        Some((recorded.event_id, event))
    })
}

/// A school.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct School {
    /// The last event included.
    seq: Seq,
    school_id: Uuid,
    /// The name in the directory.
    #[schema(required)]
    name: Option<String>,
    org_type: OrgType,
    tier: Tier,
    management: Management,
    /// The IANA time zone of days and billing cycles.
    time_zone: String,
    /// The day of the month on which billing cycles begin after the current one.
    #[schema(minimum = 1, maximum = 31)]
    period_anchor_day: u8,
    /// The current billing cycle.
    period: PeriodAnswer,
    /// The units bought per cycle.
    totals: Quotas,
    settings: Settings,
    registered_at: Instant,
    /// The version of subscription and settings: the ETag.
    version: Seq,
}

impl From<SchoolView> for School {
    fn from(school: SchoolView) -> Self {
        Self {
            seq: school.seq.into(),
            school_id: school.school_id.0,
            name: school.name,
            org_type: school.org_type.into(),
            tier: school.tier.into(),
            management: school.management.into(),
            time_zone: school.time_zone.name().to_owned(),
            period_anchor_day: school.period_anchor_day.get(),
            period: school.period.into(),
            totals: school.totals.into(),
            settings: school.settings.into(),
            registered_at: school.registered_at.into(),
            version: school.version.into(),
        }
    }
}
