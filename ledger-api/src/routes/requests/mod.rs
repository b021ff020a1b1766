//! Requests for units: filing, reads, decisions, withdrawal.

mod answers;
mod bodies;
pub mod read;

use ledger_core::{MemberId, RequestId};

use crate::auth::SchoolPermit;
use crate::reads::member_seen;
use crate::routes::prelude::*;
use answers::{DecidedAnswer, FiledAnswer};
use bodies::{ApproveBody, Decision, RejectBody, RequestBody};
use ledger_auth::permission::{Allocate, AskForUnits};
use ledger_store::writer::Envelope;

problems!(
    FileProblems: MemberNotFound, PlanRequired, SelfServiceOff, UnknownService, RequestPending,
);
problems!(
    ApproveProblems: RequestNotFound, RequestClosed, OwnRequest, PlanRequired, PreconditionFailed,
    UnknownService, GrantAboveAsked, MemberNotFound, AmountOutOfRange, PoolExceeded,
    MemberCapExceeded,
);
problems!(
    RejectProblems: RequestNotFound, RequestClosed, OwnRequest, PlanRequired, PreconditionFailed,
);
problems!(
    WithdrawProblems: RequestNotFound, RequestClosed, PlanRequired, PreconditionFailed,
    MemberNotFound,
);

/// Files a request for units: a teacher for themselves, a principal on behalf of a member.
///
/// A member has at most one pending request per service. A request expires seven days after it was
/// filed. Its id is derived from the Idempotency-Key, so that a retry finds the request.
#[utoipa::path(post, path = "/v1/schools/{school}/requests", responses(FileProblems))]
pub async fn file_request(
    issuer: Issuer<AllowedViewer<AskForUnits>>,
    Json(body): Json<RequestBody>,
) -> Result<Versioned<Located<Created<FiledAnswer>>>, Problem> {
    let school = issuer.school();
    let own = acting_member(&issuer).await?;
    let receiver = member_seen(issuer.viewer(), body.member_id())?.or(own);
    let catalogue = issuer.state.catalogue();
    let envelope = body.into_envelope(school, (receiver, own), &issuer.origin, &catalogue)?;
    let receipt = issuer.submit(envelope).await?;
    let answer = answers::filed(&receipt)?;
    let (request_id, version) = (answer.outcome.request_id, answer.outcome.version.0);
    let url = format!("/v1/schools/{school}/requests/{request_id}");
    Ok(Versioned(
        version,
        Located(url, Created::new(&receipt, answer)),
    ))
}

/// Approves a request in full or in part. Pool and cap are checked again.
///
/// Callers cannot decide on their own requests. A service that `units` omits is not granted;
/// without `units` everything is granted.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/requests/{request}/approve",
    responses(ApproveProblems)
)]
pub async fn approve_request(
    issuer: Issuer<Allowed<Allocate>>,
    Path(path): Path<RequestPath>,
    if_match: IfMatch,
    body: Option<Json<ApproveBody>>,
) -> Result<Versioned<Written<DecidedAnswer>>, Problem> {
    let Json(body) = body.unwrap_or_default();
    let decision = decision(&issuer, path, if_match).await?;
    let envelope = body.into_envelope(&decision, &issuer.state.catalogue())?;
    submit(&issuer, envelope).await
}

/// Rejects a request with a reason. Callers cannot decide on their own requests.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/requests/{request}/reject",
    responses(RejectProblems)
)]
pub async fn reject_request(
    issuer: Issuer<Allowed<Allocate>>,
    Path(path): Path<RequestPath>,
    if_match: IfMatch,
    Json(body): Json<RejectBody>,
) -> Result<Versioned<Written<DecidedAnswer>>, Problem> {
    let decision = decision(&issuer, path, if_match).await?;
    submit(&issuer, body.into_envelope(&decision)?).await
}

/// Withdraws a request: a teacher their own, a principal a member's.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/requests/{request}/withdraw",
    responses(WithdrawProblems)
)]
pub async fn withdraw_request(
    issuer: Issuer<AllowedViewer<AskForUnits>>,
    Path(path): Path<RequestPath>,
    if_match: IfMatch,
) -> Result<Versioned<Written<DecidedAnswer>>, Problem> {
    let decision = decision(&issuer, path, if_match).await?;
    submit(&issuer, bodies::withdraw(&decision)?).await
}

/// The member that the caller is, if any, whether the token names them by member id or external id:
/// callers cannot decide on their own requests.
async fn acting_member<P: SchoolPermit>(issuer: &Issuer<P>) -> Result<Option<MemberId>, Problem> {
    let members = issuer.state.authenticator.members();
    let credential = issuer.allowed.credential();
    let member = members.member_if_any(credential, issuer.school(), issuer.now);
    Ok(member.await?)
}

async fn decision<P: SchoolPermit>(
    issuer: &Issuer<P>,
    path: RequestPath,
    IfMatch(if_version): IfMatch,
) -> Result<Decision, Problem> {
    Ok(Decision {
        request_id: RequestId(path.request),
        actor_member: acting_member(issuer).await?,
        origin: issuer.origin.clone(),
        if_version,
    })
}

async fn submit<P: SchoolPermit>(
    issuer: &Issuer<P>,
    envelope: Envelope,
) -> Result<Versioned<Written<DecidedAnswer>>, Problem> {
    let receipt = issuer.submit(envelope).await?;
    let answer = answers::decided(&receipt)?;
    let version = answer.outcome.version.0;
    Ok(Versioned(version, Written::new(&receipt, answer)))
}
