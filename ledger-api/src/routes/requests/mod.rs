//! Requests: a member asks for units, somebody else decides, and he may take it back.

mod answers;
mod bodies;
pub mod read;

use axum::extract::State;
use ledger_core::{MemberId, RequestId, SchoolId};

use super::viewed::member_seen;
use crate::auth::{Allowed, AllowedViewer};
use crate::command::RequestMeta;
use crate::http::{IdempotencyKey, IfMatch, Json, Path, RequestPath, SchoolPath, Written};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::AppState;
use answers::{DecidedAnswer, FiledAnswer};
use bodies::{ApproveBody, Deciding, RejectBody, RequestBody};
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

/// Asks for units: a teacher for himself, a principal on behalf of a member.
///
/// A member has one pending request per service. It runs out seven days after it was filed, to the
/// second. Its id follows from the Idempotency-Key, so that sending the request again finds the one
/// that it made.
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
                ("Location" = String, description = "Where the request is read."),
            )),
        (status = 200, description = "It was filed before.", body = FiledAnswer,
            headers(("ETag" = String, description = "The version that it was filed with."))),
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
    let who_files = acting_member(&state, &allowed.credential, school, &meta).await?;
    let asked_for = member_seen(allowed.viewer, body.member_id())?;
    let filing = (asked_for.or(who_files), who_files);
    let actor = allowed.credential.actor;
    let envelope = body.into_envelope(school, filing, actor, &meta, &state.catalogue())?;
    let receipt = state.submit(school, envelope).await?;
    let answer = FiledAnswer::of(&receipt)?;
    let path = format!("/v1/schools/{school}/requests/{}", answer.request_id);
    let version = answer.version;
    Ok(Written::created(&receipt, answer)
        .located(path)
        .versioned(version))
}

/// Grants what a request asks for, or a part of it: pool and cap are checked again.
///
/// Nobody decides on his own request. A service that `units` leaves out gets nothing; without
/// `units` all is granted.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/requests/{request}/approve",
    tag = "requests",
    params(RequestPath, IdempotencyKey, IfMatch),
    request_body = Option<ApproveBody>,
    responses(
        (status = 200, description = "What was granted.", body = DecidedAnswer,
            headers(("ETag" = String, description = "The version that the decision left."))),
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
    let deciding = deciding(&state, &allowed.credential, path, meta, if_match).await?;
    let envelope = body.into_envelope(&deciding, &state.catalogue())?;
    decided(&state, allowed.school, envelope).await
}

/// Grants nothing, and says why. Nobody decides on his own request.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/requests/{request}/reject",
    tag = "requests",
    params(RequestPath, IdempotencyKey, IfMatch),
    request_body = RejectBody,
    responses(
        (status = 200, description = "The request is rejected.", body = DecidedAnswer,
            headers(("ETag" = String, description = "The version that the decision left."))),
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
    let deciding = deciding(&state, &allowed.credential, path, meta, if_match).await?;
    decided(&state, allowed.school, body.into_envelope(&deciding)?).await
}

/// Takes a request back: a teacher his own, a principal a member's.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/requests/{request}/withdraw",
    tag = "requests",
    params(RequestPath, IdempotencyKey, IfMatch),
    responses(
        (status = 200, description = "The request is withdrawn.", body = DecidedAnswer,
            headers(("ETag" = String, description = "The version that it left."))),
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
    let deciding = deciding(&state, &allowed.credential, path, meta, if_match).await?;
    decided(&state, allowed.school, bodies::withdraw(&deciding)?).await
}

/// The member that the caller is, if he is one: nobody decides on his own request, whatever name
/// his token has for him.
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

async fn deciding(
    state: &AppState,
    credential: &Credential,
    path: RequestPath,
    meta: RequestMeta,
    IfMatch(if_version): IfMatch,
) -> Result<Deciding, Problem> {
    let school = SchoolId(path.school);
    Ok(Deciding {
        request_id: RequestId(path.request),
        actor: credential.actor,
        actor_member: acting_member(state, credential, school, &meta).await?,
        meta,
        if_version,
    })
}

async fn decided(
    state: &AppState,
    school: SchoolId,
    envelope: Envelope,
) -> Result<Written<DecidedAnswer>, Problem> {
    let receipt = state.submit(school, envelope).await?;
    let answer = DecidedAnswer::of(&receipt)?;
    let version = answer.version;
    Ok(Written::ok(&receipt, answer).versioned(version))
}
