//! Fixtures: a database, a school that receives commands, and comparisons with the pure fold.

pub mod brittle;
pub mod closed;
pub mod compare;
pub mod database;
pub mod departments;
pub mod random;
pub mod school;
