//! Usage by day or month.

mod answers;
pub mod read;
