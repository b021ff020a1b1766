//! The state of a school itself and of its members.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::event::{SchoolEvent, Settings};
use crate::actor::Role;
use crate::allocation::{Holder, Line, Lines};
use crate::department::Department;
use crate::ids::{DepartmentId, MemberId, Seq};
use crate::period::{Cycles, Period};
use crate::plan::{Management, OrgType, Quotas, Tier};
use crate::quantity::Quota;
use crate::service::ServiceId;
use crate::state::SchoolState;
use crate::time::Timestamp;
use crate::vocabulary::vocabulary;

/// A registered school.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct School {
    /// The org type.
    pub org_type: OrgType,
    /// The tier.
    pub tier: Tier,
    /// The allocation management of the plan.
    pub management: Management,
    /// The billing cycles, past and present.
    pub cycles: Cycles,
    /// The open period.
    pub period: Period,
    /// The allocation management at the end of closed periods: valid from the period that begins at
    /// the instant, up to the next entry.
    pub(crate) managed: Vec<(Timestamp, Management)>,
    /// The settings.
    pub settings: Settings,
    /// The event that last changed subscription or settings.
    pub version: Seq,
}

impl School {
    /// The allocation management at the end of the period that begins at `start`. For a period
    /// before the registration: that of the first closed period.
    pub(crate) fn management_of_closed(&self, start: Timestamp) -> Management {
        let since = |(since, _): &&(Timestamp, Management)| *since <= start;
        let entry = self.managed.iter().rev().find(since);
        entry
            .or(self.managed.first())
            .map_or(self.management, |(_, management)| *management)
    }

    /// The cap of a holder for a service; departments have none.
    pub(crate) fn cap(&self, holder: Holder, service: &ServiceId) -> Quota {
        match holder {
            Holder::Member(_) => self.settings.max_individual_quota(service),
            Holder::Department(_) => Quota::Unlimited,
        }
    }

    /// Closes a period.
    pub(crate) fn close(&mut self, closed: Period) {
        if self.managed.last().map(|(_, management)| *management) != Some(self.management) {
            self.managed.push((closed.start, self.management));
        }
    }
}

vocabulary! {
    /// Whether a member may use units.
    pub enum MemberStatus {
        Active = "active" => "The member may.",
        Suspended = "suspended" => "The member may not until reactivated.",
        Removed = "removed" => "The member has left.",
    }
}

/// A member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The role.
    pub role: Role,
    /// Whether the member may use units.
    pub status: MemberStatus,
    /// The department, which funds the member's allocations.
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

/// The holders with unused units to reclaim: removed members, closed departments, and all holders
/// if the plan has no allocations. A call in flight leaves such units when it uses less than was
/// held. Kept separately, so that [`crate::due`] needs no search.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PendingReclaims(BTreeSet<Holder>);

impl PendingReclaims {
    /// The holders; few, since calls in flight are rare at a removal.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Holder> {
        self.0.iter().copied()
    }

    /// Updates whether `member` has units to reclaim.
    pub(crate) fn note(&mut self, member_id: MemberId, member: &Member, draws_on_pool: bool) {
        let reclaims = draws_on_pool || member.status == MemberStatus::Removed;
        let has_unused = || {
            let mut lines = member.lines();
            lines.any(|(_, line)| line.min_allocated() != line.allocated)
        };
        self.put(Holder::Member(member_id), reclaims && has_unused());
    }

    /// Updates whether a department has units to reclaim.
    pub(crate) fn note_department(
        &mut self,
        department_id: DepartmentId,
        department: &Department,
        draws_on_pool: bool,
    ) {
        let reclaims = draws_on_pool || department.closed;
        let holder = Holder::Department(department_id);
        self.put(holder, reclaims && department.has_unused());
    }

    fn put(&mut self, holder: Holder, is_pending: bool) {
        if is_pending {
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
            if state.draws_on_pool() != drew_on_pool {
                note_all(state);
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
        SchoolEvent::MemberErased(_) => {} // personal data is not in the state
    }
}

/// Updates the pending reclaims of all holders.
fn note_all(state: &mut SchoolState) {
    let draws_on_pool = state.draws_on_pool();
    let reclaims = &mut state.pending_reclaims;
    for (member_id, member) in &state.members {
        reclaims.note(*member_id, member, draws_on_pool);
    }
    for (id, department) in &state.departments {
        reclaims.note_department(*id, department, draws_on_pool);
    }
}

fn set_totals(state: &mut SchoolState, totals: &Quotas) {
    for (service, total) in totals {
        state.pools.entry(service.clone()).or_default().total = *total;
    }
}
