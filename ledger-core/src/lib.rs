//! The rules of Allocation Ledger, pure and total.
//!
//! A school is a stream of immutable events. [`decide`] applies the rules to a [`Command`], the
//! state of the school ([`SchoolState`]) and a [`Context`], and returns new events or a
//! [`Refusal`]. [`evolve`] applies one recorded event to the state. Neither has a clock,
//! randomness, a database or a network: the same input gives the same output everywhere, so anyone
//! can verify the books.
//!
//! One folder per noun, with the same files in each: [`school`], [`department`], [`allocation`],
//! [`request`], [`usage`], [`period`].

pub mod actor;
pub mod allocation;
pub mod catalog;
pub mod context;
pub mod decider;
pub mod department;
pub mod expiring;
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
