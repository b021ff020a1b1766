//! Events as rows: usage in typed columns, all other data in `payload`.

mod append;
mod event_row;
mod read;

pub(crate) use append::{MovedHead, NewEvent, append};
pub(crate) use event_row::EventRow;
