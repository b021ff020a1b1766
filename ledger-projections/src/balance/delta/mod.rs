//! The changes of a page of events, summed before anything is written. Mirrors the core's fold:
//! allocation events set amounts, usage events add to counters.

mod usage;

use std::collections::BTreeMap;

use ledger_core::allocation::{AllocationEvent, Holder, Priority};
use ledger_core::catalog::Event;
use ledger_core::department::{DepartmentEvent, MemberMoved};
use ledger_core::period::{PeriodClosed, PeriodEvent};
use ledger_core::school::{MemberStatus, SchoolEvent};
use ledger_core::usage::HoldPlaced;
use ledger_core::{
    DepartmentId, Key, Management, MemberId, Period, Quota, Quotas, Recorded, ServiceId, Timestamp,
    Units,
};

/// The start of the closed period whose books change; `None`: the current period.
pub(super) type ClosedPeriodStart = Option<Timestamp>;

/// The changes of a page. Sums have 128 bits, which a page cannot overflow.
#[derive(Debug, Default)]
pub(super) struct Delta<'a> {
    pub management: Option<Management>,
    pub period: Option<Period>,
    /// Whether members without an allocation draw on their department's.
    pub draw_on_department: Option<bool>,
    pub pools: BTreeMap<(ClosedPeriodStart, &'a ServiceId), PoolDelta>,
    pub members: BTreeMap<MemberId, MemberDelta>,
    /// Whether each department that opened or closed is closed.
    pub departments: BTreeMap<DepartmentId, bool>,
    pub lines: BTreeMap<(ClosedPeriodStart, Holder, &'a ServiceId), LineDelta>,
    /// The last state of each hold: placed, or `None` once closed.
    pub holds: BTreeMap<&'a Key, Option<&'a HoldPlaced>>,
    /// The period that ends with these events.
    pub closed: Option<&'a PeriodClosed>,
}

/// Whether a period ends with this event: later events count in the next one.
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

#[derive(Debug, Default)]
pub(super) struct MemberDelta {
    pub status: Option<MemberStatus>,
    /// Whether the member enrolled on this page: only then may their row be missing.
    pub enrolled: bool,
    /// Of a move: the new department, or `Some(None)` for none.
    pub department: Option<Option<DepartmentId>>,
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
    /// The changes of `events`, of which only the last may end a period.
    pub(super) fn of(events: &'a [Recorded]) -> Self {
        let mut delta = Self::default();
        for recorded in events {
            match &recorded.event {
                Event::School(event) => delta.school(event),
                Event::Department(event) => delta.department(event),
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
                    let account = (row.holder, row.funded_by);
                    self.allocated(account, &row.service, row.before, row.after);
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
            SchoolEvent::MemberEnrolled(e) => self.status(e.member_id, MemberStatus::Active, true),
            SchoolEvent::MemberRemoved(e) => self.status(e.member_id, MemberStatus::Removed, false),
            SchoolEvent::SettingsChanged(e) => {
                self.draw_on_department = Some(e.after.draw_on_department);
            }
            SchoolEvent::MemberRoleChanged(_) | SchoolEvent::MemberErased(_) => {}
        }
    }

    fn department(&mut self, event: &'a DepartmentEvent) {
        match event {
            DepartmentEvent::Opened(e) => {
                self.departments.insert(e.department_id, false);
            }
            DepartmentEvent::Closed(e) => {
                self.departments.insert(e.department_id, true);
            }
            DepartmentEvent::MemberMoved(e) => self.moved(e),
        }
    }

    /// Changes which pool the member's allocations come from. The member's lines do not change: a
    /// department's sums over its members are computed by the read.
    fn moved(&mut self, event: &'a MemberMoved) {
        self.members.entry(event.member_id).or_default().department = Some(event.after);
        for (service, units) in &event.units {
            if event.before.is_none() {
                self.allocated_from_pool(service, *units, Quota::ZERO);
            }
            if event.after.is_none() {
                self.allocated_from_pool(service, Quota::ZERO, *units);
            }
        }
    }

    fn totals(&mut self, totals: &'a Quotas) {
        for (service, total) in totals {
            self.pool(None, service).total = Some(*total);
        }
    }

    fn status(&mut self, member_id: MemberId, status: MemberStatus, enrolled: bool) {
        let member = self.members.entry(member_id).or_default();
        member.status = Some(status);
        member.enrolled |= enrolled;
    }

    fn allocation(&mut self, event: &'a AllocationEvent) {
        match event {
            AllocationEvent::Allocated(e) | AllocationEvent::Revoked(e) => {
                self.allocated((e.holder, e.funded_by), &e.service, e.before, e.after);
                self.terms(e.holder, &e.service, e.priority, e.auto_renew);
            }
            AllocationEvent::Transferred(e) => {
                self.allocated((e.holder, e.funded_by), &e.service, e.before, e.after);
                self.allocated((e.to, e.to_funded_by), &e.service, e.to_before, e.to_after);
            }
            AllocationEvent::TermsSet(e) => {
                self.terms(e.holder, &e.service, e.priority, e.auto_renew);
            }
            AllocationEvent::Suspended(e) => {
                self.status(e.member_id, MemberStatus::Suspended, false);
            }
            AllocationEvent::Reactivated(e) => {
                self.status(e.member_id, MemberStatus::Active, false)
            }
        }
    }

    /// Sets a holder's amount, and adds it to the school's pool if it comes from there.
    fn allocated(
        &mut self,
        (holder, out_of): (Holder, Option<DepartmentId>),
        service: &'a ServiceId,
        before: Quota,
        after: Quota,
    ) {
        self.line(None, holder, service).allocated = Some(after);
        if out_of.is_none() {
            self.allocated_from_pool(service, before, after);
        }
    }

    fn allocated_from_pool(&mut self, service: &'a ServiceId, before: Quota, after: Quota) {
        let pool = self.pool(None, service);
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
        holder: Holder,
        service: &'a ServiceId,
        priority: Priority,
        auto_renew: bool,
    ) {
        let line = self.line(None, holder, service);
        line.priority = Some(priority);
        line.auto_renew = Some(auto_renew);
    }

    fn pool(&mut self, start: ClosedPeriodStart, service: &'a ServiceId) -> &mut PoolDelta {
        self.pools.entry((start, service)).or_default()
    }

    fn line(
        &mut self,
        start: ClosedPeriodStart,
        holder: Holder,
        service: &'a ServiceId,
    ) -> &mut LineDelta {
        self.lines.entry((start, holder, service)).or_default()
    }
}

fn wide(units: Units) -> i128 {
    i128::from(units.get())
}
