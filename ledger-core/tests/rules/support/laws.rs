//! The laws of the books, which hold after every event.

use std::collections::{BTreeMap, BTreeSet};

use ledger_core::allocation::{AllocationEvent, Cause, Holder, Line, Pool};
use ledger_core::catalog::Event;
use ledger_core::department::DepartmentEvent;
use ledger_core::period::PeriodEvent;
use ledger_core::request::TTL_SECONDS;
use ledger_core::school::MemberStatus;
use ledger_core::usage::{Account, Attribution, Balance, UsageEvent};
use ledger_core::{
    DepartmentId, Level, MemberId, Quota, Recorded, SchoolState, ServiceId, Timestamp, Units,
};

/// How many events the laws held for.
#[derive(Default)]
pub struct Laws {
    pub checked: usize,
    closed: ClosedBooks,
}

impl Laws {
    /// Checks one event against the state before and after it.
    pub fn check(&mut self, before: &SchoolState, recorded: &Recorded, after: &SchoolState) {
        let event = &recorded.event;
        positions_are_numbered_and_time_goes_forward(before, recorded, after);
        for service in services(after) {
            allocations_fit_into_the_total(after, service);
            the_pool_is_the_sum_of_its_accounts(after, service);
            only_an_overage_exceeds_an_account(before, event, after, service);
        }
        match event {
            Event::Usage(event) => the_stated_balance_is_the_account(event, after),
            Event::Allocation(event) => the_stated_amounts_are_the_lines(before, event, after),
            Event::Period(event) => a_rollover_starts_at_zero(before, event, after),
            Event::Department(event) => a_move_keeps_amounts(before, event, after),
            Event::School(_) | Event::Request(_) => {}
        }
        pending_requests_wait_for_a_decision(recorded, after);
        self.closed.check(recorded, after);
        let read = Event::read(
            event.kind().as_str(),
            event.kind().version(),
            event.data().expect("an event is JSON"),
        );
        assert_eq!(read.expect("an event reads as it was written"), *event);
        self.checked += 1;
    }
}

/// A snapshot is the state, byte for byte and number for number.
pub fn a_snapshot_is_the_state(state: &SchoolState) {
    let snapshot = serde_json::to_string(state).expect("a state is JSON");
    let read: SchoolState = serde_json::from_str(&snapshot).expect("a snapshot is a state");
    assert_eq!(read, *state);
}

fn services(state: &SchoolState) -> impl Iterator<Item = &ServiceId> {
    state.pools().map(|(service, _)| service)
}

/// One pending request per member and service, of a present member, for seven days at most;
/// and what an approval grants names it as its cause.
fn pending_requests_wait_for_a_decision(recorded: &Recorded, after: &SchoolState) {
    let mut asked = BTreeSet::new();
    for (&request_id, request) in after.requests().by_id().iter() {
        assert!(!request.units.is_empty());
        for (service, units) in &request.units {
            assert!(!units.is_zero());
            assert!(asked.insert((request.member_id, service)), "asked twice");
            let found = after.requests().of_line(request.member_id, service);
            assert_eq!(found, Some(request_id));
        }
        assert!(after.present_member(request.member_id).is_ok());
        let ends = recorded.recorded_at.plus_seconds(TTL_SECONDS);
        assert!(request.expires_at <= ends, "{request_id} waits too long");
    }
    if let Some(request_id) = recorded.event.cause().and_then(Cause::request_id) {
        assert!(
            after.requests().get(request_id).is_none(),
            "granted, pending"
        );
    }
}

fn positions_are_numbered_and_time_goes_forward(
    before: &SchoolState,
    recorded: &Recorded,
    after: &SchoolState,
) {
    assert_eq!(recorded.seq, before.head().next());
    assert_eq!(after.head(), recorded.seq);
    let last_at = |state: &SchoolState| state.not_before_last(Timestamp::MIN);
    assert!(last_at(before) <= last_at(after));
    assert_eq!(last_at(after), recorded.recorded_at);
}

