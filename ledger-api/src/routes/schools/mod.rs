//! Schools: they are registered and read; what they buy and their own rules are changed.

mod answers;
mod bodies;
mod overage;
pub mod settings;
pub mod subscription;

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use ledger_core::Refusal;
use ledger_projections::{ProjectionName, roster};

use crate::auth::{Allowed, AllowedOnPlatform};
use crate::command::RequestMeta;
use crate::http::{IdempotencyKey, Json, Now, Query, SchoolPath, Written, etag, query};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::reads::begin_read;
use crate::state::AppState;
use answers::{RegisteredAnswer, SchoolDocument};
use bodies::RegisterBody;
use ledger_auth::{ReadSchool, RegisterSchool};

problems!(RegisterProblems: SchoolExists, UnknownService);

/// Registers a school.
///
/// Without a `school_id` the id follows from the Idempotency-Key, so that sending the request
/// again finds the school that it made.
#[utoipa::path(
    post,
    path = "/v1/schools",
    tag = "schools",
    params(IdempotencyKey),
    request_body = RegisterBody,
    responses(
        (status = 201, description = "The school is registered.", body = RegisteredAnswer,
            headers(("Location" = String, description = "Where the school is read."))),
        (status = 200, description = "It was registered before.", body = RegisteredAnswer),
        RegisterProblems,
    ),
)]
pub async fn register_school(
    allowed: AllowedOnPlatform<RegisterSchool>,
    State(state): State<AppState>,
    meta: RequestMeta,
    Json(body): Json<RegisterBody>,
) -> Result<Written<RegisteredAnswer>, Problem> {
    let name = body.name.0.clone();
    let actor = allowed.credential.actor;
    let (school, envelope) = body.into_envelope(actor, &meta, &state.catalogue())?;
    let receipt = state.submit(school, envelope).await?;
    let answer = RegisteredAnswer::of(name, &receipt)?;
    let path = format!("/v1/schools/{}", answer.school_id);
    Ok(Written::created(&receipt, answer).located(path))
}

query! {
    /// How a school is read.
    SchoolQuery {}
}

/// Reads a school: what it bought, and its own rules.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}",
    tag = "schools",
    params(SchoolPath, SchoolQuery),
    responses((status = 200, description = "The school.", body = SchoolDocument,
        headers(("ETag" = String, description = "The version of what it bought and its rules.")))),
)]
pub async fn read_school(
    allowed: Allowed<ReadSchool>,
    State(state): State<AppState>,
    Now(now): Now,
    Query(query): Query<SchoolQuery>,
) -> Result<impl IntoResponse, Problem> {
    let (caller, viewer) = (&allowed.credential, allowed.viewer());
    let roster = ProjectionName::Roster;
    let mut read = begin_read(&state, caller, viewer, roster, query.min_seq).await?;
    let school = roster::read::school(&mut read, now).await?;
    read.finish().await?;
    let school = school.ok_or(Refusal::SchoolNotFound)?;
    Ok(([(header::ETAG, etag(school.version))], JsonAnswer(school)))
}
