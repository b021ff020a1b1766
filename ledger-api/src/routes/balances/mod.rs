//! Balances: a school's pools, a department's allocations, a member's accounts.

mod answers;
pub mod read;
