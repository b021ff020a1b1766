//! `openapi.json`: the schemas of the domain's values, and what every operation has in common.

mod operations;

pub use operations::{complete, problem_responses};

pub(crate) use operations::problems;
