//! The rules of what happened: it is recorded, whatever it exceeds; it is given to whom it was; it
//! is refunded up to what it was.

use super::command::{AttributeUsage, CorrectUsage, Report};
use super::event::{
    Attribution, UsageAttributed, UsageCorrected, UsageParked, UsageReported, WhyParked,
};
use super::prior::Counted;
use crate::catalog::Event;
use crate::context::Context;
use crate::decider::Fact;
use crate::ids::{MemberId, Owner};
use crate::plan::Catalogue;
use crate::quantity::Units;
use crate::refusal::{Refusal, known_service};
use crate::state::SchoolState;
use crate::text::FreeText;
use crate::time::Timestamp;
use crate::usage::account::{Account, Drawn, drawn, drawn_then};
use crate::usage::command::FUTURE_LIMIT_SECONDS;
use crate::usage::decide::metered;
use crate::usage::{Balance, UsageEvent};

/// Records usage, on the member whom it names, be he suspended or gone, and over any quota; parked
/// where no member or no service is known by that name.
pub(in crate::usage) fn report(
    catalogue: &Catalogue,
    state: &SchoolState,
    now: Timestamp,
    command: &Report,
    context: &Context,
) -> Result<Fact, Refusal> {
    let school = state.school()?;
    let occurred_at = happened(now, command.occurred_at);
    let owner = command.owner.as_ref();
    let member_id = owner.and_then(|owner| reported_member(state, context, owner));
    let service = catalogue.resolve(command.service.as_str()).cloned();
    let event = match (member_id, service) {
        (Some(member_id), Some(service)) => {
            let units = metered(catalogue, &service, command.units, &command.call)?;
            let member = state.member(member_id)?;
            let closed = state.closed_period_at(occurred_at);
            let drawn = match closed {
                Some(start) => drawn_then(school, member, start),
                None => drawn(school, member, &service),
            };
            let account = Account::of(state, member_id, &service, drawn);
            let (balance, overage) = counted_on(&account, closed, units)?;
            UsageEvent::Reported(UsageReported {
                id: command.id.clone(),
                source: command.source.clone(),
                member_id,
                service,
                units,
                overage,
                level: drawn.level,
                department_id: drawn.department_id,
                balance,
                period_start: closed,
                call: command.call.clone(),
            })
        }
        (member_id, service) => {
            let units = match &service {
                Some(service) => Some(metered(catalogue, service, command.units, &command.call)?),
                None => command.units,
            };
            let is_metered = units.is_some() && command.units.is_none();
            let subject = command.subject.as_ref().filter(|_| member_id.is_none());
            UsageEvent::Parked(Box::new(UsageParked {
                id: command.id.clone(),
                source: command.source.clone(),
                why: match service {
                    Some(_) => WhyParked::UnknownMember,
                    None => WhyParked::UnknownService,
                },
                member_id,
                subject: subject.map(FreeText::commitment),
                service: command.service.clone(),
                units,
                metered: is_metered,
                call: command.call.clone(),
            }))
        }
    };
    Ok(Fact {
        occurred_at,
        event: Event::Usage(event),
    })
}

