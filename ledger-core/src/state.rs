//! What a school's events amount to: all that a decision looks at, and no more.

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
use crate::usage::Holds;

/// A school as its events have made it. Its size is bound by members × services (lines and
/// pending requests) + open holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SchoolState {
    /// The position of the last event taken in.
    pub(crate) head: Seq,
    /// When the last event was recorded; time never runs backwards from here.
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
    /// The position of the last event taken in.
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

    /// The start of the closed period that `instant` lies in, or `None` when the current one has
    /// begun by then: where usage counts that is told of now.
    #[must_use]
    pub fn closed_period_at(&self, instant: Timestamp) -> Option<Timestamp> {
        let school = self.school.as_ref()?;
        (instant < school.period.start).then(|| school.cycles.period_at(instant).start)
    }

    /// Whether the plan has no allocations: members draw straight on the pool.
    pub(crate) fn draws_on_pool(&self) -> bool {
        let school = self.school.as_ref();
        school.is_some_and(|school| school.management == Management::None)
    }

    /// The registered school.
    ///
    /// # Errors
    /// [`Refusal::SchoolNotFound`] when it was never registered.
    pub fn school(&self) -> Result<&School, Refusal> {
        self.school.as_ref().ok_or(Refusal::SchoolNotFound)
    }

    /// Anybody who ever was a member.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`] when nobody has this id.
    pub fn member(&self, member_id: MemberId) -> Result<&Member, Refusal> {
        self.members.get(&member_id).ok_or(Refusal::MemberNotFound {
            member_id: Some(member_id),
        })
    }

    /// A member who has not left.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`] when nobody has this id or he left.
    pub fn present_member(&self, member_id: MemberId) -> Result<&Member, Refusal> {
        let member = self.member(member_id)?;
        if member.status == MemberStatus::Removed {
            return Err(Refusal::MemberNotFound {
                member_id: Some(member_id),
            });
        }
        Ok(member)
    }

    /// Everybody who ever was a member, in the order of their ids.
    pub fn members(&self) -> impl Iterator<Item = (MemberId, &Member)> {
        self.members.iter().map(|(id, member)| (*id, member))
    }

    /// What the school has of `service`; an empty pool when it never bought any.
    #[must_use]
    pub fn pool(&self, service: &ServiceId) -> Pool {
        self.pools.get(service).copied().unwrap_or_default()
    }

    /// A department that ever was.
    ///
    /// # Errors
    /// [`Refusal::DepartmentNotFound`] when none has this id.
    pub fn department(&self, department_id: DepartmentId) -> Result<&Department, Refusal> {
        self.departments
            .get(&department_id)
            .ok_or(Refusal::DepartmentNotFound { department_id })
    }

    /// A department that has not ended.
    ///
    /// # Errors
    /// [`Refusal::DepartmentNotFound`] when none has this id or it ended.
    pub fn open_department(&self, department_id: DepartmentId) -> Result<&Department, Refusal> {
        self.department(department_id)
            .ok()
            .filter(|department| !department.closed)
            .ok_or(Refusal::DepartmentNotFound { department_id })
    }

    /// Every department that ever was, in the order of their ids.
    pub fn departments(&self) -> impl Iterator<Item = (DepartmentId, &Department)> {
        self.departments
            .iter()
            .map(|(id, department)| (*id, department))
    }

    /// What a holder has of `service`; an empty line when it never had any.
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

    /// The department out of whose allocation a holder's comes; `None`: out of the school's pool.
    #[must_use]
    pub fn funded_by(&self, holder: Holder) -> Option<DepartmentId> {
        self.members.get(&holder.member_id()?)?.department_id
    }

    /// What the school has of `service`, or a department of it.
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

    /// The same, to be moved.
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

    /// The school's pools, in the order of their services' names.
    pub fn pools(&self) -> impl Iterator<Item = (&ServiceId, &Pool)> {
        self.pools.iter()
    }

    /// Units of each service in a period.
    #[must_use]
    pub fn totals(&self) -> Quotas {
        self.pools()
            .map(|(service, pool)| (service.clone(), pool.total))
            .collect()
    }

    /// The holds that are open.
    #[must_use]
    pub const fn holds(&self) -> &Holds {
        &self.holds
    }

    /// The requests that wait for a decision.
    #[must_use]
    pub const fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Roughly how many bytes of memory the state takes, for a cache that has a bound.
    #[must_use]
    pub fn weight(&self) -> usize {
        const MEMBER: usize = size_of::<(MemberId, Member)>() + 64;
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
            + self.holds.weight()
            + self.requests.weight()
    }
}