/// What allocations come out of: the school's pool, and each department's.
fn pools<'a>(
    state: &'a SchoolState,
    service: &'a ServiceId,
) -> impl Iterator<Item = (Option<DepartmentId>, Pool)> + 'a {
    let departments = state
        .departments()
        .map(|(id, department)| (Some(id), department.line(service).pool));
    departments.chain([(None, state.pool(service))])
}

/// Σ allocated ≤ total at every level, with Σ counted again from the holders' lines.
fn allocations_fit_into_the_total(state: &SchoolState, service: &ServiceId) {
    for (of, pool) in pools(state, service) {
        let mut sum = 0_i128;
        let mut unlimited = false;
        let members = state.members().map(|(id, _)| Holder::Member(id));
        let departments = state.departments().map(|(id, _)| Holder::Department(id));
        let departments = departments.filter(|_| of.is_none());
        for holder in members
            .filter(|m| state.funded_by(*m) == of)
            .chain(departments)
        {
            match state.line(holder, service).allocated {
                Quota::Finite(units) => sum += i128::from(units.get()),
                Quota::Unlimited => unlimited = true,
            }
        }
        match pool.allocated() {
            Quota::Finite(units) => assert_eq!((false, i128::from(units.get())), (unlimited, sum)),
            Quota::Unlimited => assert!(unlimited),
        }
        assert!(
            pool.allocated().fits_in(pool.total),
            "{of:?} {service}: {} of {} are allocated",
            pool.allocated(),
            pool.total
        );
    }
}

/// The line that accounts share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Drawn {
    Member(MemberId),
    Department(DepartmentId),
    Pool,
}

impl Drawn {
    fn by(account: &Account) -> Self {
        let department_id = account.department_id;
        match account.level {
            Level::Member => Self::Member(account.member_id),
            Level::Department => Self::Department(department_id.expect("it names the department")),
            Level::Pool => Self::Pool,
        }
    }

    fn line(self, state: &SchoolState, service: &ServiceId) -> Line {
        match self {
            Self::Member(member_id) => line(state, member_id, service),
            Self::Department(id) => state.pool_of(Some(id), service).direct(),
            Self::Pool => state.pool(service).direct(),
        }
    }
}

fn accounts(state: &SchoolState) -> impl Iterator<Item = Drawn> {
    let members = state.members().map(|(id, _)| Drawn::Member(id));
    let departments = state.departments().map(|(id, _)| Drawn::Department(id));
    members.chain(departments).chain([Drawn::Pool])
}

/// What the pool counts is what its accounts count, and so does a department's; and what is held is
/// what open holds hold, account by account.
fn the_pool_is_the_sum_of_its_accounts(state: &SchoolState, service: &ServiceId) {
    let mut open: BTreeMap<Drawn, i128> = BTreeMap::new();
    for (_, hold) in state
        .holds()
        .iter()
        .filter(|(_, hold)| hold.account.service == *service)
        .filter(|(_, hold)| state.closed_period_at(hold.placed_at).is_none())
    {
        let account = Drawn::by(&hold.account);
        *open.entry(account).or_default() += i128::from(hold.units.get());
    }
    for account in accounts(state) {
        let held = i128::from(account.line(state, service).held.get());
        assert_eq!(open.remove(&account).unwrap_or_default(), held);
    }
    assert!(open.is_empty(), "a hold is on no account");
    for (of, pool) in pools(state, service) {
        let counts = |account: &Drawn| match account {
            Drawn::Member(id) => of.is_none() || state.funded_by(Holder::Member(*id)) == of,
            Drawn::Department(id) => of.is_none() || of == Some(*id),
            Drawn::Pool => of.is_none(),
        };
        let mut sums = (0_i128, 0_i128);
        for account in accounts(state).filter(counts) {
            let line = account.line(state, service);
            sums.0 += i128::from(line.used.get());
            sums.1 += i128::from(line.held.get());
        }
        let counted = (i128::from(pool.used.get()), i128::from(pool.held.get()));
        assert_eq!(counted, sums, "{of:?} {service}");
    }
}

