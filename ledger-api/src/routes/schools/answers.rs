//! What is told of a school.

use std::collections::BTreeMap;

use ledger_core::allocation::{AllocationEvent, Priority};
use ledger_core::decider::SchoolView;
use ledger_core::period::{AnchorDay, Tz};
use ledger_core::school::{CycleTurn, OveragePolicy, SchoolEvent, Settings};
use ledger_core::{
    DepartmentId, Event, EventId, Management, MemberId, OrgType, Quota, Quotas, SchoolId, Seq,
    ServiceId, Tier, Timestamp,
};
use ledger_store::writer::Receipt;
use serde::Serialize;
use utoipa::ToSchema;

use super::overage::OveragePolicies;
use crate::openapi::schema;
use crate::problem::Problem;
use crate::values::{PeriodAnswer, words};

/// A school's own rules.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Settings)]
pub struct SettingsAnswer {
    /// The most that one member may hold; a service that is not named has no cap.
    #[schema(value_type = words::Quotas)]
    max_individual_quota: Quotas,
    /// What a new teacher is granted.
    #[schema(value_type = words::Quotas)]
    default_member_quota: Quotas,
    /// Whether teachers may ask for more themselves.
    self_service_requests: bool,
    /// How far usage may go beyond what is allocated; a service that is not named is hard.
    #[schema(value_type = OveragePolicies)]
    overage: BTreeMap<ServiceId, OveragePolicy>,
    /// Whether a member without an allocation of his own draws on his department's.
    draw_on_department: bool,
}

impl From<&Settings> for SettingsAnswer {
    fn from(settings: &Settings) -> Self {
        Self {
            max_individual_quota: settings.max_individual_quota.clone(),
            default_member_quota: settings.default_member_quota.clone(),
            self_service_requests: settings.self_service_requests,
            overage: settings.overage.clone(),
            draw_on_department: settings.draw_on_department,
        }
    }
}

/// A school that is registered.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RegisteredAnswer {
    /// The school's id.
    #[schema(value_type = Uuid)]
    pub(super) school_id: SchoolId,
    /// The position of the registration in the school's log.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The registration's identity in the school.
    #[schema(value_type = Uuid)]
    event_id: EventId,
    /// Whether it was registered before, and this is what came of it then.
    replayed: bool,
    /// Its name.
    name: String,
    /// What kind of tenant it is.
    #[schema(value_type = words::OrgType)]
    org_type: OrgType,
    /// What it pays for.
    #[schema(value_type = words::Tier)]
    tier: Tier,
    /// What its plan switches on.
    #[schema(value_type = words::Management)]
    management: Management,
    /// Where its days and billing cycles begin (IANA).
    #[schema(value_type = String)]
    time_zone: Tz,
    /// The day of the month on which its billing cycles begin.
    #[schema(value_type = u8, minimum = 1, maximum = 31)]
    period_anchor_day: AnchorDay,
    /// The present billing cycle.
    period: PeriodAnswer,
    /// Units bought per cycle.
    #[schema(value_type = words::Quotas)]
    totals: Quotas,
    /// Its own rules.
    settings: SettingsAnswer,
}

impl RegisteredAnswer {
    pub(super) fn of(name: String, receipt: &Receipt) -> Result<Self, Problem> {
        let first = receipt.events.first();
        let Some((school_id, SchoolEvent::Registered(registered))) =
            first.and_then(|recorded| Some((recorded.school_id, school(&recorded.event)?)))
        else {
            return Err(Problem::unlike("a registration", receipt));
        };
        let settings = Settings {
            max_individual_quota: registered.max_individual_quota.clone(),
            default_member_quota: registered.default_member_quota.clone(),
            self_service_requests: registered.self_service_requests,
            ..Settings::default()
        };
        Ok(Self {
            school_id,
            seq: receipt.seq,
            event_id: receipt.event_id,
            replayed: receipt.replayed,
            name,
            org_type: registered.org_type,
            tier: registered.tier,
            management: registered.management,
            time_zone: registered.cycle.time_zone,
            period_anchor_day: registered.cycle.anchor_day,
            period: registered.period.into(),
            totals: registered.totals.clone(),
            settings: SettingsAnswer::from(&settings),
        })
    }
}

