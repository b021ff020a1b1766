//! What all routes have in common: paths, bodies, idempotency keys, freshness, pages, answers to
//! writes, what goes around every request, and what is documented of every operation.

mod accept;
mod account;
mod actor;
mod answer;
mod as_of;
mod balance_read;
mod body;
mod documented;
mod holder;
mod idempotency;
mod issue;
mod last_event_id;
mod names;
mod observe;
mod own_writes;
mod page;
mod path;
mod period;
mod query;
mod quotas;
mod reading;
pub mod schema;
mod traffic;
mod values;
mod version;
mod whole_number;
pub mod words;

pub use accept::preferred;
pub use account::Account;
pub use actor::ActorDocument;
pub use answer::{LEDGER_SEQ, REPLAYED, Written};
pub use as_of::AsOf;
pub use balance_read::{begin_balance_read, no_period_of};
pub use body::{Json, has_media_type, parse_json, read_body};
pub use documented::{ProblemDocument, complete, problem_responses};
pub use holder::{EXACTLY_ONE, one_holder, one_of};
pub use idempotency::{IdempotencyKey, Now, fingerprint};
pub use issue::{Issue, Stamp, free_text};
pub use last_event_id::LastEventId;
pub use names::{AnchorDayNumber, Email, Label, MemberRole, Name, NewId, TierName, TimeZoneName};
pub use observe::{REQUEST_ID, observe};
pub use own_writes::OwnWrites;
pub use page::{DepartmentCursor, MemberCursor, Page, PageLimit, RequestCursor, SeqCursor};
pub use path::{
    AllocationPath, DepartmentAllocationPath, DepartmentPath, HoldPath, MemberPath, Path,
    RequestPath, SchoolPath, UnattributedPath, UsagePath,
};
pub use period::PeriodAnswer;
pub use query::{Day, FIRST_DAY, Position, Query};
pub use quotas::{ByService, OfService, QuotaValue, QuotasByService, UnitsByService, by_service};
pub use reading::{begin_log_read, begin_read, require_known, require_school};
pub use values::{CallFact, Instant, ModelName, ServiceName, SomeUnits, Subject, WholeUnits};
pub use version::{IfMatch, etag};
pub use whole_number::whole_number;

pub(crate) use documented::problems;
pub(crate) use query::query;
