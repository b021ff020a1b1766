//! The account that usage is drawn on: what fits on it, and what it is reported.

use super::event::Balance;
use super::reported::Attribution;
use super::state::Hold;
use crate::allocation::Line;
use crate::ids::{DepartmentId, MemberId};
use crate::plan::Management;
use crate::quantity::{Quota, Units};
use crate::refusal::{Level, Refusal, Rule, Shortfall};
use crate::school::{Member, School};
use crate::service::ServiceId;
use crate::state::SchoolState;
use crate::time::Timestamp;

/// On whose account usage goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Drawn {
    pub(super) level: Level,
    /// The member's department, on whose account it goes at that level.
    pub(super) department_id: Option<DepartmentId>,
}

/// On whose account new usage of a member goes: a member without an allocation of his own draws on
/// his department's where the school allows it.
pub(super) fn drawn(school: &School, member: &Member, service: &ServiceId) -> Drawn {
    let department_id = member.department_id;
    let level = match school.management {
        Management::None => Level::Pool,
        Management::Basic | Management::Advanced => {
            let has_own = || member.line(service).allocated != Quota::ZERO;
            if department_id.is_some() && school.settings.draw_on_department && !has_own() {
                Level::Department
            } else {
                Level::Member
            }
        }
    };
    Drawn {
        level,
        department_id,
    }
}

/// On whose account usage of a member goes that occurred in the closed cycle which begins at `start`.
/// Nobody knows any more what he held then: where members drew on the pool that is it, else it is
/// his own account.
pub(super) fn drawn_then(school: &School, member: &Member, start: Timestamp) -> Drawn {
    Drawn {
        level: match school.management_of_closed(start) {
            Management::None => Level::Pool,
            Management::Basic | Management::Advanced => Level::Member,
        },
        department_id: member.department_id,
    }
}

/// What a member's next usage of a service would be drawn on, and how that stands: his own line, or
/// what is left to all who draw straight on his department's allocation or on the pool. `None` when
/// nobody ever had this id.
#[must_use]
pub fn spendable(
    state: &SchoolState,
    member_id: MemberId,
    service: &ServiceId,
) -> Option<(Level, Line)> {
    let (school, member) = (state.school().ok()?, state.member(member_id).ok()?);
    let drawn = drawn(school, member, service);
    let line = Account::of(state, member_id, service, drawn).line;
    Some((drawn.level, line))
}

/// The line that usage is drawn on, and the pool's counters, which must hold the sum.
pub(super) struct Account {
    drawn: Drawn,
    pub(super) line: Line,
    pool_used: Units,
    pool_held: Units,
}

impl Account {
    pub(super) fn of(
        state: &SchoolState,
        member_id: MemberId,
        service: &ServiceId,
        drawn: Drawn,
    ) -> Self {
        let pool = state.pool(service);
        let line = match drawn.level {
            Level::Pool => pool.direct(),
            Level::Department => state.pool_of(drawn.department_id, service).direct(),
            Level::Member => state
                .member(member_id)
                .map_or_else(|_| Line::default(), |m| m.line(service)),
        };
        Self {
            drawn,
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
            level: self.drawn.level,
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

    /// Whether so much in place of what is held for it exceeds what is allocated.
    pub(super) fn exceeded_by_instead_of(&self, held: Units, units: Units) -> bool {
        let without = Line {
            held: self.line.held.saturating_sub(held),
            ..self.line
        };
        !without.available().covers(units)
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
        let is_shared = match self.drawn.level {
            Level::Pool => true,
            Level::Department => other.department_id == self.drawn.department_id,
            Level::Member => false,
        };
        if is_shared && other.level == self.drawn.level {
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
