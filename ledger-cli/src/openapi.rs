//! `ledger openapi`

use ledger_api::router::openapi;

use crate::failure::Failure;
use crate::output::print_json;

/// Print openapi.json, the description of the HTTP API (OpenAPI 3.1)
#[derive(Debug, clap::Args)]
pub struct Openapi {}

impl Openapi {
    /// Prints it, objects in the order of their keys, so that the same program prints the same.
    pub fn run(self) -> Result<(), Failure> {
        print_json(&serde_json::to_value(openapi()).map_err(Failure::no)?)
    }
}
