//! The state of a school: what decisions need of its events, and no more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::allocation::{Holder, Line, Pool};
use crate::department::Department;
use crate::ids::{DepartmentId, Key, MemberId, Seq};
use crate::period::Renewals;
use crate::plan::{Management, Quotas};
use crate::refusal::Refusal;
use crate::request::Requests;
use crate::school::{Member, MemberStatus, PendingReclaims, School};
use crate::service::ServiceId;
use crate::time::Timestamp;
use crate::usage::{Hold, Holds};

/// The state of a school, folded from its events. Its size is bounded by members × services (lines
/// and pending requests) + open holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SchoolState {
    /// The position of the last applied event.
    pub(crate) head: Seq,
    /// The time of recording of the last event. Time never runs backwards from here.
    pub(crate) last_at: Timestamp,
    pub(crate) school: Option<School>,
    pub(crate) pools: BTreeMap<ServiceId, Pool>,
    pub(crate) departments: BTreeMap<DepartmentId, Department>,
    pub(crate) members: BTreeMap<MemberId, Member>,
    pub(crate) pending_reclaims: PendingReclaims,
    pub(crate) holds: Holds,
    pub(crate) requests: Requests,
    pub(crate) renewals: Renewals,
}

impl Default for SchoolState {
    fn default() -> Self {
        Self {
            head: Seq::ZERO,
            last_at: Timestamp::MIN,
            school: None,
            pools: BTreeMap::new(),
            departments: BTreeMap::new(),
            members: BTreeMap::new(),
            pending_reclaims: PendingReclaims::default(),
            holds: Holds::default(),
            requests: Requests::default(),
            renewals: Renewals::default(),
        }
    }
}

impl SchoolState {
    /// The position of the last applied event.
    #[must_use]
    pub const fn head(&self) -> Seq {
        self.head
    }

    /// Whether the hold is open.
    #[must_use]
    pub fn is_held(&self, hold_id: &Key) -> bool {
        self.holds.get(hold_id).is_some()
    }

    /// `now`, or the last recorded instant when that is later.
    #[must_use]
    pub fn not_before_last(&self, now: Timestamp) -> Timestamp {
        now.max(self.last_at)
    }

    /// The start of the closed period that contains `instant`; `None` if the open period has begun
    /// by then.
    #[must_use]
    pub fn closed_period_at(&self, instant: Timestamp) -> Option<Timestamp> {
        let school = self.school.as_ref()?;
        (instant < school.period.start).then(|| school.cycles.period_at(instant).start)
    }

    /// Whether the plan has no allocations, so that members draw directly on the pool.
    pub(crate) fn draws_on_pool(&self) -> bool {
        let school = self.school.as_ref();
        school.is_some_and(|school| school.management == Management::None)
    }

    /// The registered school.
    ///
    /// # Errors
    /// [`Refusal::SchoolNotFound`] if it was never registered.
    pub fn school(&self) -> Result<&School, Refusal> {
        self.school.as_ref().ok_or(Refusal::SchoolNotFound)
    }

    /// A present or past member.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`] if no member ever had this id.
    pub fn member(&self, member_id: MemberId) -> Result<&Member, Refusal> {
        self.members.get(&member_id).ok_or(Refusal::MemberNotFound {
            member_id: Some(member_id),
        })
    }

    /// A present member.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`] if no member ever had this id, or the member was removed.
    pub fn present_member(&self, member_id: MemberId) -> Result<&Member, Refusal> {
        let member = self.member(member_id)?;
        if member.status == MemberStatus::Removed {
            return Err(Refusal::MemberNotFound {
                member_id: Some(member_id),
            });
        }
        Ok(member)
    }

    /// All present and past members, ordered by id.
    pub fn members(&self) -> impl Iterator<Item = (MemberId, &Member)> {
        self.members.iter().map(|(id, member)| (*id, member))
    }

    /// The pool of `service`; an empty pool by default.
    #[must_use]
    pub fn pool(&self, service: &ServiceId) -> Pool {
        self.pools.get(service).copied().unwrap_or_default()
    }

