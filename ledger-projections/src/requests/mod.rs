//! Requests: allocation requests and their outcomes.
//!
//! A row per request, pending or closed. In a read a request is expired from its `expires_at` on by
//! the reader's clock, recorded or not.

mod apply;
pub mod read;

use ledger_core::catalog::Kind;

use crate::projection::{ProjectionName, ReadModel};

/// The read model of requests.
pub const REQUESTS: ReadModel = ReadModel {
    name: ProjectionName::Requests,
    kinds: Some(&[
        Kind::RequestFiled,
        Kind::RequestApproved,
        Kind::RequestRejected,
        Kind::RequestWithdrawn,
        Kind::RequestExpired,
    ]),
    tables: &["request"],
    apply: |tx, build, page| Box::pin(apply::write_in_tx(tx, build, page)),
};
