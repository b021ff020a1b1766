//! What the tests stand on: a database of their own, a school that commands come in for, and the
//! pure fold to compare with.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses its part; a helper that fails is a test that fails"
)]

pub mod brittle;
pub mod closed;
pub mod compare;
pub mod database;
pub mod departments;
pub mod random;
pub mod school;
