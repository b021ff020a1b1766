//! What a page of events changes, summed up before anything is written. Mirrors the core's fold:
//! amounts that an event states are taken as they are, usage moves counters.

use std::collections::BTreeMap;

use ledger_core::allocation::{AllocationEvent, Priority};
use ledger_core::catalog::Event;
use ledger_core::school::{SchoolEvent, Standing};
use ledger_core::usage::{Attribution, HoldPlaced, UsageEvent};
use ledger_core::{
    Key, Level, Management, MemberId, Period, Quota, Quotas, Recorded, ServiceId, Units,
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
    /// What `events` change.
    pub(super) fn of(events: &'a [Recorded]) -> Self {
        let mut delta = Self::default();
        for recorded in events {
            match &recorded.event {
                Event::School(event) => delta.school(event),
                Event::Allocation(event) => delta.allocation(event),
                Event::Usage(event) => delta.usage(event),
            }
        }
        delta
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
            SchoolEvent::SettingsChanged(_) | SchoolEvent::MemberRoleChanged(_) => {}
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
                self.shift(e.member_id, &e.service, e.level, wide(e.units), 0);
            }
            UsageEvent::HoldPlaced(e) => {
                self.shift(e.member_id, &e.service, e.level, 0, wide(e.units));
                self.holds.insert(&e.hold_id, Some(e));
            }
            UsageEvent::HoldSettled(e) => {
                let freed = -wide(e.freed_units);
                self.shift(e.member_id, &e.service, e.level, wide(e.units), freed);
                self.holds.insert(&e.hold_id, None);
            }
            UsageEvent::HoldReleased(e) => {
                self.shift(e.member_id, &e.service, e.level, 0, -wide(e.units));
                self.holds.insert(&e.hold_id, None);
            }
            UsageEvent::HoldExpired(e) => {
                self.shift(e.member_id, &e.service, e.level, 0, -wide(e.units));
                self.holds.insert(&e.hold_id, None);
            }
            UsageEvent::Reported(e) => {
                if e.period_start.is_none() {
                    self.shift(e.member_id, &e.service, e.level, wide(e.units), 0);
                }
            }
            UsageEvent::Parked(_) => {}
            UsageEvent::Attributed(e) => {
                if let Some(from) = &e.from {
                    self.count(from, -wide(e.units));
                }
                self.count(&e.to, wide(e.units));
            }
            UsageEvent::Corrected(e) => self.count(&e.account, -wide(e.units)),
        }
    }

    /// Moves what is used of an account, unless it counts in a period that is closed.
    fn count(&mut self, account: &'a Attribution, used: i128) {
        if account.period_start.is_none() {
            let (member_id, service) = (account.member_id, &account.service);
            self.shift(member_id, service, account.level, used, 0);
        }
    }

    /// Moves the account drawn on, and the pool, which counts all.
    fn shift(
        &mut self,
        member_id: MemberId,
        service: &'a ServiceId,
        level: Level,
        used: i128,
        held: i128,
    ) {
        let pool = self.pools.entry(service).or_default();
        pool.used += used;
        pool.held += held;
        match level {
            Level::Pool => {
                pool.direct_used += used;
                pool.direct_held += held;
            }
            Level::Member => {
                let line = self.line(member_id, service);
                line.used += used;
                line.held += held;
            }
        }
    }
}

fn wide(units: Units) -> i128 {
    i128::from(units.get())
}
