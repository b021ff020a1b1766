//! Read models of Allocation Ledger: workers that fold the log into tables, and the queries that
//! read them.
//!
//! **Shape.** One folder per question ([`roster`], [`balance`], [`history`], [`requests`],
//! [`usage`], [`unattributed`]), each with its write (`apply`) and its read (`read`) side by side. A
//! [`projection::Projection`] takes pages of schools' events in; the [`worker`] reads those of
//! schools that lag and commits what they amount to together with the checkpoints, so each event
//! counts exactly once. A [`rebuild`] makes a read model anew beside the live one and swaps them. A
//! [`timekeeper`] has recorded what time brings about where nobody writes.
//!
//! **Ordering.** A school's events are taken in by the order of its stream, without gaps; schools
//! are independent of each other.
//!
//! **Failure.** A lost connection is tried again. An event that cannot be taken in stops that
//! school's projection, visibly, and no other's. Every table here can be dropped and built again.

pub mod balance;
mod columns;
pub mod error;
pub mod freshness;
pub mod history;
pub mod log;
pub mod progress;
pub mod projection;
pub mod rebuild;
pub mod requests;
pub mod roster;
pub mod tenant;
pub mod timekeeper;
pub mod unattributed;
pub mod usage;
pub mod worker;

pub use error::{ApplyError, ReadError};
pub use freshness::{FreshnessError, wait_for};
pub use progress::Progress;
pub use projection::{Build, Projection, ProjectionName, Registry};
pub use tenant::{TenantRead, Viewer};
pub use worker::{Worker, WorkerSettings, catch_up};
