//! Why a command is refused: every reason on one page, each with what the caller needs to act.

use serde::Serialize;

use crate::ids::{DepartmentId, EventId, ExternalId, Key, MemberId, RequestId};
use crate::plan::{Catalogue, Management, Tier};
use crate::quantity::{Quota, Units};
use crate::request::RequestStatus;
use crate::service::ServiceId;
use crate::time::Timestamp;

/// Why a command is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// There is no such school.
    #[error("there is no such school")]
    SchoolNotFound,
    /// The school is registered already.
    #[error("the school is registered already")]
    SchoolExists,
    /// There is no such member, or he left. Without an id: nobody has the external id.
    #[error("the school has no such member")]
    MemberNotFound {
        /// The id that nobody has.
        member_id: Option<MemberId>,
    },
    /// The member is enrolled already.
    #[error("member {member_id} is enrolled already")]
    MemberExists {
        /// Who.
        member_id: MemberId,
    },
    /// A member to enrol has the nil id, which stands for nobody: the ledger itself acts under it.
    #[error("the nil UUID is nobody's; a member needs another id")]
    NilMember,
    /// There is no such department, or it ended.
    #[error("the school has no such department")]
    DepartmentNotFound {
        /// The id that none has.
        department_id: DepartmentId,
    },
    /// There is or was a department of this id.
    #[error("there is or was a department {department_id}; another needs another id")]
    DepartmentExists {
        /// Which.
        department_id: DepartmentId,
    },
    /// A department to open has the nil id, which stands for none.
    #[error("the nil UUID is no department's; it needs another id")]
    NilDepartment,
    /// A department that is to end has members.
    #[error("{members} members are in the department; move them first")]
    DepartmentNotEmpty {
        /// Which.
        department_id: DepartmentId,
        /// How many are in it.
        members: usize,
    },
    /// Another member has the external id.
    #[error("another member of the school has this external id")]
    ExternalIdTaken {
        /// The id.
        external_id: ExternalId,
    },
    /// An individual is a school of one member.
    #[error("an individual school has one member and no more")]
    IndividualIsOneMember,
    /// The member is suspended.
    #[error("the member is suspended; a principal can reactivate him")]
    MemberSuspended {
        /// Who.
        member_id: MemberId,
    },
    /// No service has this name or alias.
    #[error("there is no service {name:?}; the catalogue lists the services")]
    UnknownService {
        /// The name.
        name: String,
    },
    /// The school's plan does not include the command.
    #[error(
        "the plan includes {} allocation management, this needs {}",
        has.as_str(), needs.as_str()
    )]
    PlanRequired {
        /// What the plan switches on.
        has: Management,
        /// What the command needs.
        needs: Management,
        /// The least tier that has it for a school of this type, if any has.
        tier: Option<Tier>,
    },
    /// The plan asked for has no allocation management, and members still hold unused units.
    #[error(
        "{allocated} unused units of {service} are allocated and the plan asked for has no \
         allocations; revoke them first, or have them reclaimed by priority"
    )]
    AllocationsOutstanding {
        /// Of which service.
        service: ServiceId,
        /// How much is allocated and not used.
        allocated: Quota,
    },
    /// An amount does not fit or a rule on amounts is broken.
    #[error("{0}")]
    Shortfall(Box<Shortfall>),
    /// An amount that must be above zero is not.
    #[error("the units must be more than zero")]
    NothingAsked,
    /// A transfer names the same holder as giver and taker.
    #[error("a transfer needs two different holders")]
    TransferToSelf,
    /// A transfer is between a department and a member of it.
    #[error(
        "a member's allocation comes out of his department's: add to it or revoke from it, and \
         the department has so much less or more left"
    )]
    TransferWithinDepartment,
    /// A batch names the same holder and service twice; only transfers may come together.
    #[error("the batch names this holder and service in an earlier row; put them together")]
    RepeatedRow,
    /// Some rows of a batch are refused, so none is done.
    #[error("{} of the rows are refused, so none was done", .0.len())]
    Rows(Vec<RowRefusal>),
    /// Units of all calls together would not fit into 64 bits.
    #[error("the amount does not fit: sums are kept in 64 bits")]
    AmountOutOfRange,
    /// The usage is said to lie in the future.
    #[error("occurred_at is more than {limit_seconds} s ahead of {now}")]
    OccurredInFuture {
        /// The ledger's clock.
        now: Timestamp,
        /// How far ahead is forgiven.
        limit_seconds: i64,
    },
    /// There is no such hold.
    #[error("there is no hold {hold_id}")]
    HoldNotFound {
        /// The id.
        hold_id: Key,
    },
    /// There is no such usage.
    #[error("there is no such usage in the school's log")]
    UsageNotFound {
        /// The id of its event.
        usage_id: EventId,
    },
    /// Usage that is nobody's yet counts nowhere, so nothing can be refunded.
    #[error("the usage is nobody's yet; attribute it to a member first")]
    UsageUnattributed {
        /// The id of its event.
        usage_id: EventId,
    },
    /// More is asked back than the usage was.
    #[error(
        "{asked} units asked back, the usage was {units} and {refunded} of them are refunded already"
    )]
    CorrectionExceedsUsage {
        /// The units of the usage.
        units: Units,
        /// Those that are refunded already.
        refunded: Units,
        /// Those asked back.
        asked: Units,
    },
    /// The hold was closed the other way: released, not settled, or settled, not released.
    #[error("hold {hold_id} is closed already")]
    HoldClosed {
        /// The id.
        hold_id: Key,
    },
    /// The school does not let teachers ask for more themselves.
    #[error("the school's teachers do not ask for units themselves; a principal can ask for one")]
    SelfServiceOff,
    /// The member has a pending request for the service.
    #[error(
        "a request for {service} is pending; it is decided or withdrawn before another is filed"
    )]
    RequestPending {
        /// The pending request.
        request_id: RequestId,
        /// The service that both ask for.
        service: ServiceId,
    },
    /// There is no such request.
    #[error("there is no request {request_id}")]
    RequestNotFound {
        /// The id.
        request_id: RequestId,
    },
    /// The request is decided, taken back or expired, for ever.
    #[error("request {request_id} is {status} and stays so")]
    RequestClosed {
        /// The id.
        request_id: RequestId,
        /// How it ended.
        status: RequestStatus,
    },
    /// Somebody would decide on his own request.
    #[error("nobody decides on his own request; somebody else does")]
    OwnRequest {
        /// The id.
        request_id: RequestId,
    },
    /// More would be granted than was asked for.
    #[error("{granted} units of {service} would be granted, {asked} were asked for")]
    GrantAboveAsked {
        /// Of which service.
        service: ServiceId,
        /// What the request asks for.
        asked: Units,
        /// What would be granted.
        granted: Units,
    },
    /// A request names a service twice, by name or alias.
    #[error("{service} is named twice; put its units together")]
    RepeatedService {
        /// Which.
        service: ServiceId,
    },
}

