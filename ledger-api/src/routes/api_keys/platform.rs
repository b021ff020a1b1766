//! API keys of proxies that serve all schools.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::answers::{ApiKeyAnswer, ApiKeysAnswer, NewApiKeyAnswer};
use super::{ApiKeyBody, MakeProblems, RevokeProblems, list, make, revoke};
use crate::auth::AllowedOnPlatform;
use crate::http::{Json, Now, Path};
use crate::problem::Problem;
use crate::state::AppState;
use ledger_auth::{ManagePlatformApiKeys, Tenancy};

/// A path that names an API key that is for all schools.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct PlatformApiKeyPath {
    /// The key's id.
    #[param(pattern = "^[0-9a-f]{16}$")]
    key_id: String,
}

/// Makes an API key for a proxy of all schools. The key itself is told this once.
#[utoipa::path(
    post,
    path = "/v1/api-keys",
    tag = "api-keys",
    request_body = ApiKeyBody,
    responses(
        (status = 201, description = "The key.", body = NewApiKeyAnswer),
        MakeProblems,
    ),
)]
pub async fn make_platform_api_key(
    allowed: AllowedOnPlatform<ManagePlatformApiKeys>,
    State(state): State<AppState>,
    Now(now): Now,
    Json(body): Json<ApiKeyBody>,
) -> Result<(StatusCode, axum::Json<NewApiKeyAnswer>), Problem> {
    let by = allowed.credential.actor.id;
    make(&state, Tenancy::AllSchools, body, by, now).await
}

/// Lists the API keys that are for all schools: those in force, then those that were revoked.
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

/// Makes an API key for all schools void, within ten seconds everywhere. One that is void stays so.
#[utoipa::path(
    delete,
    path = "/v1/api-keys/{key_id}",
    tag = "api-keys",
    params(PlatformApiKeyPath),
    responses((status = 200, description = "The key is void.", body = ApiKeyAnswer), RevokeProblems),
)]
pub async fn revoke_platform_api_key(
    _: AllowedOnPlatform<ManagePlatformApiKeys>,
    State(state): State<AppState>,
    Now(now): Now,
    Path(path): Path<PlatformApiKeyPath>,
) -> Result<axum::Json<ApiKeyAnswer>, Problem> {
    revoke(&state, Tenancy::AllSchools, &path.key_id, now).await
}
