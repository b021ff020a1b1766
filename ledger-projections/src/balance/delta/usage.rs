//! What usage changes: the counters of the account drawn on, and of the pool, which counts all.

use ledger_core::usage::{Attribution, UsageEvent};
use ledger_core::{DepartmentId, Level, MemberId, ServiceId, Timestamp};

use super::{Delta, wide};

/// The account that usage is drawn on.
#[derive(Clone, Copy)]
struct Account<'a> {
    /// The start of the closed period in which it counts; `None`: in the current one.
    closed: Option<Timestamp>,
    member_id: MemberId,
    service: &'a ServiceId,
    level: Level,
    /// The member's department, drawn on at that level.
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
            UsageEvent::Debited(e) => self.shift(account!(None, e), wide(e.units), 0),
            UsageEvent::HoldPlaced(e) => {
                self.shift(account!(None, e), 0, wide(e.units));
                self.holds.insert(&e.hold_id, Some(e));
            }
            UsageEvent::HoldSettled(e) => {
                let (used, freed) = (wide(e.units), wide(e.freed_units));
                self.shift(account!(e.period_start, e), used, -freed);
                self.holds.insert(&e.hold_id, None);
            }
            UsageEvent::HoldReleased(e) => {
                self.shift(account!(e.period_start, e), 0, -wide(e.units));
                self.holds.insert(&e.hold_id, None);
            }
            UsageEvent::HoldExpired(e) => {
                self.shift(account!(e.period_start, e), 0, -wide(e.units));
                self.holds.insert(&e.hold_id, None);
            }
            UsageEvent::Reported(e) => self.shift(account!(e.period_start, e), wide(e.units), 0),
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

    /// Moves what is used of an account.
    fn count(&mut self, of: &'a Attribution, used: i128) {
        self.shift(account!(of.period_start, of), used, 0);
    }

    /// Moves the account drawn on, and the pool: those of the current period, or of the closed one.
    fn shift(&mut self, account: Account<'a>, used: i128, held: i128) {
        let service = account.service;
        let pool = match account.closed {
            Some(start) => self.closed_pools.entry((start, service)).or_default(),
            None => self.pools.entry(service).or_default(),
        };
        pool.used += used;
        pool.held += held;
        let line = match (account.level, account.department_id) {
            (Level::Pool, _) => {
                pool.direct_used += used;
                pool.direct_held += held;
                return;
            }
            (Level::Department, None) => return, // no event says so: there would be no account
            (Level::Department, Some(department_id)) => match account.closed {
                Some(start) => {
                    let line = (start, department_id, service);
                    self.closed_department_lines.entry(line).or_default()
                }
                None => {
                    let line = (department_id, service);
                    self.department_lines.entry(line).or_default()
                }
            },
            (Level::Member, _) => match account.closed {
                Some(start) => {
                    let line = (start, account.member_id, service);
                    self.closed_lines.entry(line).or_default()
                }
                None => self.lines.entry((account.member_id, service)).or_default(),
            },
        };
        line.used += used;
        line.held += held;
    }
}
