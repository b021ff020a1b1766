//! The one place where errors become HTTP: problem details (RFC 9457), a page for each code in
//! docs/problems. Inner text never leaves: what the caller cannot act on is logged here.
//!
//! `code.rs` has every kind of problem on one page, `document.rs` what a caller is sent. Why a
//! command is refused becomes a problem in `refusal.rs`, what fails in `failure.rs`.

mod code;
mod document;
mod failure;
mod refusal;

pub use code::Code;
pub use document::{Problem, TYPE_BASE};
