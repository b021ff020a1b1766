//! The allocations of a school as a table (CSV, RFC 4180), for planning in a spreadsheet: exported,
//! and imported as one command. The HTTP API and `ledger export` and `import` share it.
//!
//! A table has a header line and one line for each holder (a member or a department) and service.
//! An exported table can be imported unchanged: informative columns are ignored. Unknown columns
//! are refused, since a misspelt one would be ignored silently.

mod answer;
mod cell;
mod column;
mod import;
mod pages;
mod read;
mod refused;
mod write;

#[cfg(test)]
mod tests;

pub use answer::ImportAnswer;
pub use column::Column;
pub use import::Import;
pub use pages::AllocationPages;
pub use read::{Table, TableRow};
pub use refused::{ImportRefused, RowFault, TableFault};
