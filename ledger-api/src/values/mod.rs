//! Values of request and response bodies: each parses itself from JSON and has its schema.

mod account;
mod actor;
mod holder;
mod names;
mod period;
mod quotas;
pub mod scalar;
pub mod whole_number;
pub mod words;

pub use account::Account;
pub use actor::ActorDocument;
pub use holder::{EXACTLY_ONE, one_holder, one_of};
pub use names::{AnchorDayNumber, Email, Label, MemberRole, Name, NewId, TierName, TimeZoneName};
pub use period::PeriodAnswer;
pub use quotas::{ByService, OfService, QuotaValue, QuotasByService, UnitsByService, by_service};
pub use scalar::{CallFact, Instant, ModelName, ServiceName, SomeUnits, Subject, WholeUnits};
pub use whole_number::whole_number;
