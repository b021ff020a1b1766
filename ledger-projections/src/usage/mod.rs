//! Usage: how much, when, by whom, of what, at what cost?
//!
//! Sums per day of the school's own time zone, member, department that he was in then, service, model
//! and outcome; a month is the sum of its days. A call counts in the day in which it occurred, whenever it was recorded, given
//! to somebody or refunded. A refund takes units away and leaves the requests: they were made.

mod apply;
mod bucket;
pub mod read;
mod sums;

use async_trait::async_trait;
use ledger_core::catalog::Kind;
use sqlx::PgConnection;

pub use bucket::Granularity;

use crate::error::ApplyError;
use crate::projection::{Build, Projection, ProjectionName, SchoolEvents};

/// The read model of usage.
#[derive(Clone, Copy, Debug)]
pub struct Usage;

#[async_trait]
impl Projection for Usage {
    fn name(&self) -> ProjectionName {
        ProjectionName::Usage
    }

    fn kinds(&self) -> Option<&'static [Kind]> {
        Some(&[
            Kind::SchoolRegistered,
            Kind::UsageDebited,
            Kind::HoldSettled,
            Kind::UsageRefused,
            Kind::UsageReported,
            Kind::UsageAttributed,
            Kind::UsageCorrected,
        ])
    }

    fn tables(&self) -> &'static [&'static str] {
        &["usage_calendar", "usage_rollup"]
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
