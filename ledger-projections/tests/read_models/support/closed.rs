//! Compares the books of closed periods with sums over the events.

use std::collections::BTreeMap;

use ledger_core::allocation::Holder;
use ledger_core::period::PeriodEvent;
use ledger_core::usage::{Account, Attribution, UsageEvent};
use ledger_core::{
    DepartmentId, Event, Level, MemberId, Recorded, SchoolId, SchoolState, Timestamp, evolve,
};
use sqlx::PgPool;
use uuid::Uuid;

type Pools = BTreeMap<(Timestamp, String), (Option<i64>, i64, i64, i64, i64)>;
type Lines = BTreeMap<(Timestamp, Holder, String), (Option<i64>, i64, i64)>;

/// The books as each period closed, with the changes of later events.
#[derive(Default)]
struct Books {
    /// (total, used, held, direct_used, direct_held)
    pools: Pools,
    /// (allocated, used, held)
    lines: Lines,
    /// The department of each member as a period closed.
    members: BTreeMap<(Timestamp, MemberId), DepartmentId>,
}

impl Books {
    fn of(events: &[Recorded]) -> Self {
        let (mut books, mut state) = (Self::default(), SchoolState::default());
        for recorded in events {
            match &recorded.event {
                Event::Period(PeriodEvent::Closed(e)) => books.close(&state, e.closed.start),
                Event::Usage(event) => books.usage(event),
                Event::Period(PeriodEvent::Renewed(_))
                | Event::School(_)
                | Event::Department(_)
                | Event::Allocation(_)
                | Event::Request(_) => {}
            }
            evolve(&mut state, recorded);
        }
        books
    }

    fn close(&mut self, state: &SchoolState, start: Timestamp) {
        for (service, pool) in state.pools() {
            let direct = pool.direct();
            let total = pool.total.finite().map(|units| units.get());
            let counters = [pool.used, pool.held, direct.used, direct.held].map(|u| u.get());
            let [used, held, direct_used, direct_held] = counters;
            let row = (total, used, held, direct_used, direct_held);
            self.pools.insert((start, service.to_string()), row);
        }
        for (id, department) in state.departments() {
            for (service, line) in department.lines() {
                let allocated = line.pool.total.finite().map(|units| units.get());
                let direct = line.pool.direct();
                let row = (allocated, direct.used.get(), direct.held.get());
                self.close_line((start, id.into(), service.to_string()), row);
            }
        }
        for (member_id, member) in state.members() {
            if let Some(department_id) = member.department_id {
                self.members.insert((start, member_id), department_id);
            }
            for (service, line) in member.lines() {
                let allocated = line.allocated.finite().map(|units| units.get());
                let row = (allocated, line.used.get(), line.held.get());
                self.close_line((start, member_id.into(), service.to_string()), row);
            }
        }
    }

    /// A line with an allocation or usage; empty ones are not kept.
    fn close_line(&mut self, key: (Timestamp, Holder, String), row: (Option<i64>, i64, i64)) {
        if row != (Some(0), 0, 0) {
            self.lines.insert(key, row);
        }
    }

    fn usage(&mut self, event: &UsageEvent) {
        match event {
            UsageEvent::Debited(_)
            | UsageEvent::HoldPlaced(_)
            | UsageEvent::Refused(_)
            | UsageEvent::Parked(_) => {}
            UsageEvent::HoldSettled(e) => {
                self.add(
                    &e.account,
                    e.period_start,
                    e.units.get(),
                    e.freed_units.get(),
                );
            }
            UsageEvent::HoldReleased(e) => {
                self.add(&e.account, e.period_start, 0, e.units.get());
            }
            UsageEvent::HoldExpired(e) => {
                self.add(&e.account, e.period_start, 0, e.units.get());
            }
            UsageEvent::Reported(e) => {
                self.add(&e.account, e.period_start, e.units.get(), 0);
            }
            UsageEvent::Attributed(e) => {
                if let Some(from) = &e.from {
                    self.add_used(from, -e.units.get());
                }
                self.add_used(&e.to, e.units.get());
            }
            UsageEvent::Corrected(e) => self.add_used(&e.attribution, -e.units.get()),
        }
    }

    fn add_used(&mut self, of: &Attribution, used: i64) {
        self.add(&of.account, of.period_start, used, 0);
    }

    fn add(&mut self, account: &Account, start: Option<Timestamp>, used: i64, freed: i64) {
        let Some(start) = start else { return };
        let service = &account.service;
        // A period before the registration has no closed pool yet.
        let pool = self.pools.entry((start, service.to_string()));
        let pool = pool.or_insert((Some(0), 0, 0, 0, 0));
        pool.1 += used;
        pool.2 -= freed;
        let holder = match account.level {
            Level::Pool => {
                pool.3 += used;
                pool.4 -= freed;
                return;
            }
            Level::Department => Holder::from(account.department_id.unwrap()),
            Level::Member => Holder::from(account.member_id),
        };
        let line = (start, holder, service.to_string());
        let line = self.lines.entry(line).or_insert((Some(0), 0, 0));
        line.1 += used;
        line.2 -= freed;
    }
}

/// The rows of closed periods equal the sums over the events.
pub async fn assert_closed_equal(admin: &PgPool, school_id: SchoolId, events: &[Recorded]) {
    let books = Books::of(events);
    let instant = Timestamp::new;
    let pools = sqlx::query_as::<_, (_, String, Option<i64>, i64, i64, i64, i64)>(
        "SELECT period_start, service, total, used, held, direct_used, direct_held
           FROM balance_closed_pool JOIN live_build('balance') USING (build)
          WHERE school_id = $1",
    )
    .bind(school_id.0)
    .fetch_all(admin)
    .await
    .unwrap();
    let pools: Pools = pools
        .into_iter()
        .map(
            |(start, service, total, used, held, direct_used, direct_held)| {
                let row = (total, used, held, direct_used, direct_held);
                ((instant(start), service), row)
            },
        )
        .collect();
    assert_eq!(pools, books.pools, "closed pools of {school_id}");
    let lines = sqlx::query_as::<_, (_, String, Uuid, String, Option<i64>, i64, i64)>(
        "SELECT period_start, holder_kind, holder_id, service, allocated, used, held
           FROM balance_closed_line JOIN live_build('balance') USING (build)
          WHERE school_id = $1",
    )
    .bind(school_id.0)
    .fetch_all(admin)
    .await
    .unwrap();
    let lines: Lines = lines
        .into_iter()
        .map(|(start, kind, id, service, allocated, used, held)| {
            let holder = match kind.as_str() {
                "member" => Holder::Member(MemberId(id)),
                _ => Holder::Department(DepartmentId(id)),
            };
            ((instant(start), holder, service), (allocated, used, held))
        })
        .collect();
    assert_eq!(lines, books.lines, "closed lines of {school_id}");
    let members = sqlx::query_as::<_, (_, Uuid, Uuid)>(
        "SELECT period_start, member_id, department_id FROM balance_closed_member
           JOIN live_build('balance') USING (build)
          WHERE school_id = $1",
    )
    .bind(school_id.0)
    .fetch_all(admin)
    .await
    .unwrap();
    let members: BTreeMap<_, _> = members
        .into_iter()
        .map(|(start, member, id)| ((instant(start), MemberId(member)), DepartmentId(id)))
        .collect();
    assert_eq!(members, books.members, "closed members of {school_id}");
}