/// What a school buys.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SubscriptionAnswer {
    /// The head of the school's log.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The change's identity in the school; none when nothing was to be changed or was done.
    #[schema(value_type = Option<Uuid>, required)]
    event_id: Option<EventId>,
    /// Whether it was done before, and this is what came of it then.
    replayed: bool,
    /// Whether this is what would come of it, and nothing was done.
    dry_run: bool,
    /// What the school paid for before.
    #[schema(value_type = words::Tier)]
    tier_before: Tier,
    /// What it pays for now.
    #[schema(value_type = words::Tier)]
    tier: Tier,
    /// What its plan switches on now.
    #[schema(value_type = words::Management)]
    management: Management,
    /// Units bought per cycle before.
    #[schema(value_type = words::Quotas)]
    totals_before: Quotas,
    /// Units bought per cycle now.
    #[schema(value_type = words::Quotas)]
    totals: Quotas,
    /// Whether teachers may ask for more themselves now, when the change of tier changed that.
    #[schema(required)]
    self_service_requests: Option<bool>,
    /// Another anchor day of the billing cycles, when that changed or would.
    #[schema(required)]
    anchor_change: Option<AnchorChange>,
    /// What was taken back of allocations, or would be: of each service what gives first
    /// stands first.
    reclaimed: Vec<ReclaimedAnswer>,
    /// The version of what the school bought and its own rules, as it is now: their ETag.
    #[schema(value_type = schema::Seq)]
    pub(super) version: Seq,
}

/// From some instant on billing cycles begin on another day of the month.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct AnchorChange {
    /// The anchor day until then.
    #[schema(value_type = u8, minimum = 1, maximum = 31)]
    before: AnchorDay,
    /// The anchor day from then on.
    #[schema(value_type = u8, minimum = 1, maximum = 31)]
    period_anchor_day: AnchorDay,
    /// The end of the present cycle.
    #[schema(value_type = schema::Instant)]
    from: Timestamp,
}

impl From<CycleTurn> for AnchorChange {
    fn from(turn: CycleTurn) -> Self {
        Self {
            before: turn.anchor_day_before,
            period_anchor_day: turn.anchor_day,
            from: turn.at,
        }
    }
}

/// Units that were taken back, or would be.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ReclaimedUnits)]
pub struct ReclaimedAnswer {
    /// Whose, if a member's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    member_id: Option<MemberId>,
    /// Whose, if a department's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    department_id: Option<DepartmentId>,
    /// Of which service.
    #[schema(value_type = schema::ServiceId)]
    service: ServiceId,
    /// How the holder ranks.
    #[schema(value_type = words::Priority)]
    priority: Priority,
    /// Allocated before.
    #[schema(value_type = schema::Quota)]
    before: Quota,
    /// Allocated now.
    #[schema(value_type = schema::Quota)]
    after: Quota,
}

impl ReclaimedAnswer {
    fn of(event: &Event) -> Option<Self> {
        let Event::Allocation(AllocationEvent::Revoked(revoked)) = event else {
            return None;
        };
        Some(Self {
            member_id: revoked.holder.member_id(),
            department_id: revoked.holder.department_id(),
            service: revoked.service.clone(),
            priority: revoked.priority,
            before: revoked.before,
            after: revoked.after,
        })
    }
}

impl SubscriptionAnswer {
    pub(super) fn of(dry_run: bool, receipt: &Receipt) -> Result<Self, Problem> {
        let reclaimed = receipt.events.iter();
        let reclaimed = reclaimed
            .filter_map(|recorded| ReclaimedAnswer::of(&recorded.event))
            .collect();
        let mut events = receipt
            .events
            .iter()
            .filter_map(|recorded| Some((recorded.event_id, school(&recorded.event)?)));
        let version = version(receipt);
        let (seq, replayed) = (receipt.seq, receipt.replayed);
        match (events.next(), &receipt.view.school) {
            (Some((event_id, SchoolEvent::SubscriptionChanged(changed))), _) => Ok(Self {
                seq,
                event_id: (!dry_run).then_some(event_id),
                replayed,
                dry_run,
                tier_before: changed.tier_before,
                tier: changed.tier,
                management: changed.management,
                totals_before: changed.totals_before.clone(),
                totals: changed.totals.clone(),
                self_service_requests: events
                    .find_map(|(_, event)| settings_after(event))
                    .map(|s| s.self_service_requests),
                anchor_change: changed.turn.map(AnchorChange::from),
                reclaimed,
                version,
            }),
            (None, Some(found)) => Ok(Self {
                seq,
                event_id: None,
                replayed,
                dry_run,
                tier_before: found.school.tier,
                tier: found.school.tier,
                management: found.school.management,
                totals_before: found.totals.clone(),
                totals: found.totals.clone(),
                self_service_requests: None,
                anchor_change: None,
                reclaimed,
                version,
            }),
            _ => Err(Problem::unlike("a subscription", receipt)),
        }
    }
}

