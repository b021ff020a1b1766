//! The rules of spending: what fits is spent, what happened is recorded.

use super::command::{
    Debit, FUTURE_LIMIT_SECONDS, PlaceHold, ReleaseHold, SettleHold, TTL_SECONDS_MAX, UsageCommand,
};
use super::event::{
    Balance, CallFacts, HoldExpired, HoldPlaced, HoldReleased, HoldSettled, UsageDebited,
    UsageEvent,
};
use super::refused;
use super::state::Hold;
use crate::allocation::Line;
use crate::catalog::Event;
use crate::decider::{AccountView, Fact};
use crate::ids::{Key, MemberId};
use crate::plan::{Catalogue, Management};
use crate::quantity::{Quota, Units};
use crate::refusal::{Level, Refusal, Rule, Shortfall, known_service};
use crate::school::{School, Standing};
use crate::service::{Call, ServiceId};
use crate::state::SchoolState;
use crate::time::Timestamp;

pub(crate) fn decide(
    catalogue: &Catalogue,
    state: &SchoolState,
    now: Timestamp,
    command: &UsageCommand,
) -> Result<Vec<Fact>, Refusal> {
    let fact = match command {
        UsageCommand::Debit(command) => Some(debit(catalogue, state, now, command)?),
        UsageCommand::PlaceHold(command) => Some(place(catalogue, state, now, command)?),
        UsageCommand::Settle(command) => Some(settle(catalogue, state, now, command)?),
        UsageCommand::Release(command) => release(state, now, command)?,
        UsageCommand::NoteRefused(refused) => Some(refused::note(state, refused)?),
    };
    Ok(fact.into_iter().collect())
}

