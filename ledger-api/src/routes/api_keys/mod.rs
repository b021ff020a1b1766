//! API keys of the proxies of one school, and of proxies for all schools.
//!
//! They are credentials and not facts of the ledger: the log does not contain them.

mod answers;
mod bodies;

use axum::extract::State;
use axum::http::StatusCode;
use ledger_core::{ActorId, Timestamp};

use crate::auth::{Allowed, AllowedOnPlatform};
use crate::http::{Json, Now, Path, SchoolPath};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::reads::require_school;
use crate::state::AppState;
use answers::{ApiKey, ApiKeysAnswer, NewApiKeyAnswer};
use bodies::{ApiKeyBody, ApiKeyPath};
use ledger_auth::{ApiKey as Secret, ApiKeyError, ManageApiKeys, ManagePlatformApiKeys, Tenancy};

problems!(CreateProblems: ApiKeyLimit);
problems!(RevokeProblems: ApiKeyNotFound);

/// Creates an API key for a proxy of the school. The key itself is returned only once.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/api-keys",
    tag = "api-keys",
    params(SchoolPath),
    request_body = ApiKeyBody,
    responses(
        (status = 201, description = "The key.", body = NewApiKeyAnswer),
        CreateProblems,
    ),
)]
pub async fn make_api_key(
    allowed: Allowed<ManageApiKeys>,
    State(state): State<AppState>,
    Now(now): Now,
    Json(body): Json<ApiKeyBody>,
) -> Result<(StatusCode, axum::Json<NewApiKeyAnswer>), Problem> {
    require_school(&state, allowed.viewer()).await?;
    let tenancy = Tenancy::School(allowed.school);
    create(&state, tenancy, body, allowed.actor().id, now).await
}

/// Lists the API keys of the school: valid ones first, then revoked ones.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/api-keys",
    tag = "api-keys",
    params(SchoolPath),
    responses((status = 200, description = "The keys.", body = ApiKeysAnswer)),
)]
pub async fn list_api_keys(
    allowed: Allowed<ManageApiKeys>,
    State(state): State<AppState>,
) -> Result<axum::Json<ApiKeysAnswer>, Problem> {
    require_school(&state, allowed.viewer()).await?;
    list(&state, Tenancy::School(allowed.school)).await
}

/// Revokes an API key of the school, in every process within ten seconds. A revoked key stays
/// revoked.
#[utoipa::path(
    delete,
    path = "/v1/schools/{school}/api-keys/{key_id}",
    tag = "api-keys",
    params(SchoolPath, ApiKeyPath),
    responses((status = 200, description = "The key is revoked.", body = ApiKey), RevokeProblems),
)]
pub async fn revoke_api_key(
    allowed: Allowed<ManageApiKeys>,
    State(state): State<AppState>,
    Now(now): Now,
    Path(path): Path<ApiKeyPath>,
) -> Result<axum::Json<ApiKey>, Problem> {
    revoke(&state, Tenancy::School(allowed.school), &path, now).await
}

/// Creates an API key for a proxy of all schools. The key itself is returned only once.
#[utoipa::path(
    post,
    path = "/v1/api-keys",
    tag = "api-keys",
    request_body = ApiKeyBody,
    responses(
        (status = 201, description = "The key.", body = NewApiKeyAnswer),
        CreateProblems,
    ),
)]
pub async fn make_platform_api_key(
    allowed: AllowedOnPlatform<ManagePlatformApiKeys>,
    State(state): State<AppState>,
    Now(now): Now,
    Json(body): Json<ApiKeyBody>,
) -> Result<(StatusCode, axum::Json<NewApiKeyAnswer>), Problem> {
    let actor_id = allowed.credential.actor.id;
    create(&state, Tenancy::AllSchools, body, actor_id, now).await
}

/// Lists the API keys for all schools: valid ones first, then revoked ones.
#[utoipa::path(
    get,
    path = "/v1/api-keys",
    tag = "api-keys",
    responses((status = 200, description = "The keys.", body = ApiKeysAnswer)),
)]
pub async fn list_platform_api_keys(
    _: AllowedOnPlatform<ManagePlatformApiKeys>,
    State(state): State<AppState>,
) -> Result<axum::Json<ApiKeysAnswer>, Problem> {
    list(&state, Tenancy::AllSchools).await
}

/// Revokes an API key for all schools, in every process within ten seconds. A revoked key stays
/// revoked.
#[utoipa::path(
    delete,
    path = "/v1/api-keys/{key_id}",
    tag = "api-keys",
    params(ApiKeyPath),
    responses((status = 200, description = "The key is revoked.", body = ApiKey), RevokeProblems),
)]
pub async fn revoke_platform_api_key(
    _: AllowedOnPlatform<ManagePlatformApiKeys>,
    State(state): State<AppState>,
    Now(now): Now,
    Path(path): Path<ApiKeyPath>,
) -> Result<axum::Json<ApiKey>, Problem> {
    revoke(&state, Tenancy::AllSchools, &path, now).await
}

async fn create(
    state: &AppState,
    tenancy: Tenancy,
    body: ApiKeyBody,
    created_by: ActorId,
    now: Timestamp,
) -> Result<(StatusCode, axum::Json<NewApiKeyAnswer>), Problem> {
    let secret = Secret::generate(tenancy, &mut rand::rng());
    let keys = state.authenticator.api_keys();
    let record = keys.create(&secret, &body.label.0, created_by, now).await?;
    let answer = NewApiKeyAnswer::new(&secret, record);
    Ok((StatusCode::CREATED, axum::Json(answer)))
}

async fn list(state: &AppState, tenancy: Tenancy) -> Result<axum::Json<ApiKeysAnswer>, Problem> {
    let records = state.authenticator.api_keys().list(tenancy).await?;
    Ok(axum::Json(records.into()))
}

async fn revoke(
    state: &AppState,
    tenancy: Tenancy,
    path: &ApiKeyPath,
    now: Timestamp,
) -> Result<axum::Json<ApiKey>, Problem> {
    let key_id = path.key_id.parse().map_err(|_| ApiKeyError::NotFound)?;
    let keys = state.authenticator.api_keys();
    let record = keys.revoke(tenancy, key_id, now).await?;
    Ok(axum::Json(record.into()))
}
