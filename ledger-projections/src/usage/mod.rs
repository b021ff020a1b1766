//! Usage: daily rollups by member, department, service, model and outcome.
//!
//! Days are those of the school's time zone; a month is the sum of its days. A call counts on the
//! day on which it occurred, for the department that the member was then in, whenever it was
//! recorded, attributed or refunded. A refund subtracts units and leaves requests: the calls were
//! made.

mod apply;
mod bucket;
pub mod read;
mod sums;

use ledger_core::catalog::Kind;

pub use bucket::Granularity;

use crate::projection::{ProjectionName, ReadModel};

/// The read model of usage.
pub const USAGE: ReadModel = ReadModel {
    name: ProjectionName::Usage,
    kinds: Some(&[
        Kind::SchoolRegistered,
        Kind::UsageDebited,
        Kind::HoldSettled,
        Kind::UsageRefused,
        Kind::UsageReported,
        Kind::UsageAttributed,
        Kind::UsageCorrected,
    ]),
    tables: &["usage_calendar", "usage_rollup"],
    apply: |tx, build, page| Box::pin(apply::write_in_tx(tx, build, page)),
};
