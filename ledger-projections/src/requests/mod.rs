//! Requests: who asks for what, and what became of it?
//!
//! A row per request, pending or closed. A read takes its own clock: what has run out by then is
//! expired, whether or not anybody has recorded it.

mod apply;
pub mod read;

use async_trait::async_trait;
use ledger_core::catalog::Kind;
use sqlx::PgConnection;

use crate::error::ApplyError;
use crate::projection::{Build, Projection, ProjectionName, SchoolEvents};

/// The read model of requests.
#[derive(Clone, Copy, Debug)]
pub struct Requests;

#[async_trait]
impl Projection for Requests {
    fn name(&self) -> ProjectionName {
        ProjectionName::Requests
    }

    fn kinds(&self) -> Option<&'static [Kind]> {
        Some(&[
            Kind::RequestFiled,
            Kind::RequestApproved,
            Kind::RequestRejected,
            Kind::RequestWithdrawn,
            Kind::RequestExpired,
        ])
    }

    fn tables(&self) -> &'static [&'static str] {
        &["request"]
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
