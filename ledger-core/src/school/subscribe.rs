//! The rules of changing a subscription.

use super::command::{Reclaim, SetSubscription, named};
use super::event::{CycleTurn, SchoolEvent, Settings, SettingsChanged, SubscriptionChanged};
use super::state::School;
use crate::allocation::{self, Extent, Pool};
use crate::catalog::Event;
use crate::period::AnchorDay;
use crate::plan::{Catalogue, Management, Quotas, Tier};
use crate::quantity::Quota;
use crate::refusal::{Level, Refusal, Rule, Shortfall};
use crate::service::ServiceId;
use crate::state::SchoolState;

/// Reclaims precede the change that makes them necessary, so that allocations fit into the total
/// after every event.
pub(super) fn subscribe(
    catalogue: &Catalogue,
    state: &SchoolState,
    school: &School,
    command: &SetSubscription,
) -> Result<Vec<Event>, Refusal> {
    let tier = command.tier.unwrap_or(school.tier);
    let management = catalogue.plan(school.org_type, tier).management;
    let totals_before = state.totals();
    let totals = totals(catalogue, school, tier, &totals_before, command)?;
    let asked = Asked {
        state,
        school,
        totals: &totals,
        management,
    };
    let reclaimed = match command.reclaim {
        Reclaim::Refuse => asked.nothing_to_reclaim()?,
        Reclaim::ByPriority => asked.reclaimed()?,
    };
    let turn = turn(school, command.anchor_day);
    if turn.is_none()
        && tier == school.tier
        && management == school.management
        && totals == totals_before
    {
        return Ok(Vec::new());
    }
    let changed = Event::School(SchoolEvent::SubscriptionChanged(SubscriptionChanged {
        tier_before: school.tier,
        tier,
        management,
        totals_before,
        totals,
        turn,
    }));
    let events = reclaimed.into_iter().chain([changed]);
    Ok(events
        .chain(self_service(catalogue, school, tier))
        .collect())
}

/// The change of the anchor day, if any. The current period keeps its end.
fn turn(school: &School, asked: Option<AnchorDay>) -> Option<CycleTurn> {
    let anchor_day_before = school.cycles.last().anchor_day;
    let anchor_day = asked.filter(|day| *day != anchor_day_before)?;
    Some(CycleTurn {
        anchor_day_before,
        anchor_day,
        at: school.period.end,
    })
}

/// The new totals. A total that is the old plan's becomes the new plan's.
fn totals(
    catalogue: &Catalogue,
    school: &School,
    tier: Tier,
    before: &Quotas,
    command: &SetSubscription,
) -> Result<Quotas, Refusal> {
    let old_plan = catalogue.plan(school.org_type, school.tier);
    let plan = catalogue.plan(school.org_type, tier);
    let mut totals = before.clone();
    for (service, total) in &plan.totals {
        let current = totals.get(service);
        if current.is_none() || current == old_plan.totals.get(service) {
            totals.insert(service.clone(), *total);
        }
    }
    totals.extend(named(catalogue, &command.totals)?);
    Ok(totals)
}

/// A self-service setting that is the old tier's default becomes the new tier's.
fn self_service(catalogue: &Catalogue, school: &School, tier: Tier) -> Option<Event> {
    let before = &school.settings;
    let old_default = catalogue.defaults.self_service_requests(school.tier);
    let new_default = catalogue.defaults.self_service_requests(tier);
    if before.self_service_requests != old_default || old_default == new_default {
        return None;
    }
    let before = before.clone();
    let after = Settings {
        self_service_requests: new_default,
        ..before.clone()
    };
    let changed = SettingsChanged { before, after };
    Some(Event::School(SchoolEvent::SettingsChanged(changed)))
}

/// The new subscription of a school, compared with its state.
struct Asked<'a> {
    state: &'a SchoolState,
    school: &'a School,
    totals: &'a Quotas,
    management: Management,
}

impl Asked<'_> {
    /// The lowered totals, each of which covers used and held units.
    fn lowered(&self) -> impl Iterator<Item = Result<(&ServiceId, Quota, Pool), Refusal>> {
        self.totals.iter().filter_map(|(service, total)| {
            let pool = self.state.pool(service);
            if pool.total.fits_in(*total) {
                return None;
            }
            let spent = pool.used.saturating_add(pool.held);
            if total.covers(spent) {
                return Some(Ok((service, *total, pool)));
            }
            let min = Quota::Finite(spent);
            Some(Err(self.too_low(
                Rule::TotalBelowUsage,
                service,
                *total,
                min,
            )))
        })
    }

    /// Checks that all allocations fit into the new totals.
    fn nothing_to_reclaim(&self) -> Result<Vec<Event>, Refusal> {
        for lowered in self.lowered() {
            let (service, total, pool) = lowered?;
            let committed = pool.committed();
            if !committed.fits_in(total) {
                return Err(self.too_low(Rule::TotalBelowAllocated, service, total, committed));
            }
        }
        if self.management == Management::None {
            self.check_nothing_unused()?;
        }
        Ok(Vec::new())
    }

    /// Without allocation management unused allocations could not be revoked. Used units stay on
    /// their lines until the period ends; held units stay until the hold is closed, and the rest is
    /// then reclaimed.
    fn check_nothing_unused(&self) -> Result<(), Refusal> {
        for (service, pool) in &self.state.pools {
            if pool.funds_nothing() {
                continue;
            }
            let members = self.state.members.values().map(|member| {
                let line = member.line(service);
                line.allocated.minus(line.spent())
            });
            let departments = self.state.departments.values().map(|department| {
                let direct = department.line(service).pool.direct();
                direct.allocated.minus(direct.spent())
            });
            let unused =
                members
                    .chain(departments)
                    .fold(Quota::ZERO, |sum, more| match (sum, more) {
                        (Quota::Finite(sum), Quota::Finite(more)) => {
                            sum.saturating_add(more).into()
                        }
                        (Quota::Unlimited, _) | (_, Quota::Unlimited) => Quota::Unlimited,
                    });
            if unused != Quota::ZERO {
                return Err(Refusal::AllocationsOutstanding {
                    service: service.clone(),
                    allocated: unused,
                });
            }
        }
        Ok(())
    }

    /// The changes that make all allocations fit.
    fn reclaimed(&self) -> Result<Vec<Event>, Refusal> {
        let lowered = self.lowered().collect::<Result<Vec<_>, _>>()?;
        let mut events = Vec::new();
        let extent = match self.management {
            Management::None => Extent::Everything,
            Management::Basic | Management::Advanced => Extent::Excess,
        };
        for service in self.totals.keys() {
            // A total that is not lowered needs no reclaim, even if usage exceeds it.
            let headroom = lowered
                .iter()
                .find(|(lowered, ..)| *lowered == service)
                .map_or(Quota::Unlimited, |(_, total, _)| *total);
            let reclaimed = allocation::reclaim(self.state, service, headroom, extent);
            events.extend(
                reclaimed.map_err(|min| {
                    self.too_low(Rule::TotalBelowAllocated, service, headroom, min)
                })?,
            );
        }
        Ok(events)
    }

    fn too_low(&self, rule: Rule, service: &ServiceId, asked: Quota, min: Quota) -> Refusal {
        let pool = self.state.pool(service);
        Refusal::Shortfall(Box::new(Shortfall {
            rule,
            level: Level::Pool,
            service: service.clone(),
            limit: min,
            used: pool.used,
            held: pool.held,
            asked,
            available: pool.unallocated(),
            resets_at: self.school.period.end,
        }))
    }
}