    /// An open or closed department.
    ///
    /// # Errors
    /// [`Refusal::DepartmentNotFound`] if no department ever had this id.
    pub fn department(&self, department_id: DepartmentId) -> Result<&Department, Refusal> {
        self.departments
            .get(&department_id)
            .ok_or(Refusal::DepartmentNotFound { department_id })
    }

    /// An open department.
    ///
    /// # Errors
    /// [`Refusal::DepartmentNotFound`] if no department ever had this id, or it was closed.
    pub fn open_department(&self, department_id: DepartmentId) -> Result<&Department, Refusal> {
        self.department(department_id)
            .ok()
            .filter(|department| !department.closed)
            .ok_or(Refusal::DepartmentNotFound { department_id })
    }

    /// All open and closed departments, ordered by id.
    pub fn departments(&self) -> impl Iterator<Item = (DepartmentId, &Department)> {
        self.departments
            .iter()
            .map(|(id, department)| (*id, department))
    }

    /// A holder's line of `service`; an empty line by default.
    #[must_use]
    pub fn line(&self, holder: Holder, service: &ServiceId) -> Line {
        match holder {
            Holder::Member(member_id) => self
                .members
                .get(&member_id)
                .map_or_else(Line::default, |member| member.line(service)),
            Holder::Department(department_id) => self
                .departments
                .get(&department_id)
                .map_or_else(Line::default, |department| department.line(service).line()),
        }
    }

    /// The department that funds a holder's allocations; `None` for the school's pool.
    #[must_use]
    pub fn funded_by(&self, holder: Holder) -> Option<DepartmentId> {
        self.members.get(&holder.member_id()?)?.department_id
    }

    /// The pool of `service` of a department, or of the school.
    #[must_use]
    pub fn pool_of(&self, department_id: Option<DepartmentId>, service: &ServiceId) -> Pool {
        match department_id {
            None => self.pool(service),
            Some(department_id) => self
                .departments
                .get(&department_id)
                .map_or_else(Pool::default, |department| department.line(service).pool),
        }
    }

    /// [`SchoolState::pool_of`], mutable; created if absent.
    pub(crate) fn pool_mut(
        &mut self,
        department_id: Option<DepartmentId>,
        service: &ServiceId,
    ) -> &mut Pool {
        match department_id {
            None => self.pools.entry(service.clone()).or_default(),
            Some(department_id) => {
                let department = self.departments.entry(department_id).or_default();
                &mut department.line_mut(service).pool
            }
        }
    }

    /// The school's pools, ordered by service name.
    pub fn pools(&self) -> impl Iterator<Item = (&ServiceId, &Pool)> {
        self.pools.iter()
    }

    /// The total of each service per period.
    #[must_use]
    pub fn totals(&self) -> Quotas {
        self.pools()
            .map(|(service, pool)| (service.clone(), pool.total))
            .collect()
    }

    /// The open holds.
    #[must_use]
    pub const fn holds(&self) -> &Holds {
        &self.holds
    }

    /// The pending requests.
    #[must_use]
    pub const fn requests(&self) -> &Requests {
        &self.requests
    }

    /// The approximate memory of the state in bytes, for a cache with a limit.
    #[must_use]
    pub fn weight(&self) -> usize {
        const MEMBER: usize = size_of::<(MemberId, Member)>() + 64;
        // Both maps of the holds have the id.
        const HOLD: usize = size_of::<Hold>() + 3 * size_of::<Key>() + 64;
        const DEPARTMENT: usize = size_of::<(DepartmentId, Department)>() + 64;
        let members = self.members.values();
        let lines: usize = members.map(|member| member.lines.weight()).sum();
        let departments = self.departments.values();
        let department_lines: usize = departments.map(Department::weight).sum();
        1_024
            + self.members.len() * MEMBER
            + lines
            + self.departments.len() * DEPARTMENT
            + department_lines
            + self.holds.len() * HOLD
            + self.requests.weight()
    }
}
