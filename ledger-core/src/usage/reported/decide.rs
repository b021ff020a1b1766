//! The rules of usage recorded after the fact: reports are recorded whatever they exceed, refunds
//! are limited by the usage.

use super::command::{AttributeUsage, CorrectUsage, Report};
use super::event::{
    Attribution, UnattributedReason, UsageAttributed, UsageCorrected, UsageParked, UsageReported,
};
use super::prior::Counted;
use crate::context::Context;
use crate::decider::Fact;
use crate::ids::{MemberId, Owner};
use crate::quantity::Units;
use crate::refusal::{Refusal, known_service};
use crate::service::ServiceId;
use crate::state::SchoolState;
use crate::text::FreeText;
use crate::time::Timestamp;
use crate::usage::account::Account;
use crate::usage::account_state::AccountState;
use crate::usage::command::FUTURE_LIMIT_SECONDS;
use crate::usage::decide::Rules;
use crate::usage::{Balance, UsageEvent};

impl Rules<'_> {
    /// Records usage of the member, also of a suspended or removed one, and beyond any quota.
    /// Unattributed if no member or no service is known.
    pub(in crate::usage) fn report(&self, command: &Report) -> Result<Fact, Refusal> {
        let school = self.state.school()?;
        let occurred_at = occurred(self.now, command.occurred_at);
        let owner = command.owner.as_ref();
        let member_id = owner.and_then(|owner| reported_member(self.state, self.context, owner));
        let service = self.catalogue.resolve(command.service.as_str()).cloned();
        let event = match (member_id, service) {
            (Some(member_id), Some(service)) => {
                let units = self.metered(&service, command.units, &command.call)?;
                let (account, period_start) =
                    Account::at(self.state, school, member_id, service, occurred_at)?;
                let before = AccountState::of(self.state, &account);
                let (balance, overage) = counted(&before, period_start, units)?;
                UsageEvent::Reported(UsageReported {
                    id: command.id.clone(),
                    source: command.source.clone(),
                    account,
                    units,
                    overage,
                    balance,
                    period_start,
                    call: command.call.clone(),
                })
            }
            (member_id, service) => self.parked(command, member_id, service.as_ref())?,
        };
        Ok(Fact::new(occurred_at, event))
    }

    fn parked(
        &self,
        command: &Report,
        member_id: Option<MemberId>,
        service: Option<&ServiceId>,
    ) -> Result<UsageEvent, Refusal> {
        let units = match service {
            Some(service) => Some(self.metered(service, command.units, &command.call)?),
            None => command.units,
        };
        let subject = command.subject.as_ref().filter(|_| member_id.is_none());
        Ok(UsageEvent::Parked(Box::new(UsageParked {
            id: command.id.clone(),
            source: command.source.clone(),
            reason: match service {
                Some(_) => UnattributedReason::UnknownMember,
                None => UnattributedReason::UnknownService,
            },
            member_id,
            subject: subject.map(FreeText::commitment),
            service: command.service.clone(),
            units,
            metered: units.is_some() && command.units.is_none(),
            call: command.call.clone(),
        })))
    }

    /// Attributes unattributed usage to a member, also if it was attributed to another member; no
    /// event if it is the member's already.
    pub(in crate::usage) fn attribute(
        &self,
        command: &AttributeUsage,
    ) -> Result<Option<Fact>, Refusal> {
        let school = self.state.school()?;
        let (usage_id, member_id) = (command.usage_id, command.member_id);
        let unknown = Refusal::UsageNotFound { usage_id };
        let Some(prior) = &self.context.prior_usage else {
            return Err(unknown);
        };
        // Usage that was never unattributed belongs to the member whom its caller named.
        let parked_service = prior.parked_service.as_ref().ok_or(unknown)?;
        let counted_before = prior.counted.as_ref();
        let service = match (&command.service, counted_before) {
            (Some(name), _) => known_service(self.catalogue, name)?,
            (None, Some(counted)) => counted.account.service.clone(),
            (None, None) => known_service(self.catalogue, parked_service.as_str())?,
        };
        self.state.member(member_id)?;
        let is_same =
            |account: &Account| account.member_id == member_id && account.service == service;
        if counted_before.is_some_and(|counted| is_same(&counted.account)) {
            return Ok(None);
        }
        // Metered units are recomputed when the service changes.
        let metered_before = prior.units.filter(|_| {
            counted_before.is_some()
                || self.catalogue.resolve(parked_service.as_str()) == Some(&service)
        });
        let units = prior.stated.or(metered_before);
        let units = self.metered(&service, units, &prior.call)?;
        let units = units.saturating_sub(prior.refunded);
        let from = counted_before.map(|counted| refunded(self.state, counted, units));
        let (account, period_start) =
            Account::at(self.state, school, member_id, service, prior.usage_at)?;
        let mut before = AccountState::of(self.state, &account);
        if let Some(from) = from.as_ref().filter(|from| from.period_start.is_none()) {
            before.refund(&from.account, units);
        }
        let (balance, overage) = counted(&before, period_start, units)?;
        let event = UsageEvent::Attributed(Box::new(UsageAttributed {
            usage_id,
            usage_at: prior.usage_at,
            units,
            refunded: prior.refunded,
            overage,
            from,
            to: Attribution {
                account,
                balance,
                period_start,
            },
            reason: command.reason.commitment(),
            call: prior.call.clone(),
        }));
        Ok(Some(Fact::new(self.now, event)))
    }

    /// Refunds at most the units of the usage; no event if all of them are refunded already.
    pub(in crate::usage) fn correct(
        &self,
        command: &CorrectUsage,
    ) -> Result<Option<Fact>, Refusal> {
        self.state.school()?;
        let usage_id = command.usage_id;
        let Some(prior) = &self.context.prior_usage else {
            return Err(Refusal::UsageNotFound { usage_id });
        };
        let (Some(counted), Some(usage_units)) = (&prior.counted, prior.units) else {
            return Err(Refusal::UsageUnattributed { usage_id });
        };
        let left = usage_units.saturating_sub(prior.refunded);
        let units = match command.units {
            None if left.is_zero() => return Ok(None),
            None => left,
            Some(asked) if asked.is_zero() => return Err(Refusal::NothingAsked),
            Some(asked) if asked > left => {
                return Err(Refusal::CorrectionExceedsUsage {
                    units: usage_units,
                    refunded: prior.refunded,
                    asked,
                });
            }
            Some(asked) => asked,
        };
        let event = UsageEvent::Corrected(Box::new(UsageCorrected {
            usage_id,
            usage_at: prior.usage_at,
            units,
            usage_units,
            refunded: prior.refunded.saturating_add(units),
            attribution: refunded(self.state, counted, units),
            reason: command.reason.commitment(),
            call: prior.call.clone(),
        }));
        Ok(Some(Fact::new(self.now, event)))
    }
}