/// Gives parked usage to a member, whoever had it before; nothing when it is his already.
pub(in crate::usage) fn attribute(
    catalogue: &Catalogue,
    state: &SchoolState,
    now: Timestamp,
    command: &AttributeUsage,
    context: &Context,
) -> Result<Option<Fact>, Refusal> {
    let school = state.school()?;
    let unknown = Refusal::UsageNotFound {
        usage_id: command.usage_id,
    };
    let Some(prior) = &context.prior_usage else {
        return Err(unknown);
    };
    // Usage that never was parked is whose its caller said that it is.
    let parked_service = prior.parked_service.as_ref().ok_or(unknown)?;
    let counted = prior.counted.as_ref();
    let service = match (&command.service, counted) {
        (Some(name), _) => known_service(catalogue, name)?,
        (None, Some(counted)) => counted.service.clone(),
        (None, None) => known_service(catalogue, parked_service.as_str())?,
    };
    let member = state.member(command.member_id)?;
    if counted.is_some_and(|c| c.member_id == command.member_id && c.service == service) {
        return Ok(None);
    }
    // As it counts, or else as its caller said; what a meter told of another service is told anew.
    let told = prior.units.filter(|_| {
        counted.is_some() || catalogue.resolve(parked_service.as_str()) == Some(&service)
    });
    let units = prior.said.or(told);
    let units = metered(catalogue, &service, units, &prior.call)?;
    let units = units.saturating_sub(prior.refunded);
    let from = counted.map(|counted| given_back(state, counted, units));
    let member_id = command.member_id;
    let period_start = state.closed_period_at(prior.usage_at);
    let drawn = match period_start {
        Some(start) => drawn_then(school, member, start),
        None => drawn(school, member, &service),
    };
    let mut account = Account::of(state, member_id, &service, drawn);
    if let Some(from) = from.as_ref().filter(|from| from.period_start.is_none()) {
        account.give_back(from, &service, units);
    }
    let (balance, overage) = counted_on(&account, period_start, units)?;
    let event = UsageEvent::Attributed(Box::new(UsageAttributed {
        usage_id: command.usage_id,
        usage_at: prior.usage_at,
        units,
        refunded: prior.refunded,
        overage,
        from,
        to: Attribution {
            member_id,
            service,
            level: drawn.level,
            department_id: drawn.department_id,
            balance,
            period_start,
        },
        reason: command.reason.commitment(),
        call: prior.call.clone(),
    }));
    Ok(Some(Fact {
        occurred_at: now,
        event: Event::Usage(event),
    }))
}

/// Refunds usage up to what it was; nothing when all of it is refunded already.
pub(in crate::usage) fn correct(
    state: &SchoolState,
    now: Timestamp,
    command: &CorrectUsage,
    context: &Context,
) -> Result<Option<Fact>, Refusal> {
    state.school()?;
    let usage_id = command.usage_id;
    let Some(prior) = &context.prior_usage else {
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
        account: given_back(state, counted, units),
        reason: command.reason.commitment(),
        call: prior.call.clone(),
    }));
    Ok(Some(Fact {
        occurred_at: now,
        event: Event::Usage(event),
    }))
}

/// The member whose usage a report is: the owner of the external id, or else the member whose id
/// the external id is as text.
fn reported_member(state: &SchoolState, context: &Context, owner: &Owner) -> Option<MemberId> {
    let by_own_id = || owner.external_id()?.as_member_id();
    let member_id = context.member_id(owner).ok().or_else(by_own_id);
    member_id.filter(|member_id| state.member(*member_id).is_ok())
}

/// When reported usage happened: what is said to lie further ahead than clocks differ happened by
/// now, since it is reported.
fn happened(now: Timestamp, said: Option<Timestamp>) -> Timestamp {
    said.filter(|at| *at <= now.plus_seconds(FUTURE_LIMIT_SECONDS))
        .unwrap_or(now)
}

/// The account when usage has come to it, and whether that exceeds it. What counts in a period that
/// is closed was never asked of the open one: it is no overage there and leaves it as it is.
fn counted_on(
    account: &Account,
    period_start: Option<Timestamp>,
    units: Units,
) -> Result<(Balance, bool), Refusal> {
    match period_start {
        Some(_) => Ok((account.balance(), false)),
        None => Ok((
            account.after(Units::ZERO, units, Units::ZERO)?,
            account.exceeded_by(units),
        )),
    }
}

/// The account where usage counts, when so much of it counts there no more.
fn given_back(state: &SchoolState, counted: &Counted, units: Units) -> Attribution {
    let (member_id, service) = (counted.member_id, &counted.service);
    let drawn = Drawn {
        level: counted.level,
        department_id: counted.department_id,
    };
    let account = Account::of(state, member_id, service, drawn);
    let period_start = counted.closed_period(state);
    Attribution {
        member_id,
        service: service.clone(),
        level: drawn.level,
        department_id: drawn.department_id,
        balance: match period_start {
            Some(_) => account.balance(),
            None => account.refunded(units),
        },
        period_start,
    }
}