fn debit(
    catalogue: &Catalogue,
    state: &SchoolState,
    now: Timestamp,
    command: &Debit,
) -> Result<Fact, Refusal> {
    let school = state.school()?;
    let service = known_service(catalogue, &command.service)?;
    let level = may_spend(state, school, command.member_id)?;
    let occurred_at = occurred(now, command.occurred_at)?;
    let units = metered(catalogue, &service, command.units, &command.call)?;
    let account = Account::of(state, command.member_id, &service, level);
    account.check(school, &service, units)?;
    let balance = account.after(Units::ZERO, units, Units::ZERO)?;
    let event = UsageEvent::Debited(UsageDebited {
        id: command.id.clone(),
        member_id: command.member_id,
        service,
        units,
        level,
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
) -> Result<Fact, Refusal> {
    let school = state.school()?;
    let service = known_service(catalogue, &command.service)?;
    let level = may_spend(state, school, command.member_id)?;
    if command.units.is_zero() {
        return Err(Refusal::NothingAsked);
    }
    let account = Account::of(state, command.member_id, &service, level);
    account.check(school, &service, command.units)?;
    let balance = account.after(Units::ZERO, Units::ZERO, command.units)?;
    let event = UsageEvent::HoldPlaced(HoldPlaced {
        hold_id: command.hold_id.clone(),
        member_id: command.member_id,
        service,
        units: command.units,
        expires_at: now.plus_seconds(command.ttl_seconds.clamp(1, TTL_SECONDS_MAX)),
        level,
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
) -> Result<Fact, Refusal> {
    state.school()?;
    let (hold, late) = find(state, &command.hold_id, command.recalled.as_ref())?;
    let occurred_at = occurred(now, command.occurred_at)?;
    let units = metered(catalogue, &hold.service, command.units, &command.call)?;
    let freed_units = if late { Units::ZERO } else { hold.units };
    let account = Account::of(state, hold.member_id, &hold.service, hold.level);
    let beyond_hold = units.saturating_sub(freed_units);
    let period_start = state.closed_period_at(hold.placed_at);
    let (overage, balance) = if period_start.is_some() {
        // Of a closed period nothing can be had but what was held.
        (!beyond_hold.is_zero(), account.balance())
    } else {
        let overage = !account.line.available().covers(beyond_hold);
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
        level: hold.level,
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
) -> Result<Option<Fact>, Refusal> {
    state.school()?;
    let (hold, late) = find(state, &command.hold_id, command.recalled.as_ref())?;
    if late {
        return Ok(None);
    }
    let account = Account::of(state, hold.member_id, &hold.service, hold.level);
    let period_start = state.closed_period_at(hold.placed_at);
    let event = UsageEvent::HoldReleased(HoldReleased {
        hold_id: command.hold_id.clone(),
        member_id: hold.member_id,
        service: hold.service.clone(),
        units: hold.units,
        level: hold.level,
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
    let account = Account::of(state, hold.member_id, &hold.service, hold.level);
    let period_start = state.closed_period_at(hold.placed_at);
    let event = UsageEvent::HoldExpired(HoldExpired {
        hold_id: hold_id.clone(),
        member_id: hold.member_id,
        service: hold.service.clone(),
        units: hold.units,
        level: hold.level,
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
    recalled: Option<&'a Hold>,
) -> Result<(&'a Hold, bool), Refusal> {
    match (state.holds.get(hold_id), recalled) {
        (Some(open), _) => Ok((open, false)),
        (None, Some(expired)) => Ok((expired, true)),
        (None, None) => Err(Refusal::HoldNotFound {
            hold_id: hold_id.clone(),
        }),
    }
}

/// On whose account a member's new usage goes, if he may use anything.
fn may_spend(state: &SchoolState, school: &School, member_id: MemberId) -> Result<Level, Refusal> {
    if state.present_member(member_id)?.standing == Standing::Suspended {
        return Err(Refusal::MemberSuspended { member_id });
    }
    Ok(match school.management {
        Management::None => Level::Pool,
        Management::Basic | Management::Advanced => Level::Member,
    })
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

/// The line that usage is drawn on, and the pool's counters, which must hold the sum.
struct Account {
    level: Level,
    line: Line,
    pool_used: Units,
    pool_held: Units,
}

impl Account {
    fn of(state: &SchoolState, member_id: MemberId, service: &ServiceId, level: Level) -> Self {
        let pool = state.pool(service);
        let line = match level {
            Level::Pool => pool.direct(),
            Level::Member => state
                .member(member_id)
                .map_or_else(|_| Line::default(), |m| m.line(service)),
        };
        Self {
            level,
            line,
            pool_used: pool.used,
            pool_held: pool.held,
        }
    }

    fn check(&self, school: &School, service: &ServiceId, asked: Units) -> Result<(), Refusal> {
        if self.line.available().covers(asked) {
            return Ok(());
        }
        Err(Refusal::Shortfall(Box::new(Shortfall {
            rule: Rule::QuotaExceeded,
            level: self.level,
            service: service.clone(),
            limit: self.line.allocated,
            used: self.line.used,
            held: self.line.held,
            asked: Quota::Finite(asked),
            available: self.line.available(),
            resets_at: school.period.end,
        })))
    }

    /// The account when (freed, used, held) have moved, if every sum still fits into 64 bits.
    fn after(&self, freed: Units, used: Units, held: Units) -> Result<Balance, Refusal> {
        let moved = |was_used: Units, was_held: Units| {
            let used = was_used.checked_add(used)?;
            let held = was_held.saturating_sub(freed).checked_add(held)?;
            used.checked_add(held)?;
            Some((used, held))
        };
        moved(self.pool_used, self.pool_held)
            .and_then(|_| moved(self.line.used, self.line.held))
            .map(|(used, held)| Balance {
                allocated: self.line.allocated,
                used,
                held,
            })
            .ok_or(Refusal::AmountOutOfRange)
    }

    const fn balance(&self) -> Balance {
        Balance {
            allocated: self.line.allocated,
            used: self.line.used,
            held: self.line.held,
        }
    }

    /// The account when a hold is gone: as it is, when the hold counts in a closed period.
    fn without(&self, hold: &Hold, period_start: Option<Timestamp>) -> Balance {
        let balance = self.balance();
        match period_start {
            Some(_) => balance,
            None => Balance {
                held: balance.held.saturating_sub(hold.units),
                ..balance
            },
        }
    }
}

/// The account of the hold that a command closes, for one that found it expired.
pub(crate) fn account(state: &SchoolState, command: &UsageCommand) -> Option<AccountView> {
    let (hold_id, recalled) = match command {
        UsageCommand::Settle(settle) => (&settle.hold_id, settle.recalled.as_ref()),
        UsageCommand::Release(release) => (&release.hold_id, release.recalled.as_ref()),
        UsageCommand::Debit(_) | UsageCommand::PlaceHold(_) | UsageCommand::NoteRefused(_) => {
            return None;
        }
    };
    let (hold, _) = find(state, hold_id, recalled).ok()?;
    Some(AccountView {
        member_id: hold.member_id,
        service: hold.service.clone(),
        line: Account::of(state, hold.member_id, &hold.service, hold.level).line,
    })
}
