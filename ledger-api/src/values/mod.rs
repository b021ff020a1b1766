//! Values of request and response bodies: each has its parser, its JSON form and its schema once.

mod account;
mod actor;
mod allocation_change;
mod allocation_item;
mod constrained;
mod day;
mod ids;
mod overage;
mod period;
mod quotas;
mod scalars;
pub mod schema;
mod texts;
mod value;
mod vocabularies;
pub mod whole_number;
mod write_answer;

pub use account::Account;
pub use actor::Actor;
pub use allocation_change::{GrantAnswer, GrantedAnswer, ReturnedAnswer, decreases, increases};
pub use allocation_item::{
    AllocationItem, AllocationItemSchema, ItemChange, ItemIndex, Operation, present,
};
pub use constrained::{Constrained, Constraint, either, exactly_one, with_member};
pub use day::{Day, FIRST_DAY};
pub use ids::{AnchorDayNumber, NewId};
pub use overage::{OverageByService, OveragePolicies, OverageValue};
pub use period::PeriodAnswer;
pub use quotas::{
    ByService, NamedTwice, OfService, Quota, Quotas, QuotasByService, UnitsByService,
    UnitsOfServices,
};
pub use scalars::{
    Attribute, CallFact, Commitment, Instant, Key, MicroUsd, Position, Seq, ServiceId, SomeUnits,
    Units, WholeUnits,
};
pub use texts::{
    Email, Label, ModelName, Name, Reason, ServiceName, Subject, TierName, TimeZoneName,
    UnknownTier,
};
pub(crate) use value::described;
pub use value::{Described, NamedSchemas, Value, add_reference};
pub use vocabularies::{
    EventType, Level, Management, MemberRole, OrgType, Outcome, Priority, RequestStatus, Role,
    Standing, Tier, UnattributedReason, Urgency,
};
pub use whole_number::whole_number;
pub use write_answer::{
    ChangeAnswer, DepartmentSubject, FirstEventId, MemberSubject, NoSubject, SchoolSubject,
    WriteAnswer,
};
