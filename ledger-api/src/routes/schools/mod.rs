//! Schools: registration, reads, subscription, settings.

mod answers;
mod bodies;
pub mod read;

use axum::extract::State;

use crate::auth::{Allowed, AllowedOnPlatform};
use crate::command::RequestMeta;
use crate::http::{IdempotencyKey, IfMatch, Json, SchoolPath, Written};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::AppState;
use answers::{ChangedSettingsAnswer, RegisteredAnswer, SubscriptionAnswer};
use bodies::{RegisterBody, SettingsBody, SubscriptionBody};
use ledger_auth::{Administer, RegisterSchool, Subscribe};

problems!(RegisterProblems: SchoolExists, UnknownService);
problems!(
    SubscriptionProblems: PreconditionFailed, AllocationsOutstanding, UnknownService,
    TotalBelowUsage, TotalBelowAllocated,
);
problems!(SettingsProblems: PreconditionFailed, PlanRequired, UnknownService);

/// Registers a school.
///
/// Without a `school_id` the id is derived from the Idempotency-Key, so that a retry finds the
/// school.
#[utoipa::path(
    post,
    path = "/v1/schools",
    tag = "schools",
    params(IdempotencyKey),
    request_body = RegisterBody,
    responses(
        (status = 201, description = "The school is registered.", body = RegisteredAnswer,
            headers(("Location" = String, description = "The URL of the school."))),
        (status = 200, description = "The school was registered before.", body = RegisteredAnswer),
        RegisterProblems,
    ),
)]
pub async fn register_school(
    allowed: AllowedOnPlatform<RegisterSchool>,
    State(state): State<AppState>,
    meta: RequestMeta,
    Json(body): Json<RegisterBody>,
) -> Result<Written<RegisteredAnswer>, Problem> {
    let (name, actor) = (body.name.0.clone(), allowed.credential.actor);
    let (school, envelope) = body.into_envelope(actor, &meta, &state.catalogue())?;
    let receipt = state.submit(school, envelope).await?;
    let answer = answers::registered(name, &receipt)?;
    let path = format!("/v1/schools/{}", answer.subject.school_id);
    Ok(Written::created(&receipt, answer).located(path))
}

/// Changes a school's subscription.
///
/// A total below the used and held units is refused. A total below the allocated units is refused
/// as well unless `reclaim` is `by_priority`: then `reclaimed` lists the reduced allocations. With
/// `dry_run` the answer is a preview and nothing is changed.
#[utoipa::path(
    put,
    path = "/v1/schools/{school}/subscription",
    tag = "schools",
    params(SchoolPath, IdempotencyKey, IfMatch),
    request_body = SubscriptionBody,
    responses(
        (status = 200, description = "The subscription.", body = SubscriptionAnswer,
            headers(("ETag" = String, description = "The new version."))),
        SubscriptionProblems,
    ),
)]
pub async fn set_subscription(
    allowed: Allowed<Subscribe>,
    State(state): State<AppState>,
    meta: RequestMeta,
    IfMatch(version): IfMatch,
    Json(body): Json<SubscriptionBody>,
) -> Result<Written<SubscriptionAnswer>, Problem> {
    let dry_run = body.dry_run;
    let envelope = body.into_envelope(allowed.actor(), &meta, version, &state.catalogue())?;
    let receipt = state.submit(allowed.school, envelope).await?;
    let answer = answers::subscription(dry_run, &receipt)?;
    let version = answer.outcome.version.0;
    Ok(Written::ok(&receipt, answer).versioned(version))
}

/// Changes a school's settings. Members that are not given keep their values, and existing
/// allocations stay. A plan without allocation management refuses settings of allocations.
#[utoipa::path(
    patch,
    path = "/v1/schools/{school}/settings",
    tag = "schools",
    params(SchoolPath, IdempotencyKey, IfMatch),
    request_body = SettingsBody,
    responses(
        (status = 200, description = "The settings.", body = ChangedSettingsAnswer,
            headers(("ETag" = String, description = "The new version."))),
        SettingsProblems,
    ),
)]
pub async fn change_settings(
    allowed: Allowed<Administer>,
    State(state): State<AppState>,
    meta: RequestMeta,
    IfMatch(version): IfMatch,
    Json(body): Json<SettingsBody>,
) -> Result<Written<ChangedSettingsAnswer>, Problem> {
    let envelope = body.into_envelope(allowed.actor(), &meta, version, &state.catalogue())?;
    let receipt = state.submit(allowed.school, envelope).await?;
    let answer = answers::changed_settings(&receipt)?;
    let version = answer.outcome.version.0;
    Ok(Written::ok(&receipt, answer).versioned(version))
}
