//! Roster: which school is it, who belongs to it, and to which department?

mod apply;
pub mod departments;
pub mod read;

use async_trait::async_trait;
use ledger_core::catalog::Kind;
use sqlx::PgConnection;

use crate::error::ApplyError;
use crate::projection::{Build, Projection, ProjectionName, SchoolEvents};

/// The read model of schools, their members and departments.
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
            Kind::DepartmentOpened,
            Kind::DepartmentClosed,
            Kind::MemberMoved,
        ])
    }

    fn tables(&self) -> &'static [&'static str] {
        &["roster_school", "roster_member", "roster_department"]
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
