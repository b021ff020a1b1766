//! The account that usage is drawn on: what fits on it, and what it is afterwards.

use super::afterwards::Attribution;
use super::event::Balance;
use super::state::Hold;
use crate::allocation::Line;
use crate::ids::MemberId;
use crate::plan::Management;
use crate::quantity::{Quota, Units};
use crate::refusal::{Level, Refusal, Rule, Shortfall};
use crate::school::School;
use crate::service::ServiceId;
use crate::state::SchoolState;
use crate::time::Timestamp;

/// On whose account new usage of a member goes.
pub(super) const fn level(school: &School) -> Level {
    match school.management {
        Management::None => Level::Pool,
        Management::Basic | Management::Advanced => Level::Member,
    }
}

/// The line that usage is drawn on, and the pool's counters, which must hold the sum.
pub(super) struct Account {
    pub(super) level: Level,
    pub(super) line: Line,
    pool_used: Units,
    pool_held: Units,
}

impl Account {
    pub(super) fn of(
        state: &SchoolState,
        member_id: MemberId,
        service: &ServiceId,
        level: Level,
    ) -> Self {
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

    /// Whether what is asked for fits, and if so, whether only as overage: the school's policy
    /// for the service lets it exceed what is allocated.
    pub(super) fn check(
        &self,
        school: &School,
        service: &ServiceId,
        asked: Units,
    ) -> Result<bool, Refusal> {
        if !self.exceeded_by(asked) {
            return Ok(false);
        }
        let limit = school.settings.overage(service).limit(self.line.allocated);
        let available = limit.minus(self.line.spent());
        if available.covers(asked) {
            return Ok(true);
        }
        Err(Refusal::Shortfall(Box::new(Shortfall {
            rule: Rule::QuotaExceeded,
            level: self.level,
            service: service.clone(),
            limit,
            used: self.line.used,
            held: self.line.held,
            asked: Quota::Finite(asked),
            available,
            resets_at: school.period.end,
        })))
    }

    /// Whether so much more would exceed what is allocated.
    pub(super) fn exceeded_by(&self, more: Units) -> bool {
        !self.line.available().covers(more)
    }

    /// The account when (freed, used, held) have moved, if every sum still fits into 64 bits.
    pub(super) fn after(&self, freed: Units, used: Units, held: Units) -> Result<Balance, Refusal> {
        let moved = |was_used: Units, was_held: Units| {
            let used = was_used.checked_add(used)?;
            let held = was_held.saturating_sub(freed).checked_add(held)?;
            used.checked_add(held)?;
            Some((used, held))
        };
        moved(self.pool_used, self.pool_held)
            .and_then(|_| moved(self.line.used, self.line.held))
            .map(|(used, held)| Balance {
                used,
                held,
                ..self.balance()
            })
            .ok_or(Refusal::AmountOutOfRange)
    }

    /// The account when a hold is gone: as it is, when the hold counts in a closed period.
    pub(super) fn without(&self, hold: &Hold, period_start: Option<Timestamp>) -> Balance {
        let balance = self.balance();
        match period_start {
            Some(_) => balance,
            None => Balance {
                held: balance.held.saturating_sub(hold.units),
                ..balance
            },
        }
    }

    /// Sees that so much counts no more on another account, which may draw on the same line.
    pub(super) fn give_back(&mut self, other: &Attribution, service: &ServiceId, units: Units) {
        if other.service != *service {
            return;
        }
        self.pool_used = self.pool_used.saturating_sub(units);
        if other.level == Level::Pool && self.level == Level::Pool {
            self.line.used = self.line.used.saturating_sub(units);
        }
    }

    /// The account when so much counts as used no more.
    pub(super) fn refunded(&self, units: Units) -> Balance {
        Balance {
            used: self.line.used.saturating_sub(units),
            ..self.balance()
        }
    }

    /// The account as it is.
    pub(super) const fn balance(&self) -> Balance {
        Balance {
            allocated: self.line.allocated,
            used: self.line.used,
            held: self.line.held,
        }
    }
}
