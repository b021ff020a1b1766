//! The rules of spending: new usage needs headroom, usage that happened is recorded.

use super::account::Account;
use super::account_state::AccountState;
use super::command::{
    Debit, FUTURE_LIMIT_SECONDS, PlaceHold, ReleaseHold, SettleHold, TTL_SECONDS_MAX, UsageCommand,
};
use super::event::{
    Balance, CallFacts, HoldExpired, HoldPlaced, HoldReleased, HoldSettled, UsageDebited,
    UsageEvent,
};
use super::meter::metered;
use super::refused;
use super::state::Hold;
use crate::allocation::Holder;
use crate::context::Context;
use crate::decider::{AccountView, Fact};
use crate::ids::{Key, Owner};
use crate::plan::Catalogue;
use crate::quantity::Units;
use crate::refusal::{Refusal, known_service};
use crate::school::{MemberStatus, School};
use crate::service::ServiceId;
use crate::state::SchoolState;
use crate::text::FreeText;
use crate::time::Timestamp;

pub(crate) fn decide(
    catalogue: &Catalogue,
    state: &SchoolState,
    now: Timestamp,
    command: &UsageCommand,
    context: &Context,
) -> Result<Vec<Fact>, Refusal> {
    let rules = Rules {
        catalogue,
        state,
        now,
        context,
    };
    let fact = match command {
        UsageCommand::Debit(command) => Some(rules.debit(command)?),
        UsageCommand::PlaceHold(command) => Some(rules.place(command)?),
        UsageCommand::Settle(command) => Some(rules.settle(command)?),
        UsageCommand::Release(command) => rules.release(command)?,
        UsageCommand::NoteRefused(refused) => Some(refused::note(state, refused)?),
        UsageCommand::Report(command) => Some(rules.report(command)?),
        UsageCommand::Attribute(command) => rules.attribute(command)?,
        UsageCommand::Correct(command) => rules.correct(command)?,
    };
    Ok(fact.into_iter().collect())
}

/// The rules of usage, with all that they depend on besides the command.
pub(super) struct Rules<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) state: &'a SchoolState,
    pub(super) now: Timestamp,
    pub(super) context: &'a Context,
}

