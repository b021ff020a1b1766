//! Expected events and refusals. Of Claude messages.

use ledger_core::allocation::{
    AllocationChanged, AllocationEvent, Cause, Holder, MemberReactivated, MemberSuspended,
    Priority, TermsSet, UnitsTransferred,
};
use ledger_core::catalog::Event;
use ledger_core::period::{
    AllocationsRenewed, Period, PeriodClosed, PeriodEvent, PoolClosed, Renewal,
};
use ledger_core::school::{MemberEnrolled, MemberRemoved, SchoolEvent};
use ledger_core::usage::{
    Account, Balance, CallFacts, HoldExpired, HoldPlaced, HoldReleased, HoldSettled, UsageDebited,
    UsageEvent, UsageReported,
};
use ledger_core::{Level, MemberId, Quota, Refusal, Role, Rule, Shortfall, Timestamp, Units};

use super::commands::{CALL, reason};
use super::{ASSESSMENT, Amount, CLAUDE, CONTENT, at, key, service, units};

/// When the period of every test ends.
pub fn resets_at() -> Timestamp {
    at("2026-12-01T00:00:00Z")
}

/// The period of every test.
fn period() -> Period {
    Period {
        start: at("2026-11-01T00:00:00Z"),
        end: resets_at(),
    }
}

/// The period after it.
fn next_period() -> Period {
    Period {
        start: resets_at(),
        end: at("2027-01-01T00:00:00Z"),
    }
}

/// The period of every test ended, with a k12 school's other pools untouched and that of Claude
/// messages as (total, allocated, used, held).
pub fn rolled(claude: &[(i64, i64, i64, i64)]) -> Event {
    let pool = |name, (total, allocated, used, held): (i64, i64, i64, i64)| PoolClosed {
        service: service(name),
        total: total.quota(),
        allocated: allocated.quota(),
        used: units(used),
        held: units(held),
    };
    let mut pools = vec![pool(ASSESSMENT, (25, 0, 0, 0))];
    pools.extend(claude.iter().map(|numbers| pool(CLAUDE, *numbers)));
    pools.push(pool(CONTENT, (50, 0, 0, 0)));
    let (closed, opened) = (period(), next_period());
    Event::Period(PeriodEvent::Closed(PeriodClosed {
        closed,
        opened,
        pools,
    }))
}

/// Renewals in the period after that of every test.
pub fn renewed<const N: usize>(rows: [Renewal; N]) -> Event {
    Event::Period(PeriodEvent::Renewed(AllocationsRenewed {
        period: next_period(),
        rows: rows.to_vec(),
    }))
}

/// A holder of normal priority.
pub fn row_of(holder: impl Into<Holder>, before: impl Amount, after: impl Amount) -> Renewal {
    let changed = changed(holder, before, after);
    Renewal {
        holder: changed.holder,
        funded_by: changed.funded_by,
        service: changed.service,
        before: changed.before,
        after: changed.after,
        priority: changed.priority,
    }
}

/// The end of a hold as it counts in a closed period.
pub fn of_period(start: Timestamp, event: Event) -> Event {
    let period_start = Some(start);
    let Event::Usage(event) = event else {
        panic!("only usage counts in a period");
    };
    Event::Usage(match event {
        UsageEvent::HoldSettled(e) => UsageEvent::HoldSettled(HoldSettled { period_start, ..e }),
        UsageEvent::HoldReleased(e) => UsageEvent::HoldReleased(HoldReleased { period_start, ..e }),
        UsageEvent::HoldExpired(e) => UsageEvent::HoldExpired(HoldExpired { period_start, ..e }),
        UsageEvent::Reported(e) => UsageEvent::Reported(UsageReported { period_start, ..e }),
        UsageEvent::Debited(_)
        | UsageEvent::HoldPlaced(_)
        | UsageEvent::Refused(_)
        | UsageEvent::Parked(_)
        | UsageEvent::Attributed(_)
        | UsageEvent::Corrected(_) => panic!("it has no period of its own"),
    })
}

pub fn enrolled(member_id: MemberId) -> Event {
    let role = Role::Teacher;
    Event::School(SchoolEvent::MemberEnrolled(MemberEnrolled {
        member_id,
        role,
    }))
}

pub fn removed(member_id: MemberId) -> Event {
    Event::School(SchoolEvent::MemberRemoved(MemberRemoved { member_id }))
}

