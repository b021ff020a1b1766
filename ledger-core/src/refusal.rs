//! Every reason for which a command is refused, with the data that the caller needs to act.

use serde::Serialize;

use crate::ids::{DepartmentId, EventId, ExternalId, Key, MemberId, RequestId};
use crate::plan::{Catalogue, Management, Tier};
use crate::quantity::{Quota, Units};
use crate::request::RequestStatus;
use crate::service::ServiceId;
use crate::time::Timestamp;
use crate::vocabulary::vocabulary;

/// The reason for which a command is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The school does not exist.
    #[error("the school does not exist")]
    SchoolNotFound,
    /// The school is already registered.
    #[error("the school is already registered")]
    SchoolExists,
    /// The member does not exist or was removed.
    #[error("the school has no such member")]
    MemberNotFound {
        /// The id; `None` if no member has the external id.
        member_id: Option<MemberId>,
    },
    /// The member is already enrolled.
    #[error("member {member_id} is already enrolled")]
    MemberExists {
        /// The member.
        member_id: MemberId,
    },
    /// The nil UUID cannot be the id of a member: it is the ledger's own actor id.
    #[error("the nil UUID cannot be the id of a member")]
    NilMember,
    /// The department does not exist or is closed.
    #[error("the school has no such department")]
    DepartmentNotFound {
        /// The id.
        department_id: DepartmentId,
    },
    /// The department id is or was in use.
    #[error("department id {department_id} is or was in use; choose another")]
    DepartmentExists {
        /// The id.
        department_id: DepartmentId,
    },
    /// The nil UUID cannot be the id of a department: it means no department.
    #[error("the nil UUID cannot be the id of a department")]
    NilDepartment,
    /// The department to close has members.
    #[error("the department has {members} members; move them first")]
    DepartmentNotEmpty {
        /// The id.
        department_id: DepartmentId,
        /// The number of members.
        members: usize,
    },
    /// Another member has the external id.
    #[error("another member of the school has this external id")]
    ExternalIdTaken {
        /// The id.
        external_id: ExternalId,
    },
    /// An individual school has exactly one member.
    #[error("an individual school has exactly one member")]
    IndividualIsOneMember,
    /// The member is suspended.
    #[error("the member is suspended; a principal can reactivate them")]
    MemberSuspended {
        /// The member.
        member_id: MemberId,
    },
    /// No service has this name or alias.
    #[error("the catalogue has no service {name:?}")]
    UnknownService {
        /// The name.
        name: String,
    },
    /// The school's plan does not include the operation.
    #[error(
        "the plan includes allocation management {:?}, the operation needs {:?}",
        has.as_str(), needs.as_str()
    )]
    PlanRequired {
        /// The plan's allocation management.
        has: Management,
        /// The required allocation management.
        needs: Management,
        /// The lowest tier with it for this org type, if any.
        tier: Option<Tier>,
    },
    /// The new plan has no allocation management, and members hold unused units.
    #[error(
        "{allocated} unused units of {service} are allocated, and the new plan has no allocations; \
         revoke them first, or reclaim by priority"
    )]
    AllocationsOutstanding {
        /// The service.
        service: ServiceId,
        /// The allocated, unused units.
        allocated: Quota,
    },
    /// A rule on amounts is violated.
    #[error("{0}")]
    Shortfall(Box<Shortfall>),
    /// An amount that must be positive is zero.
    #[error("units must be greater than zero")]
    NothingAsked,
    /// Both holders of a transfer are the same.
    #[error("a transfer needs two different holders")]
    TransferToSelf,
    /// The transfer is between a department and one of its members.
    #[error(
        "a member's allocation is part of their department's; use add or revoke instead of a \
         transfer"
    )]
    TransferWithinDepartment,
    /// Two rows of a batch, other than transfers, have the same holder and service.
    #[error("an earlier row has the same holder and service; combine them")]
    RepeatedRow,
    /// Rows of a batch are refused; no row is applied.
    #[error("{} rows are refused; no row was applied", .0.len())]
    Rows(Vec<RowRefusal>),
    /// A sum of units does not fit into 64 bits.
    #[error("a sum exceeds 64 bits")]
    AmountOutOfRange,
    /// The usage is dated in the future.
    #[error("occurred_at is more than {limit_seconds} s after {now}")]
    OccurredInFuture {
        /// The ledger's clock.
        now: Timestamp,
        /// The accepted difference.
        limit_seconds: i64,
    },
    /// The hold does not exist.
    #[error("hold {hold_id} does not exist")]
    HoldNotFound {
        /// The id.
        hold_id: Key,
    },
    /// The usage does not exist.
    #[error("the school's log has no such usage")]
    UsageNotFound {
        /// The id of its event.
        usage_id: EventId,
    },
    /// Unattributed usage counts nowhere, so nothing can be refunded.
    #[error("the usage is not attributed to a member; assign it first")]
    UsageUnattributed {
        /// The id of its event.
        usage_id: EventId,
    },
    /// The refund exceeds the usage.
    #[error("cannot refund {asked} units: the usage has {units}, {refunded} of which are refunded")]
    CorrectionExceedsUsage {
        /// The units of the usage.
        units: Units,
        /// The units refunded before.
        refunded: Units,
        /// The units to refund.
        asked: Units,
    },
    /// The hold to settle was released, or the hold to release was settled.
    #[error("hold {hold_id} is already closed")]
    HoldClosed {
        /// The id.
        hold_id: Key,
    },
    /// The school does not allow teachers to file requests.
    #[error("self-service requests are off; a principal can file the request")]
    SelfServiceOff,
    /// The member has a pending request for the service.
    #[error("the member already has a pending request for {service}")]
    RequestPending {
        /// The pending request.
        request_id: RequestId,
        /// The service in both requests.
        service: ServiceId,
    },
    /// The request does not exist.
    #[error("request {request_id} does not exist")]
    RequestNotFound {
        /// The id.
        request_id: RequestId,
    },
    /// The request is approved, rejected, withdrawn or expired.
    #[error("request {request_id} is already {status}")]
    RequestClosed {
        /// The id.
        request_id: RequestId,
        /// The outcome.
        status: RequestStatus,
    },
    /// The actor is the member that the request is for.
    #[error("a request cannot be decided by the member that it is for")]
    OwnRequest {
        /// The id.
        request_id: RequestId,
    },
    /// The grant exceeds the request.
    #[error("cannot grant {granted} units of {service}: the request is for {asked}")]
    GrantAboveAsked {
        /// The service.
        service: ServiceId,
        /// The units in the request.
        asked: Units,
        /// The units to grant.
        granted: Units,
    },
    /// A request names a service twice, by name or alias.
    #[error("{service} is named twice; combine its units")]
    RepeatedService {
        /// The service.
        service: ServiceId,
    },
}

