//! What the end-to-end suites stand on: a private Postgres, a school to write to, servers that are
//! real processes.

pub mod postgres;
pub mod school;
