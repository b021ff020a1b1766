//! The changes of usage events: counters of the account drawn on and of the pool.

use ledger_core::allocation::Holder;
use ledger_core::usage::{Attribution, UsageEvent};
use ledger_core::{DepartmentId, Level, MemberId, ServiceId};

use super::{ClosedPeriodStart, Delta, wide};

/// The account that usage is drawn on.
#[derive(Clone, Copy)]
struct Account<'a> {
    closed: ClosedPeriodStart,
    member_id: MemberId,
    service: &'a ServiceId,
    level: Level,
    /// The member's department, which is drawn on at that level.
    department_id: Option<DepartmentId>,
}

/// The account that an event names.
macro_rules! account {
    ($closed:expr, $of:expr) => {
        Account {
            closed: $closed,
            member_id: $of.member_id,
            service: &$of.service,
            level: $of.level,
            department_id: $of.department_id,
        }
    };
}

impl<'a> Delta<'a> {
    pub(super) fn usage(&mut self, event: &'a UsageEvent) {
        match event {
            UsageEvent::Debited(e) => self.add(account!(None, e), wide(e.units), 0),
            UsageEvent::HoldPlaced(e) => {
                self.add(account!(None, e), 0, wide(e.units));
                self.holds.insert(&e.hold_id, Some(e));
            }
            UsageEvent::HoldSettled(e) => {
                let (used, freed) = (wide(e.units), wide(e.freed_units));
                self.add(account!(e.period_start, e), used, -freed);
                self.holds.insert(&e.hold_id, None);
            }
            UsageEvent::HoldReleased(e) => {
                self.add(account!(e.period_start, e), 0, -wide(e.units));
                self.holds.insert(&e.hold_id, None);
            }
            UsageEvent::HoldExpired(e) => {
                self.add(account!(e.period_start, e), 0, -wide(e.units));
                self.holds.insert(&e.hold_id, None);
            }
            UsageEvent::Reported(e) => self.add(account!(e.period_start, e), wide(e.units), 0),
            UsageEvent::Attributed(e) => {
                if let Some(from) = &e.from {
                    self.count(from, -wide(e.units));
                }
                self.count(&e.to, wide(e.units));
            }
            UsageEvent::Corrected(e) => self.count(&e.account, -wide(e.units)),
            UsageEvent::Parked(_) | UsageEvent::Refused(_) => {} // nothing moved
        }
    }

    /// Adds to the used units of an account.
    fn count(&mut self, of: &'a Attribution, used: i128) {
        self.add(account!(of.period_start, of), used, 0);
    }

    /// Adds to the counters of the account drawn on and of the pool, which counts all levels.
    fn add(&mut self, account: Account<'a>, used: i128, held: i128) {
        let (start, service) = (account.closed, account.service);
        let pool = self.pool(start, service);
        pool.used += used;
        pool.held += held;
        let holder = match (account.level, account.department_id) {
            (Level::Pool, _) => {
                pool.direct_used += used;
                pool.direct_held += held;
                return;
            }
            (Level::Department, None) => return, // no event has this: the account would be missing
            (Level::Department, Some(department_id)) => Holder::Department(department_id),
            (Level::Member, _) => Holder::Member(account.member_id),
        };
        let line = self.line(start, holder, service);
        line.used += used;
        line.held += held;
    }
}
