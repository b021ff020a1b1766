//! The changes of usage events: counters of the account drawn on and of the pool.

use ledger_core::Level;
use ledger_core::allocation::Holder;
use ledger_core::usage::{Account, Attribution, UsageEvent};

use super::{ClosedPeriodStart, Delta, wide};

impl<'a> Delta<'a> {
    pub(super) fn usage(&mut self, event: &'a UsageEvent) {
        match event {
            UsageEvent::Debited(e) => self.add(&e.account, None, wide(e.units), 0),
            UsageEvent::HoldPlaced(e) => {
                self.add(&e.account, None, 0, wide(e.units));
                self.holds.insert(&e.hold_id, Some(e));
            }
            UsageEvent::HoldSettled(e) => {
                let (used, freed) = (wide(e.units), wide(e.freed_units));
                self.add(&e.account, e.period_start, used, -freed);
                self.holds.insert(&e.hold_id, None);
            }
            UsageEvent::HoldReleased(e) => {
                self.add(&e.account, e.period_start, 0, -wide(e.units));
                self.holds.insert(&e.hold_id, None);
            }
            UsageEvent::HoldExpired(e) => {
                self.add(&e.account, e.period_start, 0, -wide(e.units));
                self.holds.insert(&e.hold_id, None);
            }
            UsageEvent::Reported(e) => self.add(&e.account, e.period_start, wide(e.units), 0),
            UsageEvent::Attributed(e) => {
                if let Some(from) = &e.from {
                    self.count(from, -wide(e.units));
                }
                self.count(&e.to, wide(e.units));
            }
            UsageEvent::Corrected(e) => self.count(&e.attribution, -wide(e.units)),
            UsageEvent::Parked(_) | UsageEvent::Refused(_) => {} // nothing moved
        }
    }

    /// Adds to the used units of an account.
    fn count(&mut self, of: &'a Attribution, used: i128) {
        self.add(&of.account, of.period_start, used, 0);
    }

    /// Adds to the counters of the account drawn on and of the pool, which counts all levels.
    fn add(&mut self, account: &'a Account, start: ClosedPeriodStart, used: i128, held: i128) {
        let service = &account.service;
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
