//! A school's allocations as a table (CSV, RFC 4180), for people who plan in a spreadsheet: written
//! out, and read back as one command. The HTTP API and `ledger export` and `import` share it.
//!
//! A table has a header line and one line for each holder, a member or a department, and service. What is written can be read
//! back as it is: columns that only inform are passed over, columns that nobody knows are refused,
//! since a misspelt one would otherwise do nothing in silence.

mod cell;
mod column;
mod import;
mod pages;
mod read;
mod refused;
mod write;

#[cfg(test)]
mod tests;

pub use column::Column;
pub use import::{Import, ImportAnswer};
pub use pages::AllocationPages;
pub use read::{Table, TableRow};
pub use refused::{ImportRefused, RowFault, TableFault};