impl Rules<'_> {
    fn debit(&self, command: &Debit) -> Result<Fact, Refusal> {
        let (school, account) = self.account_to_spend(&command.owner, &command.service)?;
        let occurred_at = self.occurred(command.occurred_at)?;
        let units = self.metered(&account.service, command.units, &command.call)?;
        let before = AccountState::of(self.state, &account);
        let overage = before.check(school, units)?;
        let balance = before.after(Units::ZERO, units, Units::ZERO)?;
        let event = UsageEvent::Debited(UsageDebited {
            id: command.id.clone(),
            account,
            units,
            overage,
            balance,
            call: command.call.clone(),
        });
        Ok(Fact::new(occurred_at, event))
    }

    fn place(&self, command: &PlaceHold) -> Result<Fact, Refusal> {
        let (school, account) = self.account_to_spend(&command.owner, &command.service)?;
        if command.units.is_zero() {
            return Err(Refusal::NothingAsked);
        }
        let before = AccountState::of(self.state, &account);
        let overage = before.check(school, command.units)?;
        let balance = before.after(Units::ZERO, Units::ZERO, command.units)?;
        let event = UsageEvent::HoldPlaced(HoldPlaced {
            hold_id: command.hold_id.clone(),
            account,
            units: command.units,
            expires_at: self
                .now
                .plus_seconds(command.ttl_seconds.clamp(1, TTL_SECONDS_MAX)),
            overage,
            balance,
        });
        Ok(Fact::new(self.now, event))
    }

    /// Usage that happened is recorded whole: beyond the hold, beyond the quota, after the expiry.
    fn settle(&self, command: &SettleHold) -> Result<Fact, Refusal> {
        self.state.school()?;
        let (hold, late) = find(self.state, &command.hold_id, self.context)?;
        let account = Account::of_hold(self.state, hold);
        let occurred_at = self.occurred(command.occurred_at)?;
        let units = self.metered(&account.service, command.units, &command.call)?;
        let freed_units = if late { Units::ZERO } else { hold.units };
        let before = AccountState::of(self.state, &account);
        let beyond_hold = units.saturating_sub(freed_units);
        let period_start = self.state.closed_period_at(hold.placed_at);
        let (overage, balance) = if period_start.is_some() {
            // A closed period has nothing left but what is held.
            (!beyond_hold.is_zero(), before.balance())
        } else {
            // Units held within the allocation stay within it, whatever was spent since.
            let overage = if hold.overage && !late {
                before.exceeded_in_place_of(hold.units, units)
            } else {
                before.exceeded_by(beyond_hold)
            };
            (overage, before.after(freed_units, units, Units::ZERO)?)
        };
        let event = UsageEvent::HoldSettled(HoldSettled {
            hold_id: command.hold_id.clone(),
            account,
            units,
            freed_units,
            overage,
            late,
            balance,
            period_start,
            call: command.call.clone(),
        });
        Ok(Fact::new(occurred_at, event))
    }

    /// An expired hold is free already: no event, no refusal.
    fn release(&self, command: &ReleaseHold) -> Result<Option<Fact>, Refusal> {
        self.state.school()?;
        let (hold, late) = find(self.state, &command.hold_id, self.context)?;
        if late {
            return Ok(None);
        }
        let (account, balance, period_start) = freed(self.state, hold);
        let event = UsageEvent::HoldReleased(HoldReleased {
            hold_id: command.hold_id.clone(),
            account,
            units: hold.units,
            balance,
            period_start,
            reason: command.reason.as_ref().map(FreeText::commitment),
        });
        Ok(Some(Fact::new(self.now, event)))
    }

    /// The school, and the account of a member's new usage of a service.
    ///
    /// # Errors
    /// The refusal of an unknown or suspended member or an unknown service.
    fn account_to_spend(
        &self,
        owner: &Owner,
        service: &str,
    ) -> Result<(&School, Account), Refusal> {
        let school = self.state.school()?;
        let member_id = self.context.member_id(owner)?;
        let service = known_service(self.catalogue, service)?;
        let member = self.state.present_member(member_id)?;
        if member.status == MemberStatus::Suspended {
            return Err(Refusal::MemberSuspended { member_id });
        }
        let account = Account::current(school, member, member_id, service);
        Ok((school, account))
    }

    fn occurred(&self, stated: Option<Timestamp>) -> Result<Timestamp, Refusal> {
        let now = self.now;
        match stated {
            Some(at) if at > now.plus_seconds(FUTURE_LIMIT_SECONDS) => {
                Err(Refusal::OccurredInFuture {
                    now,
                    limit_seconds: FUTURE_LIMIT_SECONDS,
                })
            }
            Some(at) => Ok(at),
            None => Ok(now),
        }
    }

    /// The stated units, or else those of the service's meter.
    pub(super) fn metered(
        &self,
        service: &ServiceId,
        stated: Option<Units>,
        call: &CallFacts,
    ) -> Result<Units, Refusal> {
        metered(self.catalogue, service, stated, call).ok_or(Refusal::AmountOutOfRange)
    }
}

/// The earliest expiry of a hold that is due by `now`.
pub(crate) fn due(state: &SchoolState, now: Timestamp) -> Option<(Key, Fact)> {
    let (hold_id, hold) = state.holds.first_to_expire()?;
    if hold.expires_at > now {
        return None;
    }
    let (account, balance, period_start) = freed(state, hold);
    let event = UsageEvent::HoldExpired(HoldExpired {
        hold_id: hold_id.clone(),
        account,
        units: hold.units,
        balance,
        period_start,
    });
    Some((hold_id.clone(), Fact::new(hold.expires_at, event)))
}

/// The account of a hold, its balance without the hold, and the closed period of the hold.
fn freed(state: &SchoolState, hold: &Hold) -> (Account, Balance, Option<Timestamp>) {
    let account = Account::of_hold(state, hold);
    let period_start = state.closed_period_at(hold.placed_at);
    let balance = AccountState::of(state, &account).freed(hold, period_start);
    (account, balance, period_start)
}

/// The hold, and whether it had expired: a hold that only the log has is expired.
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

/// The account of the hold that a command closes, also if the hold had expired.
pub(crate) fn account(
    state: &SchoolState,
    command: &UsageCommand,
    context: &Context,
) -> Option<AccountView> {
    let (hold, _) = find(state, command.needs().hold?, context).ok()?;
    let account = Account::of_hold(state, hold);
    let line = AccountState::of(state, &account).line;
    Some(AccountView {
        holder: Holder::Member(account.member_id),
        service: account.service,
        line,
    })
}