/// used + held ≤ allocated. Where a recorded fact exceeded it, only another such fact adds to it.
fn only_an_overage_exceeds_an_account(
    before: &SchoolState,
    event: &Event,
    after: &SchoolState,
    service: &ServiceId,
) {
    let overage = marked_overage(event, service).map(|(account, _)| account);
    stays_within_the_policy(before, event, after, service);
    for account in accounts(after) {
        let excess_in = |state| excess(&account.line(state, service));
        assert!(
            excess_in(after) <= excess_in(before) || overage == Some(account),
            "{event:?} overdraws {account:?}"
        );
    }
}

/// A department starts with nothing, is closed empty, and receives a member with all allocations.
fn a_move_keeps_amounts(before: &SchoolState, event: &DepartmentEvent, after: &SchoolState) {
    match event {
        DepartmentEvent::Opened(e) => {
            let opened = after.open_department(e.department_id).expect("it is open");
            assert_eq!(opened.lines().count(), 0);
        }
        DepartmentEvent::Closed(e) => {
            assert!(after.open_department(e.department_id).is_err());
            for (_, member) in after.members() {
                let is_in_it = member.department_id == Some(e.department_id);
                assert!(!is_in_it || member.status == MemberStatus::Removed);
            }
        }
        DepartmentEvent::MemberMoved(e) => {
            let holder = Holder::Member(e.member_id);
            assert_eq!(before.funded_by(holder), e.before);
            assert_eq!(after.funded_by(holder), e.after);
            for (service, pool) in before.pools() {
                let amount = |state: &SchoolState| state.line(holder, service);
                assert_eq!(amount(before), amount(after));
                let moves = e.units.get(service).copied().unwrap_or(Quota::ZERO);
                assert_eq!(moves, amount(after).allocated);
                let now = after.pool(service);
                let counted = (pool.total, pool.used, pool.held);
                assert_eq!(counted, (now.total, now.used, now.held));
            }
        }
    }
}

/// The account of an event that is marked as overage, and whether it was checked: nothing but the
/// policy lets it exceed what is allocated.
fn marked_overage(event: &Event, service: &ServiceId) -> Option<(Drawn, bool)> {
    let Event::Usage(event) = event else {
        return None;
    };
    let (overage, checked) = match event {
        UsageEvent::Debited(e) => (e.overage, true),
        UsageEvent::HoldPlaced(e) => (e.overage, true),
        UsageEvent::HoldSettled(e) => (e.overage, false),
        UsageEvent::Reported(e) => (e.overage, false),
        UsageEvent::Attributed(e) => (e.overage, false),
        UsageEvent::HoldReleased(_)
        | UsageEvent::HoldExpired(_)
        | UsageEvent::Refused(_)
        | UsageEvent::Parked(_)
        | UsageEvent::Corrected(_) => return None,
    };
    let account = event.account()?;
    (overage && account.service == *service).then_some((Drawn::by(account), checked))
}

/// Of what was checked: used + held ≤ allocated + permitted overage.
fn stays_within_the_policy(
    before: &SchoolState,
    event: &Event,
    after: &SchoolState,
    service: &ServiceId,
) {
    let Some((account, true)) = marked_overage(event, service) else {
        return;
    };
    let settings = &before.school().expect("it is registered").settings;
    let line = account.line(after, service);
    let limit = settings.overage(service).limit(line.allocated);
    assert!(limit.covers(line.spent()), "{event:?} is beyond {limit}");
}

fn excess(line: &Line) -> Units {
    match line.allocated {
        Quota::Finite(allocated) => line.spent().saturating_sub(allocated),
        Quota::Unlimited => Units::ZERO,
    }
}

fn the_stated_balance_is_the_account(event: &UsageEvent, state: &SchoolState) {
    if let Some((account, balance)) = event.counted() {
        the_account_is_stated(account, balance, state);
    }
    if let UsageEvent::Attributed(e) = event
        && let Some(from) = &e.from
    {
        let line = |of: &Attribution| (Drawn::by(&of.account), of.account.service.clone());
        // An account that loses and receives the units is stated once, at its end.
        if line(from) != line(&e.to) {
            the_account_is_stated(&from.account, &from.balance, state);
        }
    }
}

