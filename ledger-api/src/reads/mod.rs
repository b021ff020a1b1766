//! How reads begin: freshness (`min_seq`), the past (`as_of`, `as_of_seq`), and the caller's own
//! writes.

mod as_of;
mod balance_read;
mod freshness;
mod own_writes;

pub use as_of::AsOf;
pub use balance_read::{begin_balance_read, no_period_of};
pub use freshness::{begin_log_read, begin_read, require_known, require_school};
pub use own_writes::OwnWrites;
