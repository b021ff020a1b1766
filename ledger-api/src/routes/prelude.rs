//! What handlers are made of: permissions, extractors, answers, and the macros that document them.

pub(super) use crate::auth::{Allowed, AllowedMember, AllowedOnPlatform, AllowedViewer};
pub(super) use crate::command::Issuer;
pub(super) use crate::http::path::{
    AllocationPath, DepartmentAllocationPath, DepartmentPath, HoldPath, MemberPath, RequestPath,
    UnattributedPath, UsagePath,
};
pub(super) use crate::http::{
    Created, IfMatch, Json, Located, Made, Page, PageLimit, Path, Query, Versioned, Written, query,
};
pub(super) use crate::openapi::problems;
pub(super) use crate::problem::Problem;
pub(super) use crate::reads::finish_known;
pub(super) use crate::state::Caller;
pub(super) use crate::values::Constrained;
