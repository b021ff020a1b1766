//! The event log of Allocation Ledger on Postgres.

pub mod database;
pub mod error;
pub mod feed;
mod row;
pub mod wake;
pub mod writer;

pub use database::{Database, DatabaseRole};
pub use error::{DatabaseError, StoreError};
pub use wake::Wakes;
