//! What the tests stand on: a database of their own, a school that commands come in for, and the
//! pure fold to compare with.

pub mod brittle;
pub mod closed;
pub mod compare;
pub mod database;
pub mod departments;
pub mod random;
pub mod school;
