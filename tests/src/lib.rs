//! What the end-to-end suites stand on: a private Postgres, a school to write to, servers that are
//! real processes.

pub mod books;
pub mod school;
pub mod server;

pub use ledger_test_postgres as postgres;