/// A row of a batch that is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct RowRefusal {
    /// Its index in the batch, from 0.
    pub index: usize,
    /// Why.
    pub refusal: Refusal,
}

/// A rule on amounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// used + held + asked ≤ allocated.
    QuotaExceeded,
    /// Σ allocated ≤ total, of the school or of a department.
    PoolExceeded,
    /// A member's allocation ≤ the cap per member.
    MemberCapExceeded,
    /// An allocation ≥ used + held.
    AllocationBelowUsage,
    /// A total ≥ used + held.
    TotalBelowUsage,
    /// A total ≥ Σ allocated, of the school or of a department.
    TotalBelowAllocated,
}

impl Rule {
    /// The rule's word in problem types.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QuotaExceeded => "quota-exceeded",
            Self::PoolExceeded => "pool-exceeded",
            Self::MemberCapExceeded => "member-cap-exceeded",
            Self::AllocationBelowUsage => "allocation-below-usage",
            Self::TotalBelowUsage => "total-below-usage",
            Self::TotalBelowAllocated => "total-below-allocated",
        }
    }
}

/// On whose account an amount stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The member's own allocation.
    Member,
    /// The allocation of the member's department.
    Department,
    /// The school's pool.
    Pool,
}

impl Level {
    /// The word in JSON and in columns.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Department => "department",
            Self::Pool => "pool",
        }
    }
}

/// An amount that does not fit, with every number that explains it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shortfall {
    /// Which rule.
    pub rule: Rule,
    /// On whose account.
    pub level: Level,
    /// Of which service.
    pub service: ServiceId,
    /// The most (or, lowering, the least) that the rule allows in all.
    pub limit: Quota,
    /// Units used in the period.
    pub used: Units,
    /// Units held for calls in flight.
    pub held: Units,
    /// What was asked for.
    pub asked: Quota,
    /// What could have been had.
    pub available: Quota,
    /// When what was used starts again from zero.
    pub resets_at: Timestamp,
}

impl std::fmt::Display for Shortfall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            service,
            limit,
            used,
            held,
            asked,
            available,
            ..
        } = self;
        match self.rule {
            Rule::QuotaExceeded => write!(
                f,
                "{asked} units of {service} asked for, {available} available \
                 (limit {limit}, used {used}, held {held})"
            ),
            Rule::PoolExceeded => write!(
                f,
                "{asked} units of {service} asked for, {available} of the {}'s {limit} are \
                 not allocated",
                match self.level {
                    Level::Department => "department",
                    Level::Member | Level::Pool => "pool",
                }
            ),
            Rule::MemberCapExceeded => {
                write!(
                    f,
                    "{asked} units of {service} asked for, a member may hold {limit}"
                )
            }
            Rule::AllocationBelowUsage => write!(
                f,
                "an allocation of {service} cannot go below {limit}: {used} are used and {held} \
                 held"
            ),
            Rule::TotalBelowUsage => write!(
                f,
                "a total of {asked} {service} asked for, {used} are used and {held} held, so it \
                 cannot be less than {limit}"
            ),
            Rule::TotalBelowAllocated if self.level == Level::Department => write!(
                f,
                "{asked} units of {service} asked for, {limit} of the department's are allocated \
                 to its members or used, {available} can be had; revoke from them first"
            ),
            Rule::TotalBelowAllocated => write!(
                f,
                "a total of {asked} {service} asked for, {limit} are allocated; revoke first, or \
                 reclaim by priority"
            ),
        }
    }
}

/// The service of that name or alias.
pub(crate) fn known_service(catalogue: &Catalogue, name: &str) -> Result<ServiceId, Refusal> {
    catalogue
        .resolve(name)
        .cloned()
        .ok_or_else(|| Refusal::UnknownService {
            name: name.to_owned(),
        })
}
