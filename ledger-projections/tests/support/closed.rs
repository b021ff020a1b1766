//! Compares the books of closed periods with what the events say of them.

use std::collections::BTreeMap;

use ledger_core::period::PeriodEvent;
use ledger_core::usage::{Attribution, UsageEvent};
use ledger_core::{
    DepartmentId, Event, Level, MemberId, Recorded, SchoolId, SchoolState, ServiceId, Timestamp,
    evolve,
};
use sqlx::PgPool;

type Pools = BTreeMap<(Timestamp, String), (Option<i64>, i64, i64, i64, i64)>;
type Lines = BTreeMap<(Timestamp, MemberId, String), (Option<i64>, i64, i64)>;
type DepartmentLines = BTreeMap<(Timestamp, DepartmentId, String), (Option<i64>, i64, i64)>;
type Account<'a> = (
    Option<Timestamp>,
    MemberId,
    &'a ServiceId,
    Level,
    Option<DepartmentId>,
);

/// The books as each period closed, and as later events moved them.
#[derive(Default)]
struct Books {
    /// (total, used, held, direct_used, direct_held)
    pools: Pools,
    /// (allocated, used, held)
    lines: Lines,
    /// (allocated, direct_used, direct_held)
    department_lines: DepartmentLines,
    /// Who was in which department as a period closed.
    members: BTreeMap<(Timestamp, MemberId), DepartmentId>,
}

impl Books {
    fn of(events: &[Recorded]) -> Self {
        let (mut books, mut state) = (Self::default(), SchoolState::default());
        for recorded in events {
            match &recorded.event {
                Event::Period(PeriodEvent::Closed(e)) => books.close(&state, e.closed.start),
                Event::Usage(event) => books.shift(event),
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
                if row != (Some(0), 0, 0) {
                    let line = (start, id, service.to_string());
                    self.department_lines.insert(line, row);
                }
            }
        }
        for (member_id, member) in state.members() {
            if let Some(department_id) = member.department_id {
                self.members.insert((start, member_id), department_id);
            }
            for (service, line) in member.lines() {
                let allocated = line.allocated.finite().map(|units| units.get());
                let row = (allocated, line.used.get(), line.held.get());
                if row != (Some(0), 0, 0) {
                    self.lines
                        .insert((start, member_id, service.to_string()), row);
                }
            }
        }
    }

    fn shift(&mut self, event: &UsageEvent) {
        match event {
            UsageEvent::Debited(_)
            | UsageEvent::HoldPlaced(_)
            | UsageEvent::Refused(_)
            | UsageEvent::Parked(_) => {}
            UsageEvent::HoldSettled(e) => {
                let account = (
                    e.period_start,
                    e.member_id,
                    &e.service,
                    e.level,
                    e.department_id,
                );
                self.count(account, e.units.get(), e.freed_units.get());
            }
            UsageEvent::HoldReleased(e) => {
                let account = (
                    e.period_start,
                    e.member_id,
                    &e.service,
                    e.level,
                    e.department_id,
                );
                self.count(account, 0, e.units.get());
            }
            UsageEvent::HoldExpired(e) => {
                let account = (
                    e.period_start,
                    e.member_id,
                    &e.service,
                    e.level,
                    e.department_id,
                );
                self.count(account, 0, e.units.get());
            }
            UsageEvent::Reported(e) => {
                let account = (
                    e.period_start,
                    e.member_id,
                    &e.service,
                    e.level,
                    e.department_id,
                );
                self.count(account, e.units.get(), 0);
            }
            UsageEvent::Attributed(e) => {
                if let Some(from) = &e.from {
                    self.count_on(from, -e.units.get());
                }
                self.count_on(&e.to, e.units.get());
            }
            UsageEvent::Corrected(e) => self.count_on(&e.account, -e.units.get()),
        }
    }

    fn count_on(&mut self, of: &Attribution, used: i64) {
        let account = (
            of.period_start,
            of.member_id,
            &of.service,
            of.level,
            of.department_id,
        );
        self.count(account, used, 0);
    }

    fn count(
        &mut self,
        (start, member_id, service, level, department_id): Account<'_>,
        used: i64,
        freed: i64,
    ) {
        let Some(start) = start else { return };
        // Of a period before the school registered, nothing was closed.
        let pool = self.pools.entry((start, service.to_string()));
        let pool = pool.or_insert((Some(0), 0, 0, 0, 0));
        pool.1 += used;
        pool.2 -= freed;
        match level {
            Level::Pool => {
                pool.3 += used;
                pool.4 -= freed;
            }
            Level::Department => {
                let line = (start, department_id.unwrap(), service.to_string());
                let line = self.department_lines.entry(line).or_insert((Some(0), 0, 0));
                line.1 += used;
                line.2 -= freed;
            }
            Level::Member => {
                let line = (start, member_id, service.to_string());
                let line = self.lines.entry(line).or_insert((Some(0), 0, 0));
                line.1 += used;
                line.2 -= freed;
            }
        }
    }
}

/// The closed periods' rows are what the events say.
pub async fn assert_closed_equal(admin: &PgPool, school_id: SchoolId, events: &[Recorded]) {
    let books = Books::of(events);
    let instant = Timestamp::new;
    let pools = sqlx::query_as::<_, (_, String, Option<i64>, i64, i64, i64, i64)>(
        "SELECT period_start, service, total, used, held, direct_used, direct_held
           FROM balance_closed_pool JOIN projection ON name = 'balance' AND live_build = build
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
    let lines = sqlx::query_as::<_, (_, uuid::Uuid, String, Option<i64>, i64, i64)>(
        "SELECT period_start, member_id, service, allocated, used, held
           FROM balance_closed_line JOIN projection ON name = 'balance' AND live_build = build
          WHERE school_id = $1",
    )
    .bind(school_id.0)
    .fetch_all(admin)
    .await
    .unwrap();
    let lines: Lines = lines
        .into_iter()
        .map(|(start, member_id, service, allocated, used, held)| {
            let key = (instant(start), MemberId(member_id), service);
            (key, (allocated, used, held))
        })
        .collect();
    assert_eq!(lines, books.lines, "closed lines of {school_id}");
    assert_departments_equal(admin, school_id, &books).await;
}

async fn assert_departments_equal(admin: &PgPool, school_id: SchoolId, books: &Books) {
    let instant = Timestamp::new;
    let lines = sqlx::query_as::<_, (_, uuid::Uuid, String, Option<i64>, i64, i64)>(
        "SELECT period_start, department_id, service, allocated, direct_used, direct_held
           FROM balance_closed_department_line
           JOIN projection ON name = 'balance' AND live_build = build
          WHERE school_id = $1",
    )
    .bind(school_id.0)
    .fetch_all(admin)
    .await
    .unwrap();
    let lines: DepartmentLines = lines
        .into_iter()
        .map(|(start, id, service, allocated, used, held)| {
            let key = (instant(start), DepartmentId(id), service);
            (key, (allocated, used, held))
        })
        .collect();
    assert_eq!(
        lines, books.department_lines,
        "departments' closed lines of {school_id}"
    );
    let members = sqlx::query_as::<_, (_, uuid::Uuid, uuid::Uuid)>(
        "SELECT period_start, member_id, department_id FROM balance_closed_member
           JOIN projection ON name = 'balance' AND live_build = build
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
