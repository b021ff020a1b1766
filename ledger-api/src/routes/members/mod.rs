//! Members: enrolment, role and department, suspension, removal, erasure.

mod answers;
mod bodies;
pub mod read;

use ledger_core::MemberId;
use ledger_core::school::MemberStatus;

use crate::routes::prelude::*;
use answers::{EnrolledAnswer, ErasedAnswer, MemberChangedAnswer, RemovedAnswer, StatusAnswer};
use bodies::{ChangeSchema, EnrolBody, EraseBody, StatusBody};
use ledger_auth::permission::{Administer, Allocate, Erase};

problems!(
    EnrolProblems: MemberExists, ExternalIdTaken, IndividualIsOneMember, DepartmentNotFound,
    PlanRequired, PoolExceeded, AmountOutOfRange,
);
problems!(MemberProblems: MemberNotFound);
problems!(
    ChangeProblems: MemberNotFound, DepartmentNotFound, PlanRequired, PoolExceeded,
    AmountOutOfRange,
);
problems!(StatusProblems: MemberNotFound, PlanRequired);

/// Enrols a member. A teacher receives the school's default grant, as far as the department or the
/// pool has units.
///
/// Without a `member_id` the id is derived from the Idempotency-Key, so that a retry finds the
/// member.
#[utoipa::path(post, path = "/v1/schools/{school}/members", responses(EnrolProblems))]
pub async fn enrol_member(
    issuer: Issuer<Allowed<Administer>>,
    Json(body): Json<EnrolBody>,
) -> Result<Located<Created<EnrolledAnswer>>, Problem> {
    let (school, department_id) = (issuer.school(), body.department_id);
    let envelope = body.into_envelope(school, &issuer.origin)?;
    let receipt = issuer.submit(envelope).await?;
    let answer = answers::enrolled(department_id, &receipt)?;
    let url = format!("/v1/schools/{school}/members/{}", answer.subject.member_id);
    Ok(Located(url, Created::new(&receipt, answer)))
}

/// Changes a member's role or department, one at a time.
///
/// A member moves with all allocations, which the new department, or the pool, must be able to
/// fund.
#[utoipa::path(
    patch,
    path = "/v1/schools/{school}/members/{member}",
    responses(ChangeProblems)
)]
pub async fn change_member(
    issuer: Issuer<Allowed<Administer>>,
    Path(path): Path<MemberPath>,
    Json(Constrained(body)): Json<ChangeSchema>,
) -> Result<Written<MemberChangedAnswer>, Problem> {
    let (member_id, change) = (MemberId(path.member), body.change()?);
    let envelope = body.into_envelope(member_id, &issuer.origin)?;
    let receipt = issuer.submit(envelope).await?;
    let answer = answers::changed(member_id, change, &receipt);
    Ok(Written::new(&receipt, answer))
}

/// Removes a member: unused units return to the pool or the department, the history stays.
///
/// Removing a member twice is not an error and changes nothing.
#[utoipa::path(
    delete,
    path = "/v1/schools/{school}/members/{member}",
    responses(MemberProblems)
)]
pub async fn remove_member(
    issuer: Issuer<Allowed<Administer>>,
    Path(path): Path<MemberPath>,
) -> Result<Written<RemovedAnswer>, Problem> {
    let member_id = MemberId(path.member);
    let envelope = bodies::remove(member_id, &issuer.origin)?;
    let receipt = issuer.submit(envelope).await?;
    let answer = answers::removed(member_id, &receipt);
    Ok(Written::new(&receipt, answer))
}

/// Erases the personal data of a person: name, e-mail address, external ids, and the free texts
/// that they wrote or that are about them.
///
/// Events, numbers and proofs stay, under the opaque member id. An erasure cannot be undone. It
/// does not remove the member, and can be repeated when new texts were written.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/members/{member}/erase",
    responses(MemberProblems)
)]
pub async fn erase_member(
    issuer: Issuer<Allowed<Erase>>,
    Path(path): Path<MemberPath>,
    body: Option<Json<EraseBody>>,
) -> Result<Written<ErasedAnswer>, Problem> {
    let Json(body) = body.unwrap_or_default();
    let member_id = MemberId(path.member);
    let envelope = body.into_envelope(member_id, &issuer.origin)?;
    let receipt = issuer.submit(envelope).await?;
    Ok(Written::new(&receipt, answers::erased(member_id, &receipt)))
}

/// Declares a route that sets the status of a member.
macro_rules! status_route {
    ($(#[doc = $doc:literal])* $name:ident, $path:literal, $status:ident) => {
        $(#[doc = $doc])*
        #[utoipa::path(post, path = $path, responses(StatusProblems))]
        pub async fn $name(
            issuer: Issuer<Allowed<Allocate>>,
            Path(path): Path<MemberPath>,
            Json(body): Json<StatusBody>,
        ) -> Result<Written<StatusAnswer>, Problem> {
            let (member_id, status) = (MemberId(path.member), MemberStatus::$status);
            let envelope = body.into_envelope(member_id, status, &issuer.origin)?;
            let receipt = issuer.submit(envelope).await?;
            Ok(Written::new(&receipt, answers::status(member_id, status, &receipt)))
        }
    };
}

status_route! {
    /// Suspends a member: new debits and holds are refused at once. The member keeps all
    /// allocations, and calls in flight can be settled.
    suspend_member, "/v1/schools/{school}/members/{member}/suspend", Suspended
}

status_route! {
    /// Reactivates a suspended member.
    reactivate_member, "/v1/schools/{school}/members/{member}/reactivate", Active
}