/// A single change of a holder of normal priority.
pub fn changed(
    holder: impl Into<Holder>,
    before: impl Amount,
    after: impl Amount,
) -> AllocationChanged {
    AllocationChanged {
        holder: holder.into(),
        funded_by: None,
        service: service(CLAUDE),
        before: before.quota(),
        after: after.quota(),
        priority: Priority::Normal,
        auto_renew: false,
        reason: Some(reason().commitment()),
        cause: None,
    }
}

/// A change without a reason.
pub fn changed_by(
    cause: Cause,
    holder: impl Into<Holder>,
    before: impl Amount,
    after: impl Amount,
) -> AllocationChanged {
    AllocationChanged {
        reason: None,
        cause: Some(cause),
        ..changed(holder, before, after)
    }
}

pub const fn more(changed: AllocationChanged) -> Event {
    Event::Allocation(AllocationEvent::Allocated(changed))
}

pub const fn less(changed: AllocationChanged) -> Event {
    Event::Allocation(AllocationEvent::Revoked(changed))
}

pub fn allocated(holder: impl Into<Holder>, before: impl Amount, after: impl Amount) -> Event {
    more(changed(holder, before, after))
}

pub fn revoked(holder: impl Into<Holder>, before: impl Amount, after: impl Amount) -> Event {
    less(changed(holder, before, after))
}

/// The event as one row of a batch.
pub fn in_batch(event: Event) -> Event {
    let cause = Some(Cause::Batch);
    let Event::Allocation(event) = event else {
        panic!("only allocations come in batches");
    };
    Event::Allocation(match event {
        AllocationEvent::Allocated(e) => {
            AllocationEvent::Allocated(AllocationChanged { cause, ..e })
        }
        AllocationEvent::Revoked(e) => AllocationEvent::Revoked(AllocationChanged { cause, ..e }),
        AllocationEvent::Transferred(e) => {
            AllocationEvent::Transferred(UnitsTransferred { cause, ..e })
        }
        AllocationEvent::TermsSet(e) => AllocationEvent::TermsSet(TermsSet { cause, ..e }),
        AllocationEvent::Suspended(_) | AllocationEvent::Reactivated(_) => {
            panic!("no member is suspended in a batch")
        }
    })
}

/// `n` units went from one who held `before` to one who held `to_before`.
pub fn transferred(from: (impl Into<Holder>, i64), to: (impl Into<Holder>, i64), n: i64) -> Event {
    let (holder, before) = from;
    let (to, to_before) = to;
    Event::Allocation(AllocationEvent::Transferred(UnitsTransferred {
        holder: holder.into(),
        funded_by: None,
        to: to.into(),
        to_funded_by: None,
        service: service(CLAUDE),
        units: units(n),
        before: before.quota(),
        after: (before - n).quota(),
        to_before: to_before.quota(),
        to_after: (to_before + n).quota(),
        reason: reason().commitment(),
        cause: None,
    }))
}

pub fn terms_set(
    holder: impl Into<Holder>,
    priority: (Priority, Priority),
    auto_renew: (bool, bool),
) -> Event {
    Event::Allocation(AllocationEvent::TermsSet(TermsSet {
        holder: holder.into(),
        service: service(CLAUDE),
        priority_before: priority.0,
        priority: priority.1,
        auto_renew_before: auto_renew.0,
        auto_renew: auto_renew.1,
        reason: reason().commitment(),
        cause: None,
    }))
}

pub fn suspended(member_id: MemberId) -> Event {
    let reason = reason().commitment();
    Event::Allocation(AllocationEvent::Suspended(MemberSuspended {
        member_id,
        reason,
    }))
}

pub fn reactivated(member_id: MemberId) -> Event {
    let reason = reason().commitment();
    Event::Allocation(AllocationEvent::Reactivated(MemberReactivated {
        member_id,
        reason,
    }))
}

pub fn balance(allocated: impl Amount, used: i64, held: i64) -> Balance {
    Balance {
        allocated: allocated.quota(),
        used: units(used),
        held: units(held),
    }
}

/// A member's own account.
pub fn own_account(member_id: MemberId) -> Account {
    Account {
        member_id,
        service: service(CLAUDE),
        level: Level::Member,
        department_id: None,
    }
}

