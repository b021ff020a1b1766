//! The rules of spending: what fits is spent, what happened is recorded.

use super::account::{Account, Drawn, drawn};
use super::command::{
    Debit, FUTURE_LIMIT_SECONDS, PlaceHold, ReleaseHold, SettleHold, TTL_SECONDS_MAX, UsageCommand,
};
use super::event::{
    CallFacts, HoldExpired, HoldPlaced, HoldReleased, HoldSettled, UsageDebited, UsageEvent,
};
use super::refused;
use super::reported;
use super::state::Hold;
use crate::allocation::Holder;
use crate::catalog::Event;
use crate::context::Context;
use crate::decider::{AccountView, Fact};
use crate::ids::{Key, MemberId};
use crate::plan::Catalogue;
use crate::quantity::Units;
use crate::refusal::{Level, Refusal, known_service};
use crate::school::{School, Standing};
use crate::service::{Call, ServiceId};
use crate::state::SchoolState;
use crate::time::Timestamp;

pub(crate) fn decide(
    catalogue: &Catalogue,
    state: &SchoolState,
    now: Timestamp,
    command: &UsageCommand,
    context: &Context,
) -> Result<Vec<Fact>, Refusal> {
    let fact = match command {
        UsageCommand::Debit(command) => Some(debit(catalogue, state, now, command, context)?),
        UsageCommand::PlaceHold(command) => Some(place(catalogue, state, now, command, context)?),
        UsageCommand::Settle(command) => Some(settle(catalogue, state, now, command, context)?),
        UsageCommand::Release(command) => release(state, now, command, context)?,
        UsageCommand::NoteRefused(refused) => Some(refused::note(state, refused)?),
        UsageCommand::Report(command) => {
            Some(reported::report(catalogue, state, now, command, context)?)
        }
        UsageCommand::Attribute(command) => {
            reported::attribute(catalogue, state, now, command, context)?
        }
        UsageCommand::Correct(command) => reported::correct(state, now, command, context)?,
    };
    Ok(fact.into_iter().collect())
}

fn debit(
    catalogue: &Catalogue,
    state: &SchoolState,
    now: Timestamp,
    command: &Debit,
    context: &Context,
) -> Result<Fact, Refusal> {
    let school = state.school()?;
    let member_id = context.member_id(&command.owner)?;
    let service = known_service(catalogue, &command.service)?;
    let drawn = may_spend(state, school, member_id, &service)?;
    let occurred_at = occurred(now, command.occurred_at)?;
    let units = metered(catalogue, &service, command.units, &command.call)?;
    let account = Account::of(state, member_id, &service, drawn);
    let overage = account.check(school, &service, units)?;
    let balance = account.after(Units::ZERO, units, Units::ZERO)?;
    let event = UsageEvent::Debited(UsageDebited {
        id: command.id.clone(),
        member_id,
        service,
        units,
        overage,
        level: drawn.level,
        department_id: drawn.department_id,
        balance,
        call: command.call.clone(),
    });
    Ok(Fact {
        occurred_at,
        event: Event::Usage(event),
    })
}

fn place(
    catalogue: &Catalogue,
    state: &SchoolState,
    now: Timestamp,
    command: &PlaceHold,
    context: &Context,
) -> Result<Fact, Refusal> {
    let school = state.school()?;
    let member_id = context.member_id(&command.owner)?;
    let service = known_service(catalogue, &command.service)?;
    let drawn = may_spend(state, school, member_id, &service)?;
    if command.units.is_zero() {
        return Err(Refusal::NothingAsked);
    }
    let account = Account::of(state, member_id, &service, drawn);
    let overage = account.check(school, &service, command.units)?;
    let balance = account.after(Units::ZERO, Units::ZERO, command.units)?;
    let event = UsageEvent::HoldPlaced(HoldPlaced {
        hold_id: command.hold_id.clone(),
        member_id,
        service,
        units: command.units,
        expires_at: now.plus_seconds(command.ttl_seconds.clamp(1, TTL_SECONDS_MAX)),
        overage,
        level: drawn.level,
        department_id: drawn.department_id,
        balance,
    });
    Ok(Fact {
        occurred_at: now,
        event: Event::Usage(event),
    })
}

/// The usage happened, so it is recorded whole: beyond the hold, beyond the quota, after expiry.
fn settle(
    catalogue: &Catalogue,
    state: &SchoolState,
    now: Timestamp,
    command: &SettleHold,
    context: &Context,
) -> Result<Fact, Refusal> {
    state.school()?;
    let (hold, late) = find(state, &command.hold_id, context)?;
    let occurred_at = occurred(now, command.occurred_at)?;
    let units = metered(catalogue, &hold.service, command.units, &command.call)?;
    let freed_units = if late { Units::ZERO } else { hold.units };
    let drawn = drawn_by(state, hold);
    let account = Account::of(state, hold.member_id, &hold.service, drawn);
    let beyond_hold = units.saturating_sub(freed_units);
    let period_start = state.closed_period_at(hold.placed_at);
    let (overage, balance) = if period_start.is_some() {
        // Of a closed period nothing can be had but what was held.
        (!beyond_hold.is_zero(), account.balance())
    } else {
        // What was held within the allocation stays within it, whatever came since.
        let overage = if hold.overage && !late {
            account.exceeded_by_instead_of(hold.units, units)
        } else {
            account.exceeded_by(beyond_hold)
        };
        (overage, account.after(freed_units, units, Units::ZERO)?)
    };
    let event = UsageEvent::HoldSettled(HoldSettled {
        hold_id: command.hold_id.clone(),
        member_id: hold.member_id,
        service: hold.service.clone(),
        units,
        freed_units,
        overage,
        late,
        level: drawn.level,
        department_id: drawn.department_id,
        balance,
        period_start,
        call: command.call.clone(),
    });
    Ok(Fact {
        occurred_at,
        event: Event::Usage(event),
    })
}

