//! History: who changed what, why, from what to what?
//!
//! An entry per change and holder whom it concerns: a transfer has two, the roll of a period one for
//! each allocation. Usage is no change; the rollups and the log have it. What somebody changed of it
//! afterwards is one. That it was refused is shown, once a minute.

mod apply;
mod entry;
pub mod read;

use async_trait::async_trait;
use ledger_core::catalog::Kind;
use sqlx::PgConnection;

use crate::error::ApplyError;
use crate::projection::{Build, Projection, ProjectionName, SchoolEvents};

/// The read model of changes.
#[derive(Clone, Copy, Debug)]
pub struct History;

#[async_trait]
impl Projection for History {
    fn name(&self) -> ProjectionName {
        ProjectionName::History
    }

    fn kinds(&self) -> Option<&'static [Kind]> {
        Some(&[
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
        ])
    }

    fn tables(&self) -> &'static [&'static str] {
        &["history_entry"]
    }

    async fn apply_in_tx(
        &self,
        tx: &mut PgConnection,
        build: Build,
        page: &[SchoolEvents<'_>],
    ) -> Result<(), ApplyError> {
        apply::write_in_tx(tx, build, page).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_looks_at_every_kind_but_those_of_usage() {
        let looked_at = History.kinds().unwrap();
        let others: Vec<_> = Kind::ALL
            .iter()
            .filter(|kind| !looked_at.contains(kind))
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
