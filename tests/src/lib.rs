//! Fixtures of the end-to-end suites: Postgres servers, schools, server processes and HTTP
//! callers.

pub mod books;
pub mod school;
pub mod server;

pub use ledger_test_postgres as postgres;