/// A hold that ran out is free already: nothing happens, and that is no error.
fn release(
    state: &SchoolState,
    now: Timestamp,
    command: &ReleaseHold,
    context: &Context,
) -> Result<Option<Fact>, Refusal> {
    state.school()?;
    let (hold, late) = find(state, &command.hold_id, context)?;
    if late {
        return Ok(None);
    }
    let drawn = drawn_by(state, hold);
    let account = Account::of(state, hold.member_id, &hold.service, drawn);
    let period_start = state.closed_period_at(hold.placed_at);
    let event = UsageEvent::HoldReleased(HoldReleased {
        hold_id: command.hold_id.clone(),
        member_id: hold.member_id,
        service: hold.service.clone(),
        units: hold.units,
        level: drawn.level,
        department_id: drawn.department_id,
        balance: account.without(hold, period_start),
        period_start,
        reason: command
            .reason
            .as_ref()
            .map(crate::text::FreeText::commitment),
    });
    Ok(Some(Fact {
        occurred_at: now,
        event: Event::Usage(event),
    }))
}

/// The expiry that is due first by `now`, if one is.
pub(crate) fn due(state: &SchoolState, now: Timestamp) -> Option<(Key, Fact)> {
    let (hold_id, hold) = state.holds.first_to_expire()?;
    if hold.expires_at > now {
        return None;
    }
    let drawn = drawn_by(state, hold);
    let account = Account::of(state, hold.member_id, &hold.service, drawn);
    let period_start = state.closed_period_at(hold.placed_at);
    let event = UsageEvent::HoldExpired(HoldExpired {
        hold_id: hold_id.clone(),
        member_id: hold.member_id,
        service: hold.service.clone(),
        units: hold.units,
        level: drawn.level,
        department_id: drawn.department_id,
        balance: account.without(hold, period_start),
        period_start,
    });
    Some((
        hold_id.clone(),
        Fact {
            occurred_at: hold.expires_at,
            event: Event::Usage(event),
        },
    ))
}

/// The hold, and whether it had run out: one that only the log still knows had.
fn find<'a>(
    state: &'a SchoolState,
    hold_id: &Key,
    context: &'a Context,
) -> Result<(&'a Hold, bool), Refusal> {
    match (state.holds.get(hold_id), &context.closed_hold) {
        (Some(open), _) => Ok((open, false)),
        (None, Some(expired)) => Ok((expired, true)),
        (None, None) => Err(Refusal::HoldNotFound {
            hold_id: hold_id.clone(),
        }),
    }
}

/// On whose account a member's new usage goes, if he may use anything.
fn may_spend(
    state: &SchoolState,
    school: &School,
    member_id: MemberId,
    service: &ServiceId,
) -> Result<Drawn, Refusal> {
    let member = state.present_member(member_id)?;
    if member.standing == Standing::Suspended {
        return Err(Refusal::MemberSuspended { member_id });
    }
    Ok(drawn(school, member, service))
}

/// The account that a hold was placed on. Where that is the member's own it has moved with him.
fn drawn_by(state: &SchoolState, hold: &Hold) -> Drawn {
    let department_id = match hold.level {
        Level::Department => hold.department_id,
        Level::Member | Level::Pool => state.out_of(Holder::Member(hold.member_id)),
    };
    Drawn {
        level: hold.level,
        department_id,
    }
}

fn occurred(now: Timestamp, said: Option<Timestamp>) -> Result<Timestamp, Refusal> {
    match said {
        Some(at) if at > now.plus_seconds(FUTURE_LIMIT_SECONDS) => Err(Refusal::OccurredInFuture {
            now,
            limit_seconds: FUTURE_LIMIT_SECONDS,
        }),
        Some(at) => Ok(at),
        None => Ok(now),
    }
}

pub(super) fn metered(
    catalogue: &Catalogue,
    service: &ServiceId,
    said: Option<Units>,
    call: &CallFacts,
) -> Result<Units, Refusal> {
    let measure = || {
        let call = Call {
            model: call.model.as_deref(),
            tokens: call.tokens(),
        };
        catalogue.meter(service).units(call)
    };
    said.or_else(measure).ok_or(Refusal::AmountOutOfRange)
}

/// The account of the hold that a command closes, also if the hold had expired.
pub(crate) fn account(
    state: &SchoolState,
    command: &UsageCommand,
    context: &Context,
) -> Option<AccountView> {
    let (hold, _) = find(state, command.needs().hold?, context).ok()?;
    Some(AccountView {
        holder: Holder::Member(hold.member_id),
        service: hold.service.clone(),
        line: Account::of(state, hold.member_id, &hold.service, drawn_by(state, hold)).line,
    })
}
