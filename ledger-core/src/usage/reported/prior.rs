//! Usage as the log says that it stands: from its own event and the newest one about it.

use super::event::Attribution;
use crate::catalog::Event;
use crate::decider::Recorded;
use crate::ids::{Attribute, DepartmentId, MemberId};
use crate::quantity::Units;
use crate::refusal::Level;
use crate::service::ServiceId;
use crate::state::SchoolState;
use crate::time::Timestamp;
use crate::usage::{CallFacts, UsageEvent};

/// Usage as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct PriorUsage {
    /// When it occurred.
    pub usage_at: Timestamp,
    /// How many units it was; `None` where nothing told.
    pub units: Option<Units>,
    /// How many its caller said that it was; `None` where a meter told.
    pub said: Option<Units>,
    /// How many of them are refunded.
    pub refunded: Units,
    /// The service as a report gave it that was parked; `None` for usage that never was.
    pub parked_service: Option<Attribute>,
    /// Where it counts; `None`: nowhere yet.
    pub counted: Option<Counted>,
    /// What is known of the call.
    pub call: CallFacts,
}

/// Where usage counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// Whose usage.
    pub member_id: MemberId,
    /// Of which service.
    pub service: ServiceId,
    /// On whose account.
    pub level: Level,
    /// The department that it counts in.
    pub department_id: Option<DepartmentId>,
    /// The start of the period that was closed when it was counted, if it counts in one.
    pub period_start: Option<Timestamp>,
    /// When it was counted: else it counts in the period that was open then.
    pub counted_at: Timestamp,
}

impl Counted {
    fn of(account: &Attribution, counted_at: Timestamp) -> Self {
        Self {
            member_id: account.member_id,
            service: account.service.clone(),
            level: account.level,
            department_id: account.department_id,
            period_start: account.period_start,
            counted_at,
        }
    }

    /// The start of the period in which it counts, if that is closed by now.
    pub(super) fn closed_period(&self, state: &SchoolState) -> Option<Timestamp> {
        self.period_start
            .or_else(|| state.closed_period_at(self.counted_at))
    }
}

impl PriorUsage {
    /// The usage that an event records, as the newest event about it says that it stands; `None`
    /// when the first is no usage.
    #[must_use]
    pub fn of(usage: &Recorded, newest: Option<&Recorded>) -> Option<Self> {
        let mut prior = Self::recorded_by(usage)?;
        if let Some(newest) = newest {
            prior.apply(newest);
        }
        Some(prior)
    }

    fn recorded_by(usage: &Recorded) -> Option<Self> {
        let Event::Usage(event) = &usage.event else {
            return None;
        };
        let counted = |member_id, service: &ServiceId, (level, department_id), period_start| {
            Some(Counted {
                member_id,
                service: service.clone(),
                level,
                department_id,
                period_start,
                counted_at: usage.recorded_at,
            })
        };
        let (units, counted, call) = match event {
            UsageEvent::Debited(e) => (
                e.units,
                counted(e.member_id, &e.service, (e.level, e.department_id), None),
                &e.call,
            ),
            UsageEvent::HoldSettled(e) => (
                e.units,
                counted(
                    e.member_id,
                    &e.service,
                    (e.level, e.department_id),
                    e.period_start,
                ),
                &e.call,
            ),
            UsageEvent::Reported(e) => (
                e.units,
                counted(
                    e.member_id,
                    &e.service,
                    (e.level, e.department_id),
                    e.period_start,
                ),
                &e.call,
            ),
            UsageEvent::Parked(e) => {
                return Some(Self {
                    usage_at: usage.occurred_at,
                    units: e.units,
                    said: e.units.filter(|_| !e.metered),
                    refunded: Units::ZERO,
                    parked_service: Some(e.service.clone()),
                    counted: None,
                    call: e.call.clone(),
                });
            }
            UsageEvent::HoldPlaced(_)
            | UsageEvent::HoldReleased(_)
            | UsageEvent::HoldExpired(_)
            | UsageEvent::Refused(_)
            | UsageEvent::Attributed(_)
            | UsageEvent::Corrected(_) => return None,
        };
        Some(Self {
            usage_at: usage.occurred_at,
            units: Some(units),
            said: Some(units),
            refunded: Units::ZERO,
            parked_service: None,
            counted,
            call: call.clone(),
        })
    }

    fn apply(&mut self, newest: &Recorded) {
        match &newest.event {
            Event::Usage(UsageEvent::Attributed(e)) => {
                self.units = Some(e.units.saturating_add(e.refunded));
                self.refunded = e.refunded;
                self.counted = Some(Counted::of(&e.to, newest.recorded_at));
            }
            Event::Usage(UsageEvent::Corrected(e)) => {
                self.units = Some(e.usage_units);
                self.refunded = e.refunded;
                self.counted = Some(Counted::of(&e.account, newest.recorded_at));
            }
            Event::Usage(_)
            | Event::School(_)
            | Event::Department(_)
            | Event::Allocation(_)
            | Event::Request(_)
            | Event::Period(_) => {}
        }
    }
}
