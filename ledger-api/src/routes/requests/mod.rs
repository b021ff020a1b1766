//! Requests for units: filing, reads, decisions, withdrawal.

mod answers;
mod bodies;
pub mod read;

use axum::extract::State;
use ledger_core::{MemberId, RequestId, SchoolId};

use crate::auth::{Allowed, AllowedViewer};
use crate::command::RequestMeta;
use crate::http::{IdempotencyKey, IfMatch, Json, Path, RequestPath, SchoolPath, Written};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::reads::member_seen;
use crate::state::AppState;
use answers::{DecidedAnswer, FiledAnswer};
use bodies::{ApproveBody, Decision, RejectBody, RequestBody};
use ledger_auth::{Allocate, AskForUnits, Credential};
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
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/requests",
    tag = "requests",
    params(SchoolPath, IdempotencyKey),
    request_body = RequestBody,
    responses(
        (status = 201, description = "The request is filed.", body = FiledAnswer,
            headers(
                ("ETag" = String, description = "The version of the request."),
                ("Location" = String, description = "The URL of the request."),
            )),
        (status = 200, description = "The request was filed before.", body = FiledAnswer,
            headers(("ETag" = String, description = "The version of the request."))),
        FileProblems,
    ),
)]
pub async fn file_request(
    allowed: AllowedViewer<AskForUnits>,
    State(state): State<AppState>,
    meta: RequestMeta,
    Json(body): Json<RequestBody>,
) -> Result<Written<FiledAnswer>, Problem> {
    let school = allowed.school;
    let own = acting_member(&state, &allowed.credential, school, &meta).await?;
    let receiver = member_seen(allowed.viewer, body.member_id())?.or(own);
    let actor = allowed.credential.actor;
    let envelope = body.into_envelope(school, (receiver, own), actor, &meta, &state.catalogue())?;
    let receipt = state.submit(school, envelope).await?;
    let answer = answers::filed(&receipt)?;
    let path = format!(
        "/v1/schools/{school}/requests/{}",
        answer.outcome.request_id
    );
    let version = answer.outcome.version.0;
    Ok(Written::created(&receipt, answer)
        .located(path)
        .versioned(version))
}

/// Approves a request in full or in part. Pool and cap are checked again.
///
/// Callers cannot decide on their own requests. A service that `units` omits is not granted;
/// without `units` everything is granted.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/requests/{request}/approve",
    tag = "requests",
    params(RequestPath, IdempotencyKey, IfMatch),
    request_body = Option<ApproveBody>,
    responses(
        (status = 200, description = "The request is approved.", body = DecidedAnswer,
            headers(("ETag" = String, description = "The new version of the request."))),
        ApproveProblems,
    ),
)]
pub async fn approve_request(
    allowed: Allowed<Allocate>,
    State(state): State<AppState>,
    Path(path): Path<RequestPath>,
    meta: RequestMeta,
    if_match: IfMatch,
    body: Option<Json<ApproveBody>>,
) -> Result<Written<DecidedAnswer>, Problem> {
    let Json(body) = body.unwrap_or_default();
    let decision = decision(&state, &allowed.credential, path, meta, if_match).await?;
    let envelope = body.into_envelope(&decision, &state.catalogue())?;
    submit(&state, allowed.school, envelope).await
}

/// Rejects a request with a reason. Callers cannot decide on their own requests.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/requests/{request}/reject",
    tag = "requests",
    params(RequestPath, IdempotencyKey, IfMatch),
    request_body = RejectBody,
    responses(
        (status = 200, description = "The request is rejected.", body = DecidedAnswer,
            headers(("ETag" = String, description = "The new version of the request."))),
        RejectProblems,
    ),
)]
pub async fn reject_request(
    allowed: Allowed<Allocate>,
    State(state): State<AppState>,
    Path(path): Path<RequestPath>,
    meta: RequestMeta,
    if_match: IfMatch,
    Json(body): Json<RejectBody>,
) -> Result<Written<DecidedAnswer>, Problem> {
    let decision = decision(&state, &allowed.credential, path, meta, if_match).await?;
    submit(&state, allowed.school, body.into_envelope(&decision)?).await
}

/// Withdraws a request: a teacher their own, a principal a member's.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/requests/{request}/withdraw",
    tag = "requests",
    params(RequestPath, IdempotencyKey, IfMatch),
    responses(
        (status = 200, description = "The request is withdrawn.", body = DecidedAnswer,
            headers(("ETag" = String, description = "The new version of the request."))),
        WithdrawProblems,
    ),
)]
pub async fn withdraw_request(
    allowed: AllowedViewer<AskForUnits>,
    State(state): State<AppState>,
    Path(path): Path<RequestPath>,
    meta: RequestMeta,
    if_match: IfMatch,
) -> Result<Written<DecidedAnswer>, Problem> {
    let decision = decision(&state, &allowed.credential, path, meta, if_match).await?;
    submit(&state, allowed.school, bodies::withdraw(&decision)?).await
}

/// The member that the caller is, if any, whether the token names them by member id or external id:
/// callers cannot decide on their own requests.
async fn acting_member(
    state: &AppState,
    credential: &Credential,
    school: SchoolId,
    meta: &RequestMeta,
) -> Result<Option<MemberId>, Problem> {
    let members = state.authenticator.members();
    let member = members.member_if_any(credential, school, meta.now.0);
    Ok(member.await?)
}

async fn decision(
    state: &AppState,
    credential: &Credential,
    path: RequestPath,
    meta: RequestMeta,
    IfMatch(if_version): IfMatch,
) -> Result<Decision, Problem> {
    let school = SchoolId(path.school);
    Ok(Decision {
        request_id: RequestId(path.request),
        actor: credential.actor,
        actor_member: acting_member(state, credential, school, &meta).await?,
        meta,
        if_version,
    })
}

async fn submit(
    state: &AppState,
    school: SchoolId,
    envelope: Envelope,
) -> Result<Written<DecidedAnswer>, Problem> {
    let receipt = state.submit(school, envelope).await?;
    let answer = answers::decided(&receipt)?;
    let version = answer.outcome.version.0;
    Ok(Written::ok(&receipt, answer).versioned(version))
}
