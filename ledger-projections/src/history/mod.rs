//! History: changes of allocations and settings, with actor, reason, before and after.
//!
//! An entry per change and holder: a transfer has two, a rollover one per allocation. Usage is in
//! the rollups and in the log; later attributions and corrections of usage, and refusals (once a
//! minute), have entries.

mod apply;
mod entry;
pub mod read;

use ledger_core::catalog::Kind;

use crate::projection::{ProjectionName, ReadModel};

/// The read model of changes.
pub const HISTORY: ReadModel = ReadModel {
    name: ProjectionName::History,
    kinds: Some(&[
        Kind::SchoolRegistered,
        Kind::SubscriptionChanged,
        Kind::SettingsChanged,
        Kind::MemberEnrolled,
        Kind::MemberRoleChanged,
        Kind::MemberRemoved,
        Kind::MemberErased,
        Kind::DepartmentOpened,
        Kind::DepartmentClosed,
        Kind::MemberMoved,
        Kind::UnitsAllocated,
        Kind::UnitsRevoked,
        Kind::UnitsTransferred,
        Kind::AllocationTermsSet,
        Kind::MemberSuspended,
        Kind::MemberReactivated,
        Kind::UsageRefused,
        Kind::RequestFiled,
        Kind::RequestApproved,
        Kind::RequestRejected,
        Kind::RequestWithdrawn,
        Kind::RequestExpired,
        Kind::PeriodClosed,
        Kind::AllocationsRenewed,
        Kind::UsageAttributed,
        Kind::UsageCorrected,
    ]),
    tables: &["history_entry"],
    apply: |tx, build, page| Box::pin(apply::write_in_tx(tx, build, page)),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_has_entries_of_every_kind_except_usage() {
        let kinds = HISTORY.kinds.unwrap();
        let others: Vec<_> = Kind::ALL
            .iter()
            .filter(|kind| !kinds.contains(kind))
            .map(|kind| kind.as_str())
            .collect();
        assert_eq!(
            others,
            [
                "usage_debited",
                "hold_placed",
                "hold_settled",
                "hold_released",
                "hold_expired",
                "usage_reported",
                "usage_parked"
            ]
        );
    }
}
