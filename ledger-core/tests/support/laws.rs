//! The laws of the books: what holds after every single event, whatever was asked.

use std::collections::BTreeMap;

use ledger_core::allocation::{AllocationEvent, Line};
use ledger_core::catalog::Event;
use ledger_core::usage::{Attribution, Balance, UsageEvent};
use ledger_core::{Level, MemberId, Quota, Recorded, SchoolState, ServiceId, Timestamp, Units};

/// How many events the laws held for.
#[derive(Default)]
pub struct Laws {
    pub checked: usize,
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
            Event::School(_) => {}
        }
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
