//! The end-to-end suites, one module for each question.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(
    clippy::too_many_lines,
    reason = "a scenario is one function, from set-up to the last assertion"
)]

mod administration;
mod architecture;
mod as_of;
mod authorisation;
mod bad_input;
mod bulk_csv;
mod compat_views;
mod conditional_append;
mod corrections;
mod departments;
mod durability;
mod erasure;
mod executable;
mod fixture;
mod immutability;
mod overspend;
mod periods;
mod reads;
mod refusals;
mod reported_usage;
mod requests;
mod row_security;
mod tidy;
mod writer;
