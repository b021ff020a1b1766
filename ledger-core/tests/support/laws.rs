//! The laws of the books: what holds after every single event, whatever was asked.

use std::collections::{BTreeMap, BTreeSet};

use ledger_core::allocation::{AllocationEvent, Cause, Line};
use ledger_core::catalog::Event;
use ledger_core::period::PeriodEvent;
use ledger_core::request::TTL_SECONDS;
use ledger_core::usage::{Attribution, Balance, UsageEvent};
use ledger_core::{Level, MemberId, Quota, Recorded, SchoolState, ServiceId, Timestamp, Units};

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
        places_are_numbered_and_time_goes_forward(before, recorded, after);
        for service in services(after) {
            allocations_fit_into_the_total(after, service);
            the_pool_is_the_sum_of_its_accounts(after, service);
            only_an_overage_exceeds_an_account(before, event, after, service);
        }
        match event {
            Event::Usage(event) => the_stated_balance_is_the_account(event, after),
            Event::Allocation(event) => the_stated_amounts_are_the_lines(before, event, after),
            Event::Period(event) => a_roll_begins_anew(before, event, after),
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

/// One pending request per member and service, of somebody who is there, for seven days at most;
/// and what an approval grants names it as its cause.
fn pending_requests_wait_for_a_decision(recorded: &Recorded, after: &SchoolState) {
    let mut asked = BTreeSet::new();
    for (request_id, request) in after.requests().iter() {
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

fn places_are_numbered_and_time_goes_forward(
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

/// Σ allocated ≤ total, with Σ counted again from the members' lines.
fn allocations_fit_into_the_total(state: &SchoolState, service: &ServiceId) {
    let pool = state.pool(service);
    let mut sum = 0_i128;
    let mut unlimited = false;
    for (_, member) in state.members() {
        match member.line(service).allocated {
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
        "{service}: {} of {} are allocated",
        pool.allocated(),
        pool.total
    );
}

/// What the pool counts is what its members' lines and its direct account count, and what is held
/// is what open holds hold, account by account.
fn the_pool_is_the_sum_of_its_accounts(state: &SchoolState, service: &ServiceId) {
    let pool = state.pool(service);
    let mut open: BTreeMap<Option<MemberId>, i128> = BTreeMap::new();
    for (_, hold) in state
        .holds()
        .iter()
        .filter(|(_, hold)| hold.service == *service)
        .filter(|(_, hold)| state.closed_period_at(hold.placed_at).is_none())
    {
        let account = match hold.level {
            Level::Member => Some(hold.member_id),
            Level::Pool => None,
        };
        *open.entry(account).or_default() += i128::from(hold.units.get());
    }
    let lines = state
        .members()
        .map(|(id, member)| (Some(id), member.line(service)));
    let mut sums = (0_i128, 0_i128);
    for (account, line) in lines.chain([(None, pool.direct())]) {
        let held = i128::from(line.held.get());
        assert_eq!(open.remove(&account).unwrap_or_default(), held);
        sums = (sums.0 + i128::from(line.used.get()), sums.1 + held);
    }
    assert!(open.is_empty(), "a hold stands on no account");
    let counted = (i128::from(pool.used.get()), i128::from(pool.held.get()));
    assert_eq!(counted, sums, "{service}");
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
    for (id, member) in after.members() {
        let was = before
            .member(id)
            .map(|member| member.line(service))
            .unwrap_or_default();
        let grew = excess(&member.line(service)) > excess(&was);
        assert!(
            !grew || overage == Some(Some(id)),
            "{event:?} overdraws {id}"
        );
    }
    let pools = (before.pool(service), after.pool(service));
    let grew = excess(&pools.1.direct()) > excess(&pools.0.direct());
    assert!(
        !grew || overage == Some(None),
        "{event:?} overdraws the pool"
    );
}

/// The account of an event that is marked as overage, its member's or (`None`) the pool's, and
/// whether it was checked: nothing but the policy lets it exceed what is allocated.
fn marked_overage(event: &Event, service: &ServiceId) -> Option<(Option<MemberId>, bool)> {
    let Event::Usage(event) = event else {
        return None;
    };
    let (overage, checked, member_id, of, level) = match event {
        UsageEvent::Debited(e) => (e.overage, true, e.member_id, &e.service, e.level),
        UsageEvent::HoldPlaced(e) => (e.overage, true, e.member_id, &e.service, e.level),
        UsageEvent::HoldSettled(e) => (e.overage, false, e.member_id, &e.service, e.level),
        UsageEvent::Reported(e) => (e.overage, false, e.member_id, &e.service, e.level),
        UsageEvent::Attributed(e) => {
            let to = &e.to;
            (e.overage, false, to.member_id, &to.service, to.level)
        }
        UsageEvent::HoldReleased(_)
        | UsageEvent::HoldExpired(_)
        | UsageEvent::Refused(_)
        | UsageEvent::Parked(_)
        | UsageEvent::Corrected(_) => return None,
    };
    (overage && of == service).then_some(((level == Level::Member).then_some(member_id), checked))
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
    let line = match account {
        Some(member_id) => line(after, member_id, service),
        None => after.pool(service).direct(),
    };
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
    let (member_id, service, level, stated) = match event {
        UsageEvent::Debited(e) => (e.member_id, &e.service, e.level, e.balance),
        UsageEvent::HoldPlaced(e) => (e.member_id, &e.service, e.level, e.balance),
        UsageEvent::HoldSettled(e) => (e.member_id, &e.service, e.level, e.balance),
        UsageEvent::HoldReleased(e) => (e.member_id, &e.service, e.level, e.balance),
        UsageEvent::HoldExpired(e) => (e.member_id, &e.service, e.level, e.balance),
        UsageEvent::Refused(_) => return, // it moves nothing
        UsageEvent::Reported(e) => (e.member_id, &e.service, e.level, e.balance),
        UsageEvent::Parked(_) => return,
        UsageEvent::Attributed(e) => {
            if let Some(from) = &e.from
                && (from.level == Level::Member || from.service != e.to.service)
            {
                the_account_is_as_stated(from, state);
            }
            return the_account_is_as_stated(&e.to, state);
        }
        UsageEvent::Corrected(e) => return the_account_is_as_stated(&e.account, state),
    };
    the_account_is_stated((member_id, service, level, stated), state);
}

fn the_account_is_as_stated(stated: &Attribution, state: &SchoolState) {
    let of = (
        stated.member_id,
        &stated.service,
        stated.level,
        stated.balance,
    );
    the_account_is_stated(of, state);
}

fn the_account_is_stated(
    (member_id, service, level, stated): (MemberId, &ServiceId, Level, Balance),
    state: &SchoolState,
) {
    let line = match level {
        Level::Pool => state.pool(service).direct(),
        Level::Member => line(state, member_id, service),
    };
    let account = Balance {
        allocated: line.allocated,
        used: line.used,
        held: line.held,
    };
    assert_eq!(stated, account);
    assert_eq!(stated.available(), line.available());
}

fn the_stated_amounts_are_the_lines(
    before: &SchoolState,
    event: &AllocationEvent,
    after: &SchoolState,
) {
    let amounts = |member_id, service| {
        let of = |state| line(state, member_id, service).allocated;
        (of(before), of(after))
    };
    match event {
        AllocationEvent::Allocated(e) => {
            assert_eq!(amounts(e.member_id, &e.service), (e.before, e.after));
            assert!(e.before.fits_in(e.after) && e.before != e.after);
            let cap = before
                .school()
                .expect("it is registered")
                .settings
                .member_cap
                .get(&e.service);
            assert!(
                cap.is_none_or(|cap| e.after.fits_in(*cap)),
                "beyond the cap"
            );
        }
        AllocationEvent::Revoked(e) => {
            assert_eq!(amounts(e.member_id, &e.service), (e.before, e.after));
            assert!(e.after.fits_in(e.before) && e.before != e.after);
            let spent = line(after, e.member_id, &e.service).spent();
            assert!(e.after.covers(spent), "below what is used and held");
        }
        AllocationEvent::Transferred(e) => {
            assert_eq!(amounts(e.member_id, &e.service), (e.before, e.after));
            assert_eq!(
                amounts(e.to_member_id, &e.service),
                (e.to_before, e.to_after)
            );
        }
        AllocationEvent::TermsSet(e) => {
            let (was, is) = amounts(e.member_id, &e.service);
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
fn a_roll_begins_anew(before: &SchoolState, event: &PeriodEvent, after: &SchoolState) {
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
                let of = |state| line(state, row.member_id, &row.service).allocated;
                assert_eq!((of(before), of(after)), (row.before, row.after));
                assert!(row.after.fits_in(row.before), "a renewal is a rise");
                let settings = &before.school().expect("it is registered").settings;
                let cap = settings.member_cap.get(&row.service);
                assert!(cap.is_none_or(|cap| row.after.fits_in(*cap)));
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
            | Event::Allocation(_)
            | Event::Request(_)
            | Event::Period(PeriodEvent::Renewed(_)) => {}
        }
        let mut open: BTreeMap<(Timestamp, ServiceId), i128> = BTreeMap::new();
        for (_, hold) in after.holds().iter() {
            if let Some(start) = after.closed_period_at(hold.placed_at) {
                *open.entry((start, hold.service.clone())).or_default() +=
                    i128::from(hold.units.get());
            }
        }
        for (key, (_, held)) in &self.pools {
            assert_eq!(open.remove(key).unwrap_or_default(), *held, "{key:?}");
        }
        assert!(open.is_empty(), "a hold counts in no period");
    }
}

/// Of which services and closed periods an event is, what it adds to used there, and what it frees.
fn moved(event: &UsageEvent) -> Vec<(&ServiceId, Option<Timestamp>, i128, i128)> {
    let wide = |units: Units| i128::from(units.get());
    match event {
        UsageEvent::Debited(e) => vec![(&e.service, None, wide(e.units), 0)],
        UsageEvent::HoldPlaced(_) | UsageEvent::Refused(_) | UsageEvent::Parked(_) => Vec::new(),
        UsageEvent::HoldSettled(e) => {
            let (used, freed) = (wide(e.units), wide(e.freed_units));
            vec![(&e.service, e.period_start, used, freed)]
        }
        UsageEvent::HoldReleased(e) => vec![(&e.service, e.period_start, 0, wide(e.units))],
        UsageEvent::HoldExpired(e) => vec![(&e.service, e.period_start, 0, wide(e.units))],
        UsageEvent::Reported(e) => vec![(&e.service, e.period_start, wide(e.units), 0)],
        UsageEvent::Attributed(e) => {
            let from = e.from.iter().map(|from| (from, -wide(e.units)));
            from.chain([(&e.to, wide(e.units))])
                .map(|(account, used)| (&account.service, account.period_start, used, 0))
                .collect()
        }
        UsageEvent::Corrected(e) => {
            let account = &e.account;
            vec![(&account.service, account.period_start, -wide(e.units), 0)]
        }
    }
}
