//! One file or folder per noun; `router.rs` has all routes on one page.

pub mod allocations;
pub mod api_keys;
pub mod balances;
pub mod corrections;
pub mod debits;
pub mod departments;
pub mod docs;
pub mod events;
pub mod fallback;
pub mod health;
pub mod history;
pub mod holds;
mod log_reader;
pub mod members;
mod prelude;
pub mod reports;
pub mod requests;
pub mod schools;
pub mod stream;
pub mod unattributed;
pub mod usage;
