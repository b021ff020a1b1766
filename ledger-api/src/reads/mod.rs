//! The start of reads: freshness (`min_seq`) and points in the past (`as_of`, `as_of_seq`).

mod as_of;
mod balance_read;
mod freshness;
mod viewed;

pub use as_of::AsOf;
pub use balance_read::no_period_of;
pub use freshness::{begin_log_read, finish_known, require_known, require_school};
pub use viewed::{member_seen, requested_service};
