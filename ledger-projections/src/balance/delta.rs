//! What a page of events changes, summed up before anything is written. Mirrors the core's fold:
//! amounts that an event states are taken as they are, usage moves counters.

use std::collections::BTreeMap;

use ledger_core::allocation::{AllocationEvent, Priority};
use ledger_core::catalog::Event;
use ledger_core::period::{PeriodClosed, PeriodEvent};
use ledger_core::school::{SchoolEvent, Standing};
use ledger_core::usage::{Attribution, HoldPlaced, UsageEvent};
use ledger_core::{
    Key, Level, Management, MemberId, Period, Quota, Quotas, Recorded, ServiceId, Timestamp, Units,
};

/// What a page changes. Sums are kept in 128 bits: a page cannot overflow them.
#[derive(Debug, Default)]
pub(super) struct Delta<'a> {
    pub management: Option<Management>,
    pub period: Option<Period>,
    pub pools: BTreeMap<&'a ServiceId, PoolDelta>,
    pub members: BTreeMap<MemberId, MemberDelta>,
    pub lines: BTreeMap<(MemberId, &'a ServiceId), LineDelta>,
    /// The last word on each hold: placed, or gone.
    pub holds: BTreeMap<&'a Key, Option<&'a HoldPlaced>>,
    /// What counts in periods that were closed before, by the start of each.
    pub closed_pools: BTreeMap<(Timestamp, &'a ServiceId), PoolDelta>,
    pub closed_lines: BTreeMap<(Timestamp, MemberId, &'a ServiceId), LineDelta>,
    /// The period that ends with these events.
    pub closed: Option<&'a PeriodClosed>,
}

/// Whether a period ends with this event: what comes after it begins anew.
pub(super) const fn ends_period(recorded: &Recorded) -> bool {
    matches!(recorded.event, Event::Period(PeriodEvent::Closed(_)))
}

#[derive(Debug, Default)]
pub(super) struct PoolDelta {
    pub total: Option<Quota>,
    pub allocated: i128,
    pub unlimited_holders: i64,
    pub used: i128,
    pub held: i128,
    pub direct_used: i128,
    pub direct_held: i128,
}

#[derive(Debug)]
pub(super) struct MemberDelta {
    pub standing: Standing,
    /// Whether he came in on this page, so that there may be no row of him yet.
    pub enrolled: bool,
}

#[derive(Debug, Default)]
pub(super) struct LineDelta {
    pub allocated: Option<Quota>,
    pub used: i128,
    pub held: i128,
    pub priority: Option<Priority>,
    pub auto_renew: Option<bool>,
}

impl<'a> Delta<'a> {
    /// What `events` change, of which none but the last ends a period.
    pub(super) fn of(events: &'a [Recorded]) -> Self {
        let mut delta = Self::default();
        for recorded in events {
            match &recorded.event {
                Event::School(event) => delta.school(event),
                Event::Allocation(event) => delta.allocation(event),
                Event::Usage(event) => delta.usage(event),
                Event::Request(_) => {}
                Event::Period(event) => delta.period(event),
            }
        }
        delta
    }

    fn period(&mut self, event: &'a PeriodEvent) {
        match event {
            PeriodEvent::Closed(e) => self.closed = Some(e),
            PeriodEvent::Renewed(e) => {
                for row in &e.rows {
                    self.allocated(row.member_id, &row.service, row.before, row.after);
                }
            }
        }
    }

    fn school(&mut self, event: &'a SchoolEvent) {
        match event {
            SchoolEvent::Registered(e) => {
                self.management = Some(e.management);
                self.period = Some(e.period);
                self.totals(&e.totals);
            }
            SchoolEvent::SubscriptionChanged(e) => {
                self.management = Some(e.management);
                self.totals(&e.totals);
            }
            SchoolEvent::MemberEnrolled(e) => self.standing(e.member_id, Standing::Active, true),
            SchoolEvent::MemberRemoved(e) => self.standing(e.member_id, Standing::Removed, false),
            SchoolEvent::SettingsChanged(_)
            | SchoolEvent::MemberRoleChanged(_)
            | SchoolEvent::MemberErased(_) => {}
        }
    }

    fn totals(&mut self, totals: &'a Quotas) {
        for (service, total) in totals {
            self.pools.entry(service).or_default().total = Some(*total);
        }
    }

    fn standing(&mut self, member_id: MemberId, standing: Standing, enrolled: bool) {
        let member = self.members.entry(member_id).or_insert(MemberDelta {
            standing,
            enrolled: false,
        });
        member.standing = standing;
        member.enrolled |= enrolled;
    }

    fn allocation(&mut self, event: &'a AllocationEvent) {
        match event {
            AllocationEvent::Allocated(e) | AllocationEvent::Revoked(e) => {
                self.allocated(e.member_id, &e.service, e.before, e.after);
                self.terms(e.member_id, &e.service, e.priority, e.auto_renew);
            }
            AllocationEvent::Transferred(e) => {
                self.allocated(e.member_id, &e.service, e.before, e.after);
                self.allocated(e.to_member_id, &e.service, e.to_before, e.to_after);
            }
            AllocationEvent::TermsSet(e) => {
                self.terms(e.member_id, &e.service, e.priority, e.auto_renew);
            }
            AllocationEvent::Suspended(e) => {
                self.standing(e.member_id, Standing::Suspended, false);
            }
            AllocationEvent::Reactivated(e) => self.standing(e.member_id, Standing::Active, false),
        }
    }

    fn allocated(
        &mut self,
        member_id: MemberId,
        service: &'a ServiceId,
        before: Quota,
        after: Quota,
    ) {
        self.line(member_id, service).allocated = Some(after);
        let pool = self.pools.entry(service).or_default();
        match before {
            Quota::Finite(units) => pool.allocated -= wide(units),
            Quota::Unlimited => pool.unlimited_holders -= 1,
        }
        match after {
            Quota::Finite(units) => pool.allocated += wide(units),
            Quota::Unlimited => pool.unlimited_holders += 1,
        }
    }

    fn terms(
        &mut self,
        member_id: MemberId,
        service: &'a ServiceId,
        priority: Priority,
        auto_renew: bool,
    ) {
        let line = self.line(member_id, service);
        line.priority = Some(priority);
        line.auto_renew = Some(auto_renew);
    }

    fn line(&mut self, member_id: MemberId, service: &'a ServiceId) -> &mut LineDelta {
        self.lines.entry((member_id, service)).or_default()
    }

    fn usage(&mut self, event: &'a UsageEvent) {
        match event {
            UsageEvent::Debited(e) => {
                let account = (None, e.member_id, &e.service, e.level);
                self.shift(account, wide(e.units), 0);
            }
            UsageEvent::HoldPlaced(e) => {
                let account = (None, e.member_id, &e.service, e.level);
                self.shift(account, 0, wide(e.units));
                self.holds.insert(&e.hold_id, Some(e));
            }
            UsageEvent::HoldSettled(e) => {
                let account = (e.period_start, e.member_id, &e.service, e.level);
                self.shift(account, wide(e.units), -wide(e.freed_units));
                self.holds.insert(&e.hold_id, None);
            }
            UsageEvent::HoldReleased(e) => {
                let account = (e.period_start, e.member_id, &e.service, e.level);
                self.shift(account, 0, -wide(e.units));
                self.holds.insert(&e.hold_id, None);
            }
            UsageEvent::HoldExpired(e) => {
                let account = (e.period_start, e.member_id, &e.service, e.level);
                self.shift(account, 0, -wide(e.units));
                self.holds.insert(&e.hold_id, None);
            }
            UsageEvent::Reported(e) => {
                let account = (e.period_start, e.member_id, &e.service, e.level);
                self.shift(account, wide(e.units), 0);
            }
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
        let account = (of.period_start, of.member_id, &of.service, of.level);
        self.shift(account, used, 0);
    }

    /// Moves the account drawn on, and the pool, which counts all: those of the current period, or
    /// of the closed one that begins at the instant.
    fn shift(
        &mut self,
        (closed, member_id, service, level): (Option<Timestamp>, MemberId, &'a ServiceId, Level),
        used: i128,
        held: i128,
    ) {
        let pool = match closed {
            Some(start) => self.closed_pools.entry((start, service)).or_default(),
            None => self.pools.entry(service).or_default(),
        };
        pool.used += used;
        pool.held += held;
        match level {
            Level::Pool => {
                pool.direct_used += used;
                pool.direct_held += held;
            }
            Level::Member => {
                let line = match closed {
                    Some(start) => {
                        let line = (start, member_id, service);
                        self.closed_lines.entry(line).or_default()
                    }
                    None => self.line(member_id, service),
                };
                line.used += used;
                line.held += held;
            }
        }
    }
}

fn wide(units: Units) -> i128 {
    i128::from(units.get())
}
