//! Read models of Allocation Ledger: workers that fold the log into tables, and the queries that
//! read them.
//!
//! **Shape.** One folder per read model ([`roster`], [`balance`], [`history`], [`requests`],
//! [`usage`], [`unattributed`]), each with its write (`apply`) and its read (`read`). A
//! [`projection::Projection`] applies pages of schools' events; the [`worker`] reads the events of
//! lagging schools and commits the rows together with the checkpoints, so each event counts exactly
//! once. A [`rebuild`] builds a read model beside the live one and swaps them. A [`timekeeper`]
//! records due events in idle schools.
//!
//! **Ordering.** A school's events are applied in the order of its stream, without gaps. Schools
//! are independent of each other.
//!
//! **Failure.** A transient failure is retried. An event that cannot be applied halts its school's
//! projection, visibly, and no other. Every table can be dropped and rebuilt from the log.

pub mod balance;
mod columns;
pub mod error;
pub mod freshness;
pub mod history;
pub mod log;
pub mod progress;
pub mod projection;
pub mod rebuild;
pub mod registry;
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
pub use projection::{Build, Projection, ProjectionName};
pub use registry::Registry;
pub use tenant::{TenantRead, Viewer};
pub use worker::{Worker, WorkerSettings, catch_up};
