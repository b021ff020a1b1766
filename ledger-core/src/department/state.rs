//! The state of departments.

use serde::{Deserialize, Serialize};

use super::event::DepartmentEvent;
use crate::allocation::{self, Line, Lines, Pool, Priority};
use crate::ids::Seq;
use crate::quantity::Quota;
use crate::service::ServiceId;
use crate::state::SchoolState;

/// A department.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Department {
    /// Whether it was closed.
    pub closed: bool,
    /// The department's lines.
    lines: Lines<DepartmentLine>,
}

/// A department's line of a service. To its members it is what the school's pool is to members
/// without a department.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepartmentLine {
    /// The pool: its total is the department's allocation, the rest counts its members.
    pub pool: Pool,
    /// The rank of the department.
    pub priority: Priority,
    /// Whether the allocation is renewed in the next period.
    pub auto_renew: bool,
    /// The event since which the allocation is not zero; zero if it is zero.
    pub since: Seq,
}

impl DepartmentLine {
    /// The line as any holder's; used and held units are those of all members.
    #[must_use]
    pub const fn line(&self) -> Line {
        Line {
            allocated: self.pool.total,
            used: self.pool.used,
            held: self.pool.held,
            priority: self.priority,
            auto_renew: self.auto_renew,
            since: self.since,
        }
    }
}

impl Department {
    /// The line of `service`; an empty line by default.
    #[must_use]
    pub fn line(&self, service: &ServiceId) -> DepartmentLine {
        self.lines.get(service)
    }

    /// The department's lines, in no order.
    pub fn lines(&self) -> impl Iterator<Item = (&ServiceId, &DepartmentLine)> {
        self.lines.iter()
    }

    /// Whether the department has units that its members neither hold nor used.
    pub(crate) fn has_unused(&self) -> bool {
        self.lines()
            .any(|(_, line)| line.pool.min_total() != line.pool.total)
    }

    pub(crate) fn line_mut(&mut self, service: &ServiceId) -> &mut DepartmentLine {
        self.lines.get_mut(service)
    }

    /// Resets the counters for a new period.
    pub(crate) fn reset(&mut self) {
        for line in self.lines.values_mut() {
            line.pool.reset();
        }
    }

    /// Roughly the memory of the lines, in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.lines.weight()
    }
}

pub(crate) fn evolve(state: &mut SchoolState, event: &DepartmentEvent) {
    match event {
        DepartmentEvent::Opened(e) => {
            state.departments.entry(e.department_id).or_default().closed = false;
        }
        DepartmentEvent::Closed(e) => {
            if let Some(department) = state.departments.get_mut(&e.department_id) {
                department.closed = true;
            }
            allocation::note_department(state, e.department_id);
        }
        DepartmentEvent::MemberMoved(e) => {
            let Some(member) = state.members.get_mut(&e.member_id) else {
                return;
            };
            member.department_id = e.after;
            // An empty line moves nothing, and must not create a pool of its service.
            let is_empty = |line: &Line| line.allocated == Quota::ZERO && line.spent().is_zero();
            let lines = member
                .lines()
                .map(|(service, line)| (service.clone(), *line));
            let lines: Vec<_> = lines.filter(|(_, line)| !is_empty(line)).collect();
            for (service, line) in &lines {
                let before = state.pool_mut(e.before, service);
                before.replace(line.allocated, Quota::ZERO);
                if e.before.is_some() {
                    before.tally().remove(line.used, line.held);
                }
                let after = state.pool_mut(e.after, service);
                after.replace(Quota::ZERO, line.allocated);
                if e.after.is_some() {
                    after
                        .tally()
                        .shift(crate::Units::ZERO, line.used, line.held);
                }
            }
            for department_id in e.before.into_iter().chain(e.after) {
                allocation::note_department(state, department_id);
            }
        }
    }
}