fn the_account_is_stated(account: &Account, stated: &Balance, state: &SchoolState) {
    let line = Drawn::by(account).line(state, &account.service);
    let balance = Balance {
        allocated: line.allocated,
        used: line.used,
        held: line.held,
    };
    assert_eq!(*stated, balance);
    assert_eq!(stated.available(), line.available());
}

fn the_stated_amounts_are_the_lines(
    before: &SchoolState,
    event: &AllocationEvent,
    after: &SchoolState,
) {
    let amounts = |holder, service| {
        let of = |state: &SchoolState| state.line(holder, service).allocated;
        (of(before), of(after))
    };
    match event {
        AllocationEvent::Allocated(e) => {
            assert_eq!(amounts(e.holder, &e.service), (e.before, e.after));
            assert!(e.before.fits_in(e.after) && e.before != e.after);
            let cap = before
                .school()
                .expect("it is registered")
                .settings
                .max_individual_quota
                .get(&e.service);
            let is_member = e.holder.member_id().is_some();
            assert_eq!(e.funded_by, after.funded_by(e.holder));
            assert!(
                !is_member || cap.is_none_or(|cap| e.after.fits_in(*cap)),
                "beyond the cap"
            );
        }
        AllocationEvent::Revoked(e) => {
            assert_eq!(amounts(e.holder, &e.service), (e.before, e.after));
            assert!(e.after.fits_in(e.before) && e.before != e.after);
            let spent = after.line(e.holder, &e.service).spent();
            assert!(e.after.covers(spent), "below what is used and held");
        }
        AllocationEvent::Transferred(e) => {
            assert_eq!(amounts(e.holder, &e.service), (e.before, e.after));
            assert_eq!(amounts(e.to, &e.service), (e.to_before, e.to_after));
        }
        AllocationEvent::TermsSet(e) => {
            let (was, is) = amounts(e.holder, &e.service);
            assert_eq!(was, is);
        }
        AllocationEvent::Suspended(_) | AllocationEvent::Reactivated(_) => {}
    }
}

fn line(state: &SchoolState, member_id: MemberId, service: &ServiceId) -> Line {
    state
        .member(member_id)
        .map(|member| member.line(service))
        .unwrap_or_default()
}

/// A period closes with the books as they were and the next one begins at zero; what is allocated
/// changes by what the events say, and never by a rise.
fn a_rollover_starts_at_zero(before: &SchoolState, event: &PeriodEvent, after: &SchoolState) {
    let period = |state: &SchoolState| state.school().expect("it is registered").period;
    match event {
        PeriodEvent::Closed(e) => {
            assert_eq!((e.closed, e.opened), (period(before), period(after)));
            assert_eq!(e.closed.end, e.opened.start);
            assert!(e.opened.start < e.opened.end);
            assert_eq!(e.pools.len(), before.pools().count());
            for closed in &e.pools {
                let (was, is) = (before.pool(&closed.service), after.pool(&closed.service));
                let stated = (closed.total, closed.allocated, closed.used, closed.held);
                assert_eq!(stated, (was.total, was.allocated(), was.used, was.held));
                assert_eq!((is.total, is.allocated()), (was.total, was.allocated()));
                assert_eq!((is.used, is.held), (Units::ZERO, Units::ZERO));
            }
        }
        PeriodEvent::Renewed(e) => {
            assert_eq!((e.period, period(before)), (period(after), period(after)));
            assert!((1..=ledger_core::period::RENEWALS_MAX).contains(&e.rows.len()));
            for row in &e.rows {
                let of = |state: &SchoolState| state.line(row.holder, &row.service).allocated;
                assert_eq!((of(before), of(after)), (row.before, row.after));
                assert!(row.after.fits_in(row.before), "a renewal is a rise");
                let settings = &before.school().expect("it is registered").settings;
                let cap = settings.max_individual_quota.get(&row.service);
                let is_member = row.holder.member_id().is_some();
                assert!(!is_member || cap.is_none_or(|cap| row.after.fits_in(*cap)));
            }
        }
    }
}