/// A school's own rules, before and now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChangedSettingsAnswer {
    /// The head of the school's log.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The change's identity in the school; none when nothing was to be changed.
    #[schema(value_type = Option<Uuid>, required)]
    event_id: Option<EventId>,
    /// Whether it was done before, and this is what came of it then.
    replayed: bool,
    /// Its rules before.
    before: SettingsAnswer,
    /// Its rules now.
    settings: SettingsAnswer,
    /// The version of what the school bought and its own rules, as it is now: their ETag.
    #[schema(value_type = schema::Seq)]
    pub(super) version: Seq,
}

impl ChangedSettingsAnswer {
    pub(super) fn of(receipt: &Receipt) -> Result<Self, Problem> {
        let first = receipt.events.first();
        let (event_id, before, after) =
            match (first.and_then(|e| school(&e.event)), &receipt.view.school) {
                (Some(SchoolEvent::SettingsChanged(changed)), _) => {
                    (Some(receipt.event_id), &changed.before, &changed.after)
                }
                (None, Some(found)) => (None, &found.school.settings, &found.school.settings),
                _ => return Err(Problem::unlike("a change of settings", receipt)),
            };
        Ok(Self {
            seq: receipt.seq,
            event_id,
            replayed: receipt.replayed,
            before: before.into(),
            settings: after.into(),
            version: version(receipt),
        })
    }
}

/// The version that a change left, or that it found and left alone.
fn version(receipt: &Receipt) -> Seq {
    let found = receipt.view.school.as_deref();
    found.map_or(receipt.seq, |SchoolView { school, .. }| school.version)
}

fn school(event: &Event) -> Option<&SchoolEvent> {
    match event {
        Event::School(event) => Some(event),
        Event::Department(_)
        | Event::Allocation(_)
        | Event::Request(_)
        | Event::Usage(_)
        | Event::Period(_) => None,
    }
}

fn settings_after(event: &SchoolEvent) -> Option<&Settings> {
    match event {
        SchoolEvent::SettingsChanged(changed) => Some(&changed.after),
        SchoolEvent::Registered(_)
        | SchoolEvent::SubscriptionChanged(_)
        | SchoolEvent::MemberEnrolled(_)
        | SchoolEvent::MemberRoleChanged(_)
        | SchoolEvent::MemberRemoved(_)
        | SchoolEvent::MemberErased(_) => None,
    }
}

/// A school.
#[derive(Debug, ToSchema)]
#[schema(as = School)]
#[allow(
    dead_code,
    reason = "it describes what roster::read::SchoolView is written as"
)]
pub struct SchoolDocument {
    /// The event up to which this counts.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The school's id.
    #[schema(value_type = Uuid)]
    school_id: SchoolId,
    /// Its name, when the directory has one.
    #[schema(required)]
    name: Option<String>,
    /// What kind of tenant it is.
    #[schema(value_type = words::OrgType)]
    org_type: OrgType,
    /// What it pays for.
    #[schema(value_type = words::Tier)]
    tier: Tier,
    /// What its plan switches on.
    #[schema(value_type = words::Management)]
    management: Management,
    /// Where its days and billing cycles begin (IANA).
    #[schema(value_type = String)]
    time_zone: Tz,
    /// The day of the month on which its billing cycles begin, once the present one has ended.
    #[schema(value_type = u8, minimum = 1, maximum = 31)]
    period_anchor_day: AnchorDay,
    /// The present billing cycle.
    period: PeriodAnswer,
    /// Units bought per cycle.
    #[schema(value_type = words::Quotas)]
    totals: Quotas,
    /// Its own rules.
    settings: SettingsAnswer,
    /// When it was registered.
    #[schema(value_type = schema::Instant)]
    registered_at: Timestamp,
    /// The version of what it bought and its own rules: their ETag.
    #[schema(value_type = schema::Seq)]
    version: Seq,
}
