//! `openapi.json`: the contract of every operation, from three places.
//!
//! - **The handler's attribute** has method, path and own problems:
//!   `#[utoipa::path(delete, path = "/v1/…", responses(MemberProblems))]`. Its doc comment is the
//!   summary and the description.
//! - **The handler's signature** has the rest ([`described`]): each extractor is an [`Input`] and
//!   adds the parameters or the body that it reads, the return type is an [`Output`] and adds the
//!   answers of success with their headers. `Issuer<Allowed<Administer>>` reads `{school}` and
//!   `Idempotency-Key`; `Located<Created<T>>` answers 201 with `Location`, or 200.
//! - **[`complete`]** adds the problems that follow from these parts: 404 of a school, 413 of a
//!   body, 503 of a read with `min_seq`.
//!
//! The router gives the tag. An operation with several media types returns a plain `Response` and
//! lists its answers in `responses(…)`.

mod operations;
mod signature;

pub use operations::{complete, problem_responses};
pub use signature::{Description, Input, Output, Signature, described};

pub(crate) use operations::problems;
