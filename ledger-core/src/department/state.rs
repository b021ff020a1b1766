//! What departments' events amount to.

use serde::{Deserialize, Serialize};

use super::event::DepartmentEvent;
use crate::allocation::{self, Line, Pool, Priority};
use crate::ids::Seq;
use crate::quantity::Quota;
use crate::service::ServiceId;
use crate::state::SchoolState;

/// A group of members and what it holds of each service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Department {
    /// Whether it ended.
    pub closed: bool,
    /// What it holds, a line per service that it ever held, few and in no order.
    lines: Vec<(ServiceId, DepartmentLine)>,
}

/// What a department holds of a service. To its members it is what the school's pool is to those in
/// no department.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepartmentLine {
    /// The department's allocation as its total, and what its members hold and used of that.
    pub pool: Pool,
    /// How the department ranks.
    pub priority: Priority,
    /// Whether it is granted again in the next period.
    pub auto_renew: bool,
    /// The event since which the department holds some of it; zero when it holds none.
    pub since: Seq,
}

impl DepartmentLine {
    /// The allocation as any holder's: what is used and held of it counts all members'.
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
    /// What the department holds of `service`; an empty line when it never held any.
    #[must_use]
    pub fn line(&self, service: &ServiceId) -> DepartmentLine {
        self.lines
            .iter()
            .find(|(id, _)| id == service)
            .map_or_else(DepartmentLine::default, |(_, line)| *line)
    }

    /// The department's lines.
    pub fn lines(&self) -> impl Iterator<Item = (&ServiceId, &DepartmentLine)> {
        self.lines.iter().map(|(service, line)| (service, line))
    }

    /// Whether it holds units that nobody in it holds or used.
    pub(crate) fn has_unused(&self) -> bool {
        self.lines
            .iter()
            .any(|(_, line)| line.pool.least() != line.pool.total)
    }

    pub(crate) fn line_mut(&mut self, service: &ServiceId) -> &mut DepartmentLine {
        let at = self
            .lines
            .iter()
            .position(|(id, _)| id == service)
            .unwrap_or_else(|| {
                self.lines
                    .push((service.clone(), DepartmentLine::default()));
                self.lines.len() - 1
            });
        &mut self.lines[at].1
    }

    /// A new period begins.
    pub(crate) fn start_over(&mut self) {
        for (_, line) in &mut self.lines {
            line.pool.start_over();
        }
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
            let mut lines = member.lines.clone();
            // A line on which there is nothing moves nothing, and makes no pool of its service.
            lines.retain(|(_, line)| line.allocated != Quota::ZERO || !line.spent().is_zero());
            for (service, line) in &lines {
                let before = state.pool_mut(e.before, service);
                before.replace(line.allocated, Quota::ZERO);
                if e.before.is_some() {
                    before.tally().take_out(line.used, line.held);
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