/// The counters of closed periods, as their pools closed and as later events moved them: nothing
/// is lost, and what is still held there is what open holds of that period hold.
#[derive(Default)]
struct ClosedBooks {
    pools: BTreeMap<(Timestamp, ServiceId), (i128, i128)>,
    /// Units of each period and service by the events alone.
    used: BTreeMap<(Timestamp, ServiceId), i128>,
}

impl ClosedBooks {
    fn check(&mut self, recorded: &Recorded, after: &SchoolState) {
        let current = after.school().ok().map(|school| school.period.start);
        match &recorded.event {
            Event::Period(PeriodEvent::Closed(e)) => {
                for pool in &e.pools {
                    let key = (e.closed.start, pool.service.clone());
                    let counted = self.used.get(&key).copied().unwrap_or_default();
                    assert_eq!(counted, i128::from(pool.used.get()), "usage is lost");
                    let counters = (counted, i128::from(pool.held.get()));
                    assert!(self.pools.insert(key, counters).is_none(), "closed twice");
                }
            }
            Event::Usage(event) => {
                for (service, period_start, used, freed) in moved(event) {
                    let start = period_start.or(current).expect("it is registered");
                    let key = (start, service.clone());
                    *self.used.entry(key.clone()).or_default() += used;
                    if period_start.is_some() {
                        // Of a period before the first one, no event says that it closed.
                        let (closed_used, closed_held) = self.pools.entry(key).or_default();
                        *closed_used += used;
                        *closed_held -= freed;
                        assert!(*closed_used >= 0, "more is given back than was used");
                        assert!(*closed_held >= 0, "more is freed than was held");
                    }
                }
            }
            Event::School(_)
            | Event::Department(_)
            | Event::Allocation(_)
            | Event::Request(_)
            | Event::Period(PeriodEvent::Renewed(_)) => {}
        }
        let mut open: BTreeMap<(Timestamp, ServiceId), i128> = BTreeMap::new();
        for (_, hold) in after.holds().iter() {
            if let Some(start) = after.closed_period_at(hold.placed_at) {
                *open
                    .entry((start, hold.account.service.clone()))
                    .or_default() += i128::from(hold.units.get());
            }
        }
        for (key, (_, held)) in &self.pools {
            assert_eq!(open.remove(key).unwrap_or_default(), *held, "{key:?}");
        }
        assert!(open.is_empty(), "a hold counts in no period");
    }
}

/// The closed periods of an event, what it adds to the used units there, and what it frees.
fn moved(event: &UsageEvent) -> Vec<(&ServiceId, Option<Timestamp>, i128, i128)> {
    let wide = |units: Units| i128::from(units.get());
    let of = |attribution: &'_ Attribution| attribution.period_start;
    let Some(account) = event.account() else {
        return Vec::new();
    };
    let (period_start, used, freed) = match event {
        UsageEvent::Debited(e) => (None, wide(e.units), 0),
        UsageEvent::HoldPlaced(_) | UsageEvent::Refused(_) | UsageEvent::Parked(_) => {
            return Vec::new();
        }
        UsageEvent::HoldSettled(e) => (e.period_start, wide(e.units), wide(e.freed_units)),
        UsageEvent::HoldReleased(e) => (e.period_start, 0, wide(e.units)),
        UsageEvent::HoldExpired(e) => (e.period_start, 0, wide(e.units)),
        UsageEvent::Reported(e) => (e.period_start, wide(e.units), 0),
        UsageEvent::Attributed(e) => {
            let from = e.from.iter().map(|from| (from, -wide(e.units)));
            return from
                .chain([(&e.to, wide(e.units))])
                .map(|(at, used)| (&at.account.service, of(at), used, 0))
                .collect();
        }
        UsageEvent::Corrected(e) => (of(&e.attribution), -wide(e.units), 0),
    };
    vec![(&account.service, period_start, used, freed)]
}
