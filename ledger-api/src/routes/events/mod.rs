//! The log: a page of it, or all of its rest.

mod answers;
pub mod read;

pub use answers::Event;
