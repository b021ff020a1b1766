//! Events as rows: hot facts in typed columns, the rest in `payload`.

mod append;
mod event_row;
mod read;

pub(crate) use append::{MovedHead, NewEvent, append};
pub(crate) use event_row::EventRow;
