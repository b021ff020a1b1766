//! The end-to-end suites, one module for each question.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod immutability;
mod writer;
