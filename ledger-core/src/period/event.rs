//! Events at the end of a period.

use serde::{Deserialize, Serialize};

use super::calendar::Period;
use crate::allocation::{Holder, Priority};
use crate::ids::DepartmentId;
use crate::quantity::{Quota, Units};
use crate::service::ServiceId;

/// An event about periods.
#[derive(Clone, Debug, PartialEq)]
pub enum PeriodEvent {
    /// A period ended and the next one began, with used and held units at zero.
    Closed(PeriodClosed),
    /// Allocations were renewed in the new period, or lapsed.
    Renewed(AllocationsRenewed),
}

/// A period ended and the next one began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodClosed {
    /// The period that ended.
    pub closed: Period,
    /// The period that began at its end.
    pub opened: Period,
    /// The pools at the end of the period, ordered by service name.
    pub pools: Vec<PoolClosed>,
}

/// A pool at the end of its period. Units held then still change: a hold settles into the period in
/// which it was placed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolClosed {
    /// The service.
    pub service: ServiceId,
    /// Units bought.
    pub total: Quota,
    /// Σ of the allocations funded by the pool.
    pub allocated: Quota,
    /// Units used, by all holders.
    pub used: Units,
    /// Units held for calls in flight, by all holders.
    pub held: Units,
}

/// Allocations were renewed in the new period, or lapsed. One event has a part of them, which
/// limits its size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllocationsRenewed {
    /// The period that began.
    pub period: Period,
    /// The renewals. Allocations funded by departments come first, so that a department never has
    /// less than its members; within both groups in the order of the grants.
    pub rows: Vec<Renewal>,
}

/// The renewal or lapse of an allocation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Renewal {
    /// The holder.
    #[serde(flatten)]
    pub holder: Holder,
    /// The department that funds the allocation; `None` for the pool.
    #[serde(rename = "out_of", skip_serializing_if = "Option::is_none", default)]
    pub funded_by: Option<DepartmentId>,
    /// The service.
    pub service: ServiceId,
    /// The allocation in the period that ended.
    pub before: Quota,
    /// The allocation in the period that began; zero if it lapsed.
    pub after: Quota,
    /// The rank of the holder.
    pub priority: Priority,
}
