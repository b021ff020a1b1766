//! API keys of programs: of a school's proxy here, of proxies for all schools in [`platform`].
//!
//! They are credentials, not facts of the ledger: nothing about them is in the log.

mod answers;
pub mod platform;

use axum::extract::State;
use axum::http::StatusCode;
use ledger_core::{ActorId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::auth::Allowed;
use crate::http::{Json, Now, Path, SchoolPath};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::reads::require_school;
use crate::state::AppState;
use crate::values::Label;
use answers::{ApiKeyAnswer, ApiKeysAnswer, NewApiKeyAnswer};
use ledger_auth::{ApiKey, ApiKeyError, ManageApiKeys, Tenancy};

/// A key to make.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "label": "the AI proxy in production" }))]
pub struct ApiKeyBody {
    /// What people call it.
    label: Label,
}

/// A path that names an API key of a school.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ApiKeyPath {
    /// The school.
    #[allow(dead_code, reason = "the permission has read it")]
    school: Uuid,
    /// The key's id.
    #[param(pattern = "^[0-9a-f]{16}$")]
    key_id: String,
}

problems!(MakeProblems: ApiKeyLimit);
problems!(RevokeProblems: ApiKeyNotFound);

/// Makes an API key for a proxy of the school. The key itself is told this once.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/api-keys",
    tag = "api-keys",
    params(SchoolPath),
    request_body = ApiKeyBody,
    responses(
        (status = 201, description = "The key.", body = NewApiKeyAnswer),
        MakeProblems,
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
    make(&state, tenancy, body, allowed.actor().id, now).await
}

/// Lists the API keys of the school: those in force, then those that were revoked.
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

/// Makes an API key of the school void, within ten seconds everywhere. One that is void stays so.
#[utoipa::path(
    delete,
    path = "/v1/schools/{school}/api-keys/{key_id}",
    tag = "api-keys",
    params(ApiKeyPath),
    responses((status = 200, description = "The key is void.", body = ApiKeyAnswer), RevokeProblems),
)]
pub async fn revoke_api_key(
    allowed: Allowed<ManageApiKeys>,
    State(state): State<AppState>,
    Now(now): Now,
    Path(path): Path<ApiKeyPath>,
) -> Result<axum::Json<ApiKeyAnswer>, Problem> {
    revoke(&state, Tenancy::School(allowed.school), &path.key_id, now).await
}

async fn make(
    state: &AppState,
    tenancy: Tenancy,
    body: ApiKeyBody,
    by: ActorId,
    now: Timestamp,
) -> Result<(StatusCode, axum::Json<NewApiKeyAnswer>), Problem> {
    let key = ApiKey::generate(tenancy, &mut rand::rng());
    let keys = state.authenticator.api_keys();
    let record = keys.create(&key, &body.label.0, by, now).await?;
    let answer = NewApiKeyAnswer::of(&key, record);
    Ok((StatusCode::CREATED, axum::Json(answer)))
}

async fn list(state: &AppState, tenancy: Tenancy) -> Result<axum::Json<ApiKeysAnswer>, Problem> {
    let records = state.authenticator.api_keys().list(tenancy).await?;
    Ok(axum::Json(ApiKeysAnswer::of(records)))
}

async fn revoke(
    state: &AppState,
    tenancy: Tenancy,
    key_id: &str,
    now: Timestamp,
) -> Result<axum::Json<ApiKeyAnswer>, Problem> {
    let key_id = key_id.parse().map_err(|_| ApiKeyError::NotFound)?;
    let keys = state.authenticator.api_keys();
    let record = keys.revoke(tenancy, key_id, now).await?;
    Ok(axum::Json(ApiKeyAnswer::of(record)))
}
