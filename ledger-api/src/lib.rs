//! The HTTP API of Allocation Ledger: parses and authorises requests, submits commands to the
//! writer and reads the read models. It contains no quota rules.
//!
//! Each module uses only those to its left:
//! `limits`, `values`, `problem`, `openapi`, `http`, `auth`, `state`, `reads`, `command`,
//! `allocation_csv`, `routes`, `router`.

pub mod allocation_csv;
pub mod auth;
pub mod command;
pub mod http;
pub mod limits;
pub mod openapi;
pub mod problem;
pub mod reads;
pub mod router;
pub mod routes;
pub mod state;
pub mod values;

pub use state::AppState;