/// The member whose usage a report is: the owner of the external id, or else the member whose id
/// the external id is as text.
fn reported_member(state: &SchoolState, context: &Context, owner: &Owner) -> Option<MemberId> {
    let by_own_id = || owner.external_id()?.as_member_id();
    let member_id = context.member_id(owner).ok().or_else(by_own_id);
    member_id.filter(|member_id| state.member(*member_id).is_ok())
}

/// The time of reported usage. A time further ahead than clocks differ becomes `now`: the usage has
/// happened, since it is reported.
fn occurred(now: Timestamp, stated: Option<Timestamp>) -> Timestamp {
    stated
        .filter(|at| *at <= now.plus_seconds(FUTURE_LIMIT_SECONDS))
        .unwrap_or(now)
}

/// The balance with the usage, and whether it is overage. Usage of a closed period is no overage
/// and leaves the open period unchanged.
fn counted(
    before: &AccountState<'_>,
    period_start: Option<Timestamp>,
    units: Units,
) -> Result<(Balance, bool), Refusal> {
    match period_start {
        Some(_) => Ok((before.balance(), false)),
        None => Ok((
            before.after(Units::ZERO, units, Units::ZERO)?,
            before.exceeded_by(units),
        )),
    }
}

/// The account that usage counts on, with its balance after a refund.
fn refunded(state: &SchoolState, counted: &Counted, units: Units) -> Attribution {
    let account = counted.account.clone();
    let before = AccountState::of(state, &account);
    let period_start = counted.closed_period(state);
    let balance = match period_start {
        Some(_) => before.balance(),
        None => before.refunded(units),
    };
    Attribution {
        account,
        balance,
        period_start,
    }
}
