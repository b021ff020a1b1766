//! Unattributed: reported usage whose member or service is unknown.
//!
//! A row per parked report, until it is attributed to a member. Unknown subjects are personal data
//! and kept beside the log; a read joins them.

mod apply;
pub mod read;

use ledger_core::catalog::Kind;

use crate::projection::{ProjectionName, ReadModel};

/// The read model of unattributed usage.
pub const UNATTRIBUTED: ReadModel = ReadModel {
    name: ProjectionName::Unattributed,
    kinds: Some(&[Kind::UsageParked, Kind::UsageAttributed]),
    tables: &["unattributed_usage"],
    apply: |tx, build, page| Box::pin(apply::write_in_tx(tx, build, page)),
};
