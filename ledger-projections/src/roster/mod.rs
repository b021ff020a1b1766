//! Roster: which school is it, and who belongs to it?

mod apply;
pub mod read;

use async_trait::async_trait;
use ledger_core::catalog::Kind;
use sqlx::PgConnection;

use crate::error::ApplyError;
use crate::projection::{Build, Projection, ProjectionName, SchoolEvents};

/// The read model of schools and their members.
#[derive(Clone, Copy, Debug)]
pub struct Roster;

#[async_trait]
impl Projection for Roster {
    fn name(&self) -> ProjectionName {
        ProjectionName::Roster
    }

    fn kinds(&self) -> Option<&'static [Kind]> {
        Some(&[
            Kind::SchoolRegistered,
            Kind::SubscriptionChanged,
            Kind::SettingsChanged,
            Kind::MemberEnrolled,
            Kind::MemberRoleChanged,
            Kind::MemberRemoved,
            Kind::MemberSuspended,
            Kind::MemberReactivated,
        ])
    }

    fn tables(&self) -> &'static [&'static str] {
        &["roster_school", "roster_member"]
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
