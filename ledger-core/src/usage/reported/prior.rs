//! Recorded usage with its corrections, from its own event and the newest event about it.

use super::event::Attribution;
use crate::catalog::Event;
use crate::decider::Recorded;
use crate::ids::Attribute;
use crate::quantity::Units;
use crate::state::SchoolState;
use crate::time::Timestamp;
use crate::usage::{Account, CallFacts, UsageEvent};

/// Recorded usage with its corrections.
#[derive(Clone, Debug, PartialEq)]
pub struct PriorUsage {
    /// The time of the usage.
    pub usage_at: Timestamp,
    /// The units; `None` if unknown.
    pub units: Option<Units>,
    /// The units as stated by the caller; `None` if metered.
    pub stated: Option<Units>,
    /// The units refunded.
    pub refunded: Units,
    /// The service as sent, of usage that was unattributed; `None` for other usage.
    pub parked_service: Option<Attribute>,
    /// The account that the usage counts on, if any.
    pub counted: Option<Counted>,
    /// The facts of the call.
    pub call: CallFacts,
}

/// An account and period that usage counts on.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// The account.
    pub account: Account,
    /// The start of the period, if it was closed when the usage was counted.
    pub period_start: Option<Timestamp>,
    /// The time of counting: usage without `period_start` counts in the period open then.
    pub counted_at: Timestamp,
}

impl Counted {
    fn new(account: &Account, period_start: Option<Timestamp>, event: &Recorded) -> Self {
        Self {
            account: account.clone(),
            period_start,
            counted_at: event.recorded_at,
        }
    }

    fn of(attribution: &Attribution, event: &Recorded) -> Self {
        Self::new(&attribution.account, attribution.period_start, event)
    }

    /// The start of the period that the usage counts in, if that is closed now.
    pub(super) fn closed_period(&self, state: &SchoolState) -> Option<Timestamp> {
        self.period_start
            .or_else(|| state.closed_period_at(self.counted_at))
    }
}

impl PriorUsage {
    /// The usage recorded by `usage`, corrected by the newest event about it. `None` if the event
    /// does not record usage.
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
        let counted = |account, period_start| Some(Counted::new(account, period_start, usage));
        let (units, counted, call) = match event {
            UsageEvent::Debited(e) => (e.units, counted(&e.account, None), &e.call),
            UsageEvent::HoldSettled(e) => (e.units, counted(&e.account, e.period_start), &e.call),
            UsageEvent::Reported(e) => (e.units, counted(&e.account, e.period_start), &e.call),
            UsageEvent::Parked(e) => {
                return Some(Self {
                    usage_at: usage.occurred_at,
                    units: e.units,
                    stated: e.units.filter(|_| !e.metered),
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
            stated: Some(units),
            refunded: Units::ZERO,
            parked_service: None,
            counted,
            call: call.clone(),
        })
    }

    fn apply(&mut self, newest: &Recorded) {
        let (units, refunded, attribution) =
            if let Event::Usage(UsageEvent::Attributed(e)) = &newest.event {
                (e.units.saturating_add(e.refunded), e.refunded, &e.to)
            } else if let Event::Usage(UsageEvent::Corrected(e)) = &newest.event {
                (e.usage_units, e.refunded, &e.attribution)
            } else {
                return;
            };
        self.units = Some(units);
        self.refunded = refunded;
        self.counted = Some(Counted::of(attribution, newest));
    }
}