/// The account of a member who draws on the pool.
pub fn pool_account(member_id: MemberId) -> Account {
    Account {
        level: Level::Pool,
        ..own_account(member_id)
    }
}

pub fn usage_debited(member_id: MemberId, n: i64, balance: Balance) -> UsageDebited {
    UsageDebited {
        id: key(CALL),
        account: own_account(member_id),
        units: units(n),
        overage: false,
        balance,
        call: CallFacts::default(),
    }
}

pub fn debited(member_id: MemberId, n: i64, balance: Balance) -> Event {
    Event::Usage(UsageEvent::Debited(usage_debited(member_id, n, balance)))
}

pub fn held(
    hold_id: &str,
    member_id: MemberId,
    n: i64,
    expires_at: Timestamp,
    balance: Balance,
) -> Event {
    Event::Usage(UsageEvent::HoldPlaced(HoldPlaced {
        hold_id: key(hold_id),
        account: own_account(member_id),
        units: units(n),
        expires_at,
        overage: false,
        balance,
    }))
}

/// `n` units were used and `freed` had still been held for them.
pub fn hold_settled(
    hold_id: &str,
    member_id: MemberId,
    n: i64,
    freed: i64,
    balance: Balance,
) -> HoldSettled {
    HoldSettled {
        hold_id: key(hold_id),
        account: own_account(member_id),
        units: units(n),
        freed_units: units(freed),
        overage: false,
        late: false,
        balance,
        period_start: None,
        call: CallFacts::default(),
    }
}

pub const fn settled(settled: HoldSettled) -> Event {
    Event::Usage(UsageEvent::HoldSettled(settled))
}

pub fn released(hold_id: &str, member_id: MemberId, n: i64, balance: Balance) -> Event {
    Event::Usage(UsageEvent::HoldReleased(HoldReleased {
        hold_id: key(hold_id),
        account: own_account(member_id),
        units: units(n),
        balance,
        period_start: None,
        reason: None,
    }))
}

pub fn expired(hold_id: &str, member_id: MemberId, n: i64, balance: Balance) -> Event {
    Event::Usage(UsageEvent::HoldExpired(HoldExpired {
        hold_id: key(hold_id),
        account: own_account(member_id),
        units: units(n),
        balance,
        period_start: None,
    }))
}

/// A rule on amounts that is broken; the numbers that a test does not name are zero.
pub fn short(rule: Rule, level: Level) -> Numbers {
    Numbers(Shortfall {
        rule,
        level,
        service: service(CLAUDE),
        limit: Quota::ZERO,
        used: Units::ZERO,
        held: Units::ZERO,
        asked: Quota::ZERO,
        available: Quota::ZERO,
        resets_at: resets_at(),
    })
}

/// Too little is left of `limit` for `asked`.
pub fn over_quota(level: Level, (limit, used): (i64, i64), asked: i64) -> Numbers {
    short(Rule::QuotaExceeded, level)
        .limit(limit)
        .used(used)
        .asked(asked)
}

/// A total below the allocations of the pool.
pub fn total_too_low(limit: impl Amount, asked: i64, available: impl Amount) -> Numbers {
    short(Rule::TotalBelowAllocated, Level::Pool)
        .limit(limit)
        .asked(asked)
        .available(available)
}

/// A shortfall under construction.
pub struct Numbers(Shortfall);

impl Numbers {
    pub fn limit(mut self, limit: impl Amount) -> Self {
        self.0.limit = limit.quota();
        self
    }

    pub fn used(mut self, used: i64) -> Self {
        self.0.used = units(used);
        self
    }

    pub fn held(mut self, held: i64) -> Self {
        self.0.held = units(held);
        self
    }

    pub fn asked(mut self, asked: impl Amount) -> Self {
        self.0.asked = asked.quota();
        self
    }

    pub fn available(mut self, available: impl Amount) -> Self {
        self.0.available = available.quota();
        self
    }
}

impl From<Numbers> for Refusal {
    fn from(numbers: Numbers) -> Self {
        Self::Shortfall(Box::new(numbers.0))
    }
}

pub const fn member_not_found(member_id: MemberId) -> Refusal {
    let member_id = Some(member_id);
    Refusal::MemberNotFound { member_id }
}

pub fn unknown_service(name: &str) -> Refusal {
    let name = name.to_owned();
    Refusal::UnknownService { name }
}
