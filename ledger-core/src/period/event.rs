//! What happened where one period ended and the next began.

use serde::{Deserialize, Serialize};

use super::calendar::Period;
use crate::allocation::{Holder, Priority};
use crate::ids::DepartmentId;
use crate::quantity::{Quota, Units};
use crate::service::ServiceId;

/// A fact about periods.
#[derive(Clone, Debug, PartialEq)]
pub enum PeriodEvent {
    /// A period ended and the next one began: used and held start at zero.
    Closed(PeriodClosed),
    /// Allocations were granted again in the new period, or lapsed.
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
    /// How the pools stood at the end, in the order of their services' names.
    pub pools: Vec<PoolClosed>,
}

/// How a pool stood when its period ended. What was held then still moves: it settles into the
/// period in which it was placed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolClosed {
    /// Of which service.
    pub service: ServiceId,
    /// Units bought.
    pub total: Quota,
    /// Σ of the allocations that came out of it.
    pub allocated: Quota,
    /// Units used by all.
    pub used: Units,
    /// Units held for calls in flight by all.
    pub held: Units,
}

/// Allocations were granted again in the new period, or lapsed: some of them, so that an event has
/// a size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllocationsRenewed {
    /// The period that began.
    pub period: Period,
    /// What came of each allocation: those out of departments' first, so that no department ever
    /// has less than its members hold; each kind in the order in which they were granted.
    pub rows: Vec<Renewal>,
}

/// What came of an allocation in a new period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Renewal {
    /// Whose.
    #[serde(flatten)]
    pub holder: Holder,
    /// The department out of whose allocation it comes; `None`: out of the pool.
    #[serde(rename = "out_of", skip_serializing_if = "Option::is_none", default)]
    pub funded_by: Option<DepartmentId>,
    /// Of which service.
    pub service: ServiceId,
    /// Allocated in the period that ended.
    pub before: Quota,
    /// Allocated in the period that began; zero where it lapsed.
    pub after: Quota,
    /// How the holder ranks.
    pub priority: Priority,
}
