//! What the end-to-end suites stand on: a private Postgres, a school to write to, servers that are
//! real processes.

pub mod books;
pub mod postgres;
pub mod school;
pub mod server;
