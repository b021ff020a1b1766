//! What a school's events amount to: all that a decision looks at, and no more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::allocation::{Line, Pool};
use crate::ids::{Key, MemberId, Seq};
use crate::period::Renewals;
use crate::plan::{Management, Quotas};
use crate::refusal::Refusal;
use crate::request::Requests;
use crate::school::{Leavers, Member, School, Standing};
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
    pub(crate) members: BTreeMap<MemberId, Member>,
    pub(crate) leavers: Leavers,
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
            members: BTreeMap::new(),
            leavers: Leavers::default(),
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
        if member.standing == Standing::Removed {
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
        const LINE: usize = size_of::<(ServiceId, Line)>();
        let lines: usize = self
            .members
            .values()
            .map(|member| member.lines.capacity())
            .sum();
        1_024
            + self.members.len() * MEMBER
            + lines * LINE
            + self.holds.weight()
            + self.requests.weight()
    }
}
