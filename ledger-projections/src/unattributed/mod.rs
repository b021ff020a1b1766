//! Unattributed: which usage is still nobody's, or of no known service?
//!
//! A row for each report that was parked, until it is given to a member. The subject that nobody is
//! known by stands beside the log; a read joins it.

mod apply;
pub mod read;

use async_trait::async_trait;
use ledger_core::catalog::Kind;
use sqlx::PgConnection;

use crate::error::ApplyError;
use crate::projection::{Build, Projection, ProjectionName, SchoolEvents};

/// The read model of unattributed usage.
#[derive(Clone, Copy, Debug)]
pub struct Unattributed;

#[async_trait]
impl Projection for Unattributed {
    fn name(&self) -> ProjectionName {
        ProjectionName::Unattributed
    }

    fn kinds(&self) -> Option<&'static [Kind]> {
        Some(&[Kind::UsageParked, Kind::UsageAttributed])
    }

    fn tables(&self) -> &'static [&'static str] {
        &["unattributed_usage"]
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
