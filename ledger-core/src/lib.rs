//! The rules of Allocation Ledger, pure and total.
//!
//! A school is a stream of immutable events. [`decide`] looks at what a school's events so far
//! amount to ([`SchoolState`]) and says what a [`Command`] brings about, or why it is refused
//! ([`Refusal`]); [`evolve`] takes one recorded event into the state. Neither knows a clock, a
//! random number, a database or a network: the same events and commands give the same answers
//! everywhere, which is what lets anybody check the books.
//!
//! One folder per noun: [`school`], [`allocation`], [`request`], [`usage`], [`period`]; in each the same files.

pub mod actor;
pub mod allocation;
pub mod catalog;
pub mod context;
pub mod decider;
pub mod department;
pub mod ids;
pub mod period;
pub mod plan;
pub mod quantity;
pub mod refusal;
pub mod request;
pub mod school;
pub mod service;
pub mod state;
pub mod text;
pub mod time;
pub mod usage;
pub mod vocabulary;

pub use actor::{Actor, Role};
pub use context::{Context, Needs};
pub use decider::{Action, Command, Due, Fact, Recorded, at_instant, decide, due, evolve, fold};
pub use ids::{
    ActorId, Attribute, CommandKey, DepartmentId, EventId, ExternalId, Fingerprint, Key, MemberId,
    Owner, RequestId, SchoolId, Seq,
};
pub use period::Period;
pub use plan::{Catalogue, Management, OrgType, Quotas, Tier};
pub use quantity::{MicroUsd, Quota, Units};
pub use refusal::{Level, Refusal, Rule, Shortfall};
pub use service::ServiceId;
pub use state::SchoolState;
pub use text::{Commitment, FreeText};
pub use time::Timestamp;

pub use catalog::Event;
