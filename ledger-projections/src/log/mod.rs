//! The log itself, as people read it: what happened, in order, with what they wrote about it.
//!
//! There is no read model here: events are read where they stand, and the texts that they commit
//! to from beside them.

mod event;
pub mod read;

pub use event::{EventView, TextView};
