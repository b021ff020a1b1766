//! Balances of a school, a department and a member.

use ledger_projections::balance::departments;
use ledger_projections::balance::read;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::values::{Level, PeriodAnswer, Priority, Quota, Seq, ServiceId, Standing, Units};

/// The balance of a school in a billing cycle.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SchoolBalance {
    /// The last event included.
    seq: Seq,
    /// The billing cycle.
    period: PeriodAnswer,
    /// The pools, in the order of the services' names.
    services: Vec<PoolBalance>,
}

impl From<read::SchoolBalance> for SchoolBalance {
    fn from(balance: read::SchoolBalance) -> Self {
        let services = balance.services.into_iter();
        Self {
            seq: balance.seq.into(),
            period: balance.period.into(),
            services: services.map(PoolBalance::from).collect(),
        }
    }
}

/// The pool of a service.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PoolBalance {
    service: ServiceId,
    /// The units bought.
    total: Quota,
    /// Allocated to departments, and to members without a department.
    allocated: Quota,
    /// Neither allocated nor used or held straight from the pool.
    unallocated: Quota,
    /// Used by all members.
    used: Units,
    /// Held by all members for calls in flight.
    held: Units,
    /// total − used − held.
    available: Quota,
}

impl From<read::PoolBalance> for PoolBalance {
    fn from(pool: read::PoolBalance) -> Self {
        Self {
            service: pool.service.into(),
            total: pool.total.into(),
            allocated: pool.allocated.into(),
            unallocated: pool.unallocated.into(),
            used: pool.used.into(),
            held: pool.held.into(),
            available: pool.available.into(),
        }
    }
}

/// The balance of a department in a billing cycle.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DepartmentBalance {
    /// The last event included.
    seq: Seq,
    /// The billing cycle.
    period: PeriodAnswer,
    department_id: Uuid,
    closed: bool,
    /// The allocations, in the order of the services' names.
    services: Vec<DepartmentLineBalance>,
}

impl From<departments::DepartmentBalance> for DepartmentBalance {
    fn from(balance: departments::DepartmentBalance) -> Self {
        let services = balance.services.into_iter();
        Self {
            seq: balance.seq.into(),
            period: balance.period.into(),
            department_id: balance.department_id.0,
            closed: balance.closed,
            services: services.map(DepartmentLineBalance::from).collect(),
        }
    }
}

/// A department's allocation of a service.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DepartmentLineBalance {
    service: ServiceId,
    /// Allocated to the department from the pool.
    allocated: Quota,
    /// Allocated to members from the department's allocation.
    to_members: Quota,
    /// Neither allocated to members nor used or held straight from the department.
    unallocated: Quota,
    /// Used by all members of the department.
    used: Units,
    /// Held by all members of the department for calls in flight.
    held: Units,
    /// allocated − used − held, never below zero.
    available: Quota,
    priority: Priority,
    /// Whether the allocation is granted again in the next period.
    auto_renew: bool,
}

impl From<departments::DepartmentLineBalance> for DepartmentLineBalance {
    fn from(line: departments::DepartmentLineBalance) -> Self {
        Self {
            service: line.service.into(),
            allocated: line.allocated.into(),
            to_members: line.to_members.into(),
            unallocated: line.unallocated.into(),
            used: line.used.into(),
            held: line.held.into(),
            available: line.available.into(),
            priority: line.priority.into(),
            auto_renew: line.auto_renew,
        }
    }
}

/// The balance of a member in a billing cycle.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MemberBalance {
    /// The last event included.
    seq: Seq,
    /// The billing cycle.
    period: PeriodAnswer,
    status: Standing,
    /// The accounts, in the order of the services' names. Where members draw straight on the pool
    /// the numbers are the pool's.
    services: Vec<LineBalance>,
}

impl From<read::MemberBalance> for MemberBalance {
    fn from(balance: read::MemberBalance) -> Self {
        let services = balance.services.into_iter();
        Self {
            seq: balance.seq.into(),
            period: balance.period.into(),
            status: balance.status.into(),
            services: services.map(LineBalance::from).collect(),
        }
    }
}

/// The account of a service that a member draws on.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LineBalance {
    service: ServiceId,
    allocated: Quota,
    used: Units,
    /// Held for calls in flight.
    held: Units,
    /// allocated − used − held, never below zero.
    available: Quota,
    /// The level of the account that the member's next call draws on. Above the member's own level
    /// the numbers are those of all who draw on the account.
    level: Level,
    priority: Priority,
    /// Whether the allocation is granted again in the next period.
    auto_renew: bool,
}

impl From<read::LineBalance> for LineBalance {
    fn from(line: read::LineBalance) -> Self {
        Self {
            service: line.service.into(),
            allocated: line.allocated.into(),
            used: line.used.into(),
            held: line.held.into(),
            available: line.available.into(),
            level: line.level.into(),
            priority: line.priority.into(),
            auto_renew: line.auto_renew,
        }
    }
}
