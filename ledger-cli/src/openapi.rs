//! `ledger openapi`

use ledger_api::router::openapi;

use crate::failure::Failure;
use crate::output::print_json;

/// Print openapi.json, the description of the HTTP API (OpenAPI 3.1)
#[derive(Debug, clap::Args)]
pub struct Openapi {}

impl Openapi {
    /// Prints objects in the order of their keys, so that the output is reproducible.
    pub fn run(self) -> Result<(), Failure> {
        print_json(&serde_json::to_value(openapi())?)
    }
}
