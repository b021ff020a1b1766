//! The one place where errors become HTTP: problem details (RFC 9457), with a page for each code in
//! docs/problems. A caller does not receive the text of an inner error: it is logged here.
//!
//! `code.rs` lists every kind of problem, `document.rs` defines the members that a caller receives,
//! `retry.rs` the headers about retries. `refusal.rs` maps refusals of commands, `failure.rs` all
//! other errors; both are exhaustive.

mod code;
mod document;
mod failure;
mod refusal;
mod retry;

pub use code::Code;
pub use document::{LEDGER_SEQ, Problem, ProblemDocument, TYPE_BASE};
