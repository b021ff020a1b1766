//! The HTTP conventions that every route shares: path, query, body and header extractors, pages,
//! versions, answers to writes, and the middleware around each request.

mod accept;
mod answer;
mod body;
mod idempotency;
mod last_event_id;
mod observe;
mod page;
pub mod path;
pub mod query;
mod traffic;
mod version;

pub use crate::problem::LEDGER_SEQ;
pub use accept::preferred;
pub use answer::{Created, Located, Made, REPLAYED, Versioned, Written, describe_seq};
pub use body::{Json, has_media_type, parse_json, read_body};
pub use idempotency::{IdempotencyKey, Now, fingerprint};
pub use last_event_id::LastEventId;
pub use observe::{REQUEST_ID, observe};
pub use page::{DepartmentCursor, MemberCursor, Page, PageLimit, RequestCursor, Rows, SeqCursor};
pub use path::{
    AllocationPath, DepartmentAllocationPath, DepartmentPath, HoldPath, MemberPath, Path,
    RequestPath, SchoolPath, UnattributedPath, UsagePath,
};
pub use query::Query;
pub use version::{IfMatch, etag};

pub(crate) use page::rows;
pub(crate) use query::query;
