//! What a page of events changes, summed up before anything is written. Mirrors the core's fold:
//! amounts that an event states are taken as they are, usage moves counters.

mod usage;

use std::collections::BTreeMap;

use ledger_core::allocation::{AllocationEvent, Holder, Priority};
use ledger_core::catalog::Event;
use ledger_core::department::{DepartmentEvent, MemberMoved};
use ledger_core::period::{PeriodClosed, PeriodEvent};
use ledger_core::school::{SchoolEvent, Standing};
use ledger_core::usage::HoldPlaced;
use ledger_core::{
    DepartmentId, Key, Management, MemberId, Period, Quota, Quotas, Recorded, ServiceId, Timestamp,
    Units,
};

/// What a page changes. Sums are kept in 128 bits: a page cannot overflow them.
#[derive(Debug, Default)]
pub(super) struct Delta<'a> {
    pub management: Option<Management>,
    pub period: Option<Period>,
    /// Whether members draw on their departments.
    pub draw_on_department: Option<bool>,
    pub pools: BTreeMap<&'a ServiceId, PoolDelta>,
    pub members: BTreeMap<MemberId, MemberDelta>,
    pub lines: BTreeMap<(MemberId, &'a ServiceId), LineDelta>,
    /// Whether each department that opened or closed is closed now.
    pub departments: BTreeMap<DepartmentId, bool>,
    /// What departments hold, and what is used and held straight on that.
    pub department_lines: BTreeMap<(DepartmentId, &'a ServiceId), LineDelta>,
    /// The last word on each hold: placed, or gone.
    pub holds: BTreeMap<&'a Key, Option<&'a HoldPlaced>>,
    /// What counts in periods that were closed before, by the start of each.
    pub closed_pools: BTreeMap<(Timestamp, &'a ServiceId), PoolDelta>,
    pub closed_lines: BTreeMap<(Timestamp, MemberId, &'a ServiceId), LineDelta>,
    pub closed_department_lines: BTreeMap<(Timestamp, DepartmentId, &'a ServiceId), LineDelta>,
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

#[derive(Debug, Default)]
pub(super) struct MemberDelta {
    pub standing: Option<Standing>,
    /// Whether he came in on this page, so that there may be no row of him yet.
    pub enrolled: bool,
    /// The department, or none, that he moved into.
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
    /// What `events` change, of which none but the last ends a period.
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
                    let whose = (row.holder, row.out_of);
                    self.allocated(whose, &row.service, row.before, row.after);
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

    /// What he holds comes out of something else. His lines stay as they are: what a department's
    /// members hold and used is summed up over those who are in it when it is read.
    fn moved(&mut self, event: &'a MemberMoved) {
        self.members.entry(event.member_id).or_default().department = Some(event.after);
        for (service, units) in &event.units {
            if event.before.is_none() {
                self.comes_out_of_pool(service, *units, Quota::ZERO);
            }
            if event.after.is_none() {
                self.comes_out_of_pool(service, Quota::ZERO, *units);
            }
        }
    }

    fn totals(&mut self, totals: &'a Quotas) {
        for (service, total) in totals {
            self.pools.entry(service).or_default().total = Some(*total);
        }
    }

    fn standing(&mut self, member_id: MemberId, standing: Standing, enrolled: bool) {
        let member = self.members.entry(member_id).or_default();
        member.standing = Some(standing);
        member.enrolled |= enrolled;
    }

    fn allocation(&mut self, event: &'a AllocationEvent) {
        match event {
            AllocationEvent::Allocated(e) | AllocationEvent::Revoked(e) => {
                self.allocated((e.holder, e.out_of), &e.service, e.before, e.after);
                self.terms(e.holder, &e.service, e.priority, e.auto_renew);
            }
            AllocationEvent::Transferred(e) => {
                self.allocated((e.holder, e.out_of), &e.service, e.before, e.after);
                self.allocated((e.to, e.to_out_of), &e.service, e.to_before, e.to_after);
            }
            AllocationEvent::TermsSet(e) => {
                self.terms(e.holder, &e.service, e.priority, e.auto_renew);
            }
            AllocationEvent::Suspended(e) => {
                self.standing(e.member_id, Standing::Suspended, false);
            }
            AllocationEvent::Reactivated(e) => self.standing(e.member_id, Standing::Active, false),
        }
    }

    /// A holder's amount, and what it comes out of: only the school's pool is summed up here.
    fn allocated(
        &mut self,
        (holder, out_of): (Holder, Option<DepartmentId>),
        service: &'a ServiceId,
        before: Quota,
        after: Quota,
    ) {
        self.line(holder, service).allocated = Some(after);
        if out_of.is_none() {
            self.comes_out_of_pool(service, before, after);
        }
    }

    fn comes_out_of_pool(&mut self, service: &'a ServiceId, before: Quota, after: Quota) {
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
        holder: Holder,
        service: &'a ServiceId,
        priority: Priority,
        auto_renew: bool,
    ) {
        let line = self.line(holder, service);
        line.priority = Some(priority);
        line.auto_renew = Some(auto_renew);
    }

    fn line(&mut self, holder: Holder, service: &'a ServiceId) -> &mut LineDelta {
        match holder {
            Holder::Member(member_id) => self.lines.entry((member_id, service)).or_default(),
            Holder::Department(department_id) => self
                .department_lines
                .entry((department_id, service))
                .or_default(),
        }
    }
}

fn wide(units: Units) -> i128 {
    i128::from(units.get())
}
