//! The changed rows of pools and lines as arrays, one per column of a statement.

use chrono::{DateTime, Utc};
use ledger_core::allocation::Holder;
use ledger_core::{SchoolId, Timestamp};
use uuid::Uuid;

use super::delta::{ClosedPeriodStart, Delta, LineDelta, PoolDelta};
use crate::columns::narrow;

/// A page's changes by school.
pub(super) type Deltas<'a> = [(SchoolId, Delta<'a>)];

/// The pools that a page changes.
#[derive(Default)]
pub(super) struct PoolRows<'a> {
    pub schools: Vec<Uuid>,
    /// One per row for closed periods, none for the current one.
    pub period_starts: Vec<DateTime<Utc>>,
    pub services: Vec<&'a str>,
    pub deltas: Vec<&'a PoolDelta>,
}

impl<'a> PoolRows<'a> {
    /// The pools of the current period.
    pub(super) fn current(deltas: &'a Deltas<'_>) -> Self {
        Self::of(deltas, Option::is_none)
    }

    /// The pools of closed periods.
    pub(super) fn closed(deltas: &'a Deltas<'_>) -> Self {
        Self::of(deltas, Option::is_some)
    }

    fn of(deltas: &'a Deltas<'_>, is_wanted: fn(&ClosedPeriodStart) -> bool) -> Self {
        let mut rows = Self::default();
        for (school_id, delta) in deltas {
            for ((start, service), pool) in &delta.pools {
                if is_wanted(start) {
                    rows.schools.push(school_id.0);
                    rows.period_starts.extend(start.map(Timestamp::get));
                    rows.services.push(service.as_str());
                    rows.deltas.push(pool);
                }
            }
        }
        rows
    }

    /// A counter of each row.
    pub(super) fn sums(&self, of: fn(&PoolDelta) -> i128) -> Vec<i64> {
        self.deltas.iter().map(|pool| narrow(of(pool))).collect()
    }
}

/// The lines that a page changes.
#[derive(Default)]
pub(super) struct LineRows<'a> {
    pub schools: Vec<Uuid>,
    /// One per row for closed periods, none for the current one.
    pub period_starts: Vec<DateTime<Utc>>,
    pub holder_kinds: Vec<&'static str>,
    pub holder_ids: Vec<Uuid>,
    pub services: Vec<&'a str>,
    pub used: Vec<i64>,
    pub held: Vec<i64>,
    pub deltas: Vec<&'a LineDelta>,
}

impl<'a> LineRows<'a> {
    /// The lines of the current period.
    pub(super) fn current(deltas: &'a Deltas<'_>) -> Self {
        Self::of(deltas, Option::is_none)
    }

    /// The lines of closed periods.
    pub(super) fn closed(deltas: &'a Deltas<'_>) -> Self {
        Self::of(deltas, Option::is_some)
    }

    fn of(deltas: &'a Deltas<'_>, is_wanted: fn(&ClosedPeriodStart) -> bool) -> Self {
        let mut rows = Self::default();
        for (school_id, delta) in deltas {
            for ((start, holder, service), line) in &delta.lines {
                if is_wanted(start) {
                    let (kind, id) = match holder {
                        Holder::Member(member_id) => ("member", member_id.0),
                        Holder::Department(department_id) => ("department", department_id.0),
                    };
                    rows.schools.push(school_id.0);
                    rows.period_starts.extend(start.map(Timestamp::get));
                    rows.holder_kinds.push(kind);
                    rows.holder_ids.push(id);
                    rows.services.push(service.as_str());
                    rows.used.push(narrow(line.used));
                    rows.held.push(narrow(line.held));
                    rows.deltas.push(line);
                }
            }
        }
        rows
    }
}
