//! The end-to-end suites, one module for each question.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod architecture;
mod bad_input;
mod conditional_append;
mod corrections;
mod durability;
mod executable;
mod immutability;
mod overspend;
mod reads;
mod reported_usage;
mod row_security;
mod writer;
