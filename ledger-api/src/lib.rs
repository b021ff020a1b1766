//! The HTTP face of Allocation Ledger: parses and authorises, hands commands to the writer, reads
//! read models. It decides nothing.

pub mod allocation_csv;
pub mod auth;
pub mod config;
pub mod convention;
pub mod limits;
pub mod problem;
pub mod router;
pub mod routes;
pub mod server;
pub mod state;
pub mod telemetry;

pub use state::AppState;