/// A refused row of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct RowRefusal {
    /// Its index in the batch, from 0.
    pub index: usize,
    /// The reason.
    pub refusal: Refusal,
}

vocabulary! {
    /// A rule on amounts.
    pub enum Rule {
        QuotaExceeded = "quota-exceeded" => "used + held + asked ≤ allocated.",
        PoolExceeded = "pool-exceeded" => "Σ allocated ≤ total, at every level.",
        MemberCapExceeded = "member-cap-exceeded" => "A member's allocation ≤ the cap per member.",
        AllocationBelowUsage = "allocation-below-usage" => "An allocation ≥ used + held.",
        TotalBelowUsage = "total-below-usage" => "A total ≥ used + held.",
        TotalBelowAllocated = "total-below-allocated" => "A total ≥ Σ allocated, at every level.",
    }

    /// The account of an amount.
    pub enum Level {
        Member = "member" => "The member's own allocation.",
        Department = "department" => "The allocation of the member's department.",
        Pool = "pool" => "The school's pool.",
    }
}

/// A violated rule on amounts, with all numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shortfall {
    /// The rule.
    pub rule: Rule,
    /// The account.
    pub level: Level,
    /// The service.
    pub service: ServiceId,
    /// The maximum (when lowering, the minimum) that the rule allows.
    pub limit: Quota,
    /// Units used in the period.
    pub used: Units,
    /// Units held for calls in flight.
    pub held: Units,
    /// The requested amount.
    pub asked: Quota,
    /// The amount that is possible.
    pub available: Quota,
    /// When used units return to zero.
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
                "{asked} units of {service} requested, {available} available (limit {limit}, used \
                 {used}, held {held})"
            ),
            Rule::PoolExceeded => write!(
                f,
                "{asked} units of {service} requested, {available} of the {}'s {limit} are \
                 unallocated",
                match self.level {
                    Level::Department => "department",
                    Level::Member | Level::Pool => "pool",
                }
            ),
            Rule::MemberCapExceeded => {
                write!(
                    f,
                    "{asked} units of {service} requested, the cap per member is {limit}"
                )
            }
            Rule::AllocationBelowUsage => write!(
                f,
                "the allocation of {service} cannot be less than {limit}: {used} are used, {held} \
                 held"
            ),
            Rule::TotalBelowUsage => write!(
                f,
                "the total of {service} cannot be {asked}: {used} are used and {held} held, so the \
                 minimum is {limit}"
            ),
            Rule::TotalBelowAllocated if self.level == Level::Department => write!(
                f,
                "{asked} units of {service} requested, {limit} of the department's are allocated \
                 to members or used; possible is {available}"
            ),
            Rule::TotalBelowAllocated => write!(
                f,
                "the total of {service} cannot be {asked}: {limit} are allocated; revoke first, or \
                 reclaim by priority"
            ),
        }
    }
}

/// Returns the service with this name or alias.
pub(crate) fn known_service(catalogue: &Catalogue, name: &str) -> Result<ServiceId, Refusal> {
    catalogue
        .resolve(name)
        .cloned()
        .ok_or_else(|| Refusal::UnknownService {
            name: name.to_owned(),
        })
}
