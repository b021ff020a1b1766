//! The choice of the account that usage is drawn on, and the arithmetic on its line.

use super::account::Account;
use super::event::Balance;
use super::state::Hold;
use crate::allocation::{Holder, Line};
use crate::ids::MemberId;
use crate::plan::Management;
use crate::quantity::{Quota, Units};
use crate::refusal::{Level, Refusal, Rule, Shortfall};
use crate::school::{Member, School};
use crate::service::ServiceId;
use crate::state::SchoolState;
use crate::time::Timestamp;

impl Account {
    /// The account of a member's new usage. A member without an allocation draws on the department,
    /// if the school permits it.
    pub(super) fn current(
        school: &School,
        member: &Member,
        member_id: MemberId,
        service: ServiceId,
    ) -> Self {
        let department_id = member.department_id;
        let level = match school.management {
            Management::None => Level::Pool,
            Management::Basic | Management::Advanced => {
                let has_own = || member.line(&service).allocated != Quota::ZERO;
                if department_id.is_some() && school.settings.draw_on_department && !has_own() {
                    Level::Department
                } else {
                    Level::Member
                }
            }
        };
        Self {
            member_id,
            service,
            level,
            department_id,
        }
    }

    /// The account of a member's usage at `occurred_at`, and the start of the closed period that
    /// this instant lies in. Past allocations are not known: usage in a closed period counts on the
    /// pool if members drew on it then, else on the member.
    pub(super) fn at(
        state: &SchoolState,
        school: &School,
        member_id: MemberId,
        service: ServiceId,
        occurred_at: Timestamp,
    ) -> Result<(Self, Option<Timestamp>), Refusal> {
        let member = state.member(member_id)?;
        let account = Self::current(school, member, member_id, service);
        let Some(start) = state.closed_period_at(occurred_at) else {
            return Ok((account, None));
        };
        let level = match school.management_of_closed(start) {
            Management::None => Level::Pool,
            Management::Basic | Management::Advanced => Level::Member,
        };
        Ok((Self { level, ..account }, Some(start)))
    }

    /// The account of a hold. A hold on a member's own allocation follows the member to another
    /// department.
    pub(super) fn of_hold(state: &SchoolState, hold: &Hold) -> Self {
        let department_id = match hold.account.level {
            Level::Department => hold.account.department_id,
            Level::Member | Level::Pool => state.funded_by(Holder::Member(hold.account.member_id)),
        };
        Self {
            department_id,
            ..hold.account.clone()
        }
    }
}

/// The account of a member's next usage of a service: the member's own line, or what is left to all
/// members that draw on the department or the pool. `None` if no member ever had this id.
#[must_use]
pub fn spendable(
    state: &SchoolState,
    member_id: MemberId,
    service: &ServiceId,
) -> Option<(Level, Line)> {
    let (school, member) = (state.school().ok()?, state.member(member_id).ok()?);
    let account = Account::current(school, member, member_id, service.clone());
    Some((account.level, AccountState::of(state, &account).line))
}

/// The line of an account, and the counters of the pool, which include it.
pub(super) struct AccountState<'a> {
    account: &'a Account,
    pub(super) line: Line,
    pool_used: Units,
    pool_held: Units,
}

impl<'a> AccountState<'a> {
    pub(super) fn of(state: &SchoolState, account: &'a Account) -> Self {
        let service = &account.service;
        let pool = state.pool(service);
        let line = match account.level {
            Level::Pool => pool.direct(),
            Level::Department => state.pool_of(account.department_id, service).direct(),
            Level::Member => state
                .member(account.member_id)
                .map_or_else(|_| Line::default(), |member| member.line(service)),
        };
        Self {
            account,
            line,
            pool_used: pool.used,
            pool_held: pool.held,
        }
    }

    /// Checks that the account has headroom, and returns whether the units are overage: beyond the
    /// allocation, within the school's overage policy.
    pub(super) fn check(&self, school: &School, asked: Units) -> Result<bool, Refusal> {
        if !self.exceeded_by(asked) {
            return Ok(false);
        }
        let policy = school.settings.overage(&self.account.service);
        let limit = policy.limit(self.line.allocated);
        let available = limit.minus(self.line.spent());
        if available.covers(asked) {
            return Ok(true);
        }
        Err(Refusal::Shortfall(Box::new(Shortfall {
            rule: Rule::QuotaExceeded,
            level: self.account.level,
            service: self.account.service.clone(),
            limit,
            used: self.line.used,
            held: self.line.held,
            asked: Quota::Finite(asked),
            available,
            resets_at: school.period.end,
        })))
    }

    /// Whether the units exceed the allocation.
    pub(super) fn exceeded_by(&self, units: Units) -> bool {
        !self.line.available().covers(units)
    }

    /// Whether the units exceed the allocation once `held` units are free.
    pub(super) fn exceeded_in_place_of(&self, held: Units, units: Units) -> bool {
        let freed = Line {
            held: self.line.held.saturating_sub(held),
            ..self.line
        };
        !freed.available().covers(units)
    }

    /// The balance after `freed`, `used` and `held` units.
    ///
    /// # Errors
    /// [`Refusal::AmountOutOfRange`] if a sum is beyond 64 bits.
    pub(super) fn after(&self, freed: Units, used: Units, held: Units) -> Result<Balance, Refusal> {
        let add = |used_before: Units, held_before: Units| {
            let used = used_before.checked_add(used)?;
            let held = held_before.saturating_sub(freed).checked_add(held)?;
            used.checked_add(held)?;
            Some((used, held))
        };
        add(self.pool_used, self.pool_held)
            .and_then(|_| add(self.line.used, self.line.held))
            .map(|(used, held)| Balance {
                used,
                held,
                ..self.balance()
            })
            .ok_or(Refusal::AmountOutOfRange)
    }

    /// The balance after a hold is closed without usage. A hold of a closed period does not count
    /// in the open one.
    pub(super) fn freed(&self, hold: &Hold, period_start: Option<Timestamp>) -> Balance {
        let balance = self.balance();
        match period_start {
            Some(_) => balance,
            None => Balance {
                held: balance.held.saturating_sub(hold.units),
                ..balance
            },
        }
    }

    /// Takes back used units of another account, as far as it shares the line or the pool.
    pub(super) fn refund(&mut self, other: &Account, units: Units) {
        if other.service != self.account.service {
            return;
        }
        self.pool_used = self.pool_used.saturating_sub(units);
        let is_shared = match self.account.level {
            Level::Pool => true,
            Level::Department => other.department_id == self.account.department_id,
            Level::Member => false,
        };
        if is_shared && other.level == self.account.level {
            self.line.used = self.line.used.saturating_sub(units);
        }
    }

    /// The balance after a refund.
    pub(super) fn refunded(&self, units: Units) -> Balance {
        Balance {
            used: self.line.used.saturating_sub(units),
            ..self.balance()
        }
    }

    /// The present balance.
    pub(super) const fn balance(&self) -> Balance {
        Balance {
            allocated: self.line.allocated,
            used: self.line.used,
            held: self.line.held,
        }
    }
}
