//! What a school's own events amount to.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::event::{SchoolEvent, Settings};
use crate::actor::Role;
use crate::allocation::{Holder, Line, Lines};
use crate::department::Department;
use crate::ids::{DepartmentId, MemberId, Seq};
use crate::period::{Cycles, Period};
use crate::plan::{Management, OrgType, Quotas, Tier};
use crate::service::ServiceId;
use crate::state::SchoolState;
use crate::time::Timestamp;
use crate::vocabulary::vocabulary;

/// A registered school.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct School {
    /// What kind of tenant.
    pub org_type: OrgType,
    /// What it pays for.
    pub tier: Tier,
    /// What its plan switches on.
    pub management: Management,
    /// How its billing cycles fell and fall.
    pub cycles: Cycles,
    /// The current billing cycle.
    pub period: Period,
    /// What was switched on as earlier cycles closed: from the cycle that begins at an instant on,
    /// up to the next one.
    pub(crate) managed: Vec<(Timestamp, Management)>,
    /// Its own rules.
    pub settings: Settings,
    /// The event that last changed what it bought or its own rules.
    pub version: Seq,
}

impl School {
    /// What was switched on as the cycle that begins at `start` closed. Of one before the school
    /// was registered: what was when its first one closed.
    pub(crate) fn management_of_closed(&self, start: Timestamp) -> Management {
        let since = |(since, _): &&(Timestamp, Management)| *since <= start;
        let known = self.managed.iter().rev().find(since);
        known
            .or(self.managed.first())
            .map_or(self.management, |(_, management)| *management)
    }

    /// A cycle closes.
    pub(crate) fn close(&mut self, closed: Period) {
        if self.managed.last().map(|(_, management)| *management) != Some(self.management) {
            self.managed.push((closed.start, self.management));
        }
    }
}

vocabulary! {
    /// Whether a member may use units.
    pub enum MemberStatus {
        /// The member may.
        Active = "active",
        /// The member may not until reactivated.
        Suspended = "suspended",
        /// The member has left.
        Removed = "removed",
    }
}

/// A person of the school and what he holds of each service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// What the member may do.
    pub role: Role,
    /// Whether he may use what he holds.
    pub status: MemberStatus,
    /// The department that he is in, and out of whose allocation his come.
    pub department_id: Option<DepartmentId>,
    /// The member's lines.
    pub(crate) lines: Lines<Line>,
}

impl Member {
    pub(crate) fn new(role: Role) -> Self {
        Self {
            role,
            status: MemberStatus::Active,
            department_id: None,
            lines: Lines::default(),
        }
    }

    /// The line of `service`; an empty line by default.
    #[must_use]
    pub fn line(&self, service: &ServiceId) -> Line {
        self.lines.get(service)
    }

    /// The member's lines, in no order.
    pub fn lines(&self) -> impl Iterator<Item = (&ServiceId, &Line)> {
        self.lines.iter()
    }

    pub(crate) fn line_mut(&mut self, service: &ServiceId) -> &mut Line {
        self.lines.get_mut(service)
    }
}

/// Those whose units go back by themselves as far as they are not used or held: who left, a
/// department that ended, and everybody where the plan has no allocations any more. They hold some yet when a call in flight
/// used less than was held for it. Kept apart so that [`crate::due`] need not look for them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PendingReclaims(BTreeSet<Holder>);

impl PendingReclaims {
    /// Each of them; few, since most leave with no call in flight.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Holder> {
        self.0.iter().copied()
    }

    /// Takes down how it stands with `member` now, whose school may draw on its pool.
    pub(crate) fn note(&mut self, member_id: MemberId, member: &Member, draws_on_pool: bool) {
        let gives_back = draws_on_pool || member.status == MemberStatus::Removed;
        let has_unused = || {
            let mut lines = member.lines();
            lines.any(|(_, line)| line.min_allocated() != line.allocated)
        };
        self.put(Holder::Member(member_id), gives_back && has_unused());
    }

    /// The same of a department.
    pub(crate) fn note_department(
        &mut self,
        department_id: DepartmentId,
        department: &Department,
        draws_on_pool: bool,
    ) {
        let gives_back = draws_on_pool || department.closed;
        let holder = Holder::Department(department_id);
        self.put(holder, gives_back && department.has_unused());
    }

    fn put(&mut self, holder: Holder, gives_back: bool) {
        if gives_back {
            self.0.insert(holder);
        } else if !self.0.is_empty() {
            self.0.remove(&holder);
        }
    }
}

pub(crate) fn evolve(state: &mut SchoolState, seq: Seq, event: &SchoolEvent) {
    match event {
        SchoolEvent::Registered(e) => {
            state.school = Some(School {
                org_type: e.org_type,
                tier: e.tier,
                management: e.management,
                cycles: Cycles::new(e.cycle),
                period: e.period,
                managed: Vec::new(),
                settings: Settings {
                    max_individual_quota: e.max_individual_quota.clone(),
                    default_member_quota: e.default_member_quota.clone(),
                    self_service_requests: e.self_service_requests,
                    ..Settings::default()
                },
                version: seq,
            });
            set_totals(state, &e.totals);
        }
        SchoolEvent::SubscriptionChanged(e) => {
            let drew_on_pool = state.draws_on_pool();
            if let Some(school) = &mut state.school {
                school.tier = e.tier;
                school.management = e.management;
                if let Some(turn) = e.turn {
                    school.cycles.turn(turn.at, turn.anchor_day);
                }
                school.version = seq;
            }
            set_totals(state, &e.totals);
            let draws_on_pool = state.draws_on_pool();
            if draws_on_pool != drew_on_pool {
                for (member_id, member) in &state.members {
                    state
                        .pending_reclaims
                        .note(*member_id, member, draws_on_pool);
                }
                for (id, department) in &state.departments {
                    state
                        .pending_reclaims
                        .note_department(*id, department, draws_on_pool);
                }
            }
        }
        SchoolEvent::SettingsChanged(e) => {
            if let Some(school) = &mut state.school {
                school.settings = e.after.clone();
                school.version = seq;
            }
        }
        SchoolEvent::MemberEnrolled(e) => {
            let draws_on_pool = state.draws_on_pool();
            let member = state
                .members
                .entry(e.member_id)
                .or_insert_with(|| Member::new(e.role));
            member.role = e.role;
            member.status = MemberStatus::Active;
            state
                .pending_reclaims
                .note(e.member_id, member, draws_on_pool);
        }
        SchoolEvent::MemberRoleChanged(e) => {
            if let Some(member) = state.members.get_mut(&e.member_id) {
                member.role = e.after;
            }
        }
        SchoolEvent::MemberRemoved(e) => {
            let draws_on_pool = state.draws_on_pool();
            if let Some(member) = state.members.get_mut(&e.member_id) {
                member.status = MemberStatus::Removed;
                state
                    .pending_reclaims
                    .note(e.member_id, member, draws_on_pool);
            }
        }
        SchoolEvent::MemberErased(_) => {} // what went was beside the log
    }
}

fn set_totals(state: &mut SchoolState, totals: &Quotas) {
    for (service, total) in totals {
        state.pools.entry(service.clone()).or_default().total = *total;
    }
}
