//! API keys of the proxies of one school, and of proxies for all schools.
//!
//! They are credentials and not facts of the ledger: the log does not contain them.

mod answers;
mod bodies;

use axum::Json as JsonAnswer;

use crate::auth::Permit;
use crate::reads::require_school;
use crate::routes::prelude::*;
use answers::{ApiKey, ApiKeysAnswer, NewApiKeyAnswer};
use bodies::{ApiKeyBody, ApiKeyPath};
use ledger_auth::permission::{ManageApiKeys, ManagePlatformApiKeys};
use ledger_auth::{ApiKey as Secret, ApiKeyError, Tenancy};

problems!(CreateProblems: ApiKeyLimit);
problems!(RevokeProblems: ApiKeyNotFound);

/// Creates an API key for a proxy of the school. The key itself is returned only once.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/api-keys",
    responses(CreateProblems)
)]
pub async fn make_api_key(
    caller: Caller<Allowed<ManageApiKeys>>,
    Json(body): Json<ApiKeyBody>,
) -> Result<Made<NewApiKeyAnswer>, Problem> {
    require_school(&caller.state, caller.viewer()).await?;
    create(&caller, Tenancy::School(caller.school()), body).await
}

/// Lists the API keys of the school: valid ones first, then revoked ones.
#[utoipa::path(get, path = "/v1/schools/{school}/api-keys")]
pub async fn list_api_keys(
    caller: Caller<Allowed<ManageApiKeys>>,
) -> Result<JsonAnswer<ApiKeysAnswer>, Problem> {
    require_school(&caller.state, caller.viewer()).await?;
    list(&caller, Tenancy::School(caller.school())).await
}

/// Revokes an API key of the school, in every process within ten seconds. A revoked key stays
/// revoked.
#[utoipa::path(
    delete,
    path = "/v1/schools/{school}/api-keys/{key_id}",
    responses(RevokeProblems)
)]
pub async fn revoke_api_key(
    caller: Caller<Allowed<ManageApiKeys>>,
    Path(path): Path<ApiKeyPath>,
) -> Result<JsonAnswer<ApiKey>, Problem> {
    revoke(&caller, Tenancy::School(caller.school()), &path).await
}

/// Creates an API key for a proxy of all schools. The key itself is returned only once.
#[utoipa::path(post, path = "/v1/api-keys", responses(CreateProblems))]
pub async fn make_platform_api_key(
    caller: Caller<AllowedOnPlatform<ManagePlatformApiKeys>>,
    Json(body): Json<ApiKeyBody>,
) -> Result<Made<NewApiKeyAnswer>, Problem> {
    create(&caller, Tenancy::AllSchools, body).await
}

/// Lists the API keys for all schools: valid ones first, then revoked ones.
#[utoipa::path(get, path = "/v1/api-keys")]
pub async fn list_platform_api_keys(
    caller: Caller<AllowedOnPlatform<ManagePlatformApiKeys>>,
) -> Result<JsonAnswer<ApiKeysAnswer>, Problem> {
    list(&caller, Tenancy::AllSchools).await
}

/// Revokes an API key for all schools, in every process within ten seconds. A revoked key stays
/// revoked.
#[utoipa::path(delete, path = "/v1/api-keys/{key_id}", responses(RevokeProblems))]
pub async fn revoke_platform_api_key(
    caller: Caller<AllowedOnPlatform<ManagePlatformApiKeys>>,
    Path(path): Path<ApiKeyPath>,
) -> Result<JsonAnswer<ApiKey>, Problem> {
    revoke(&caller, Tenancy::AllSchools, &path).await
}

async fn create<P: Permit>(
    caller: &Caller<P>,
    tenancy: Tenancy,
    body: ApiKeyBody,
) -> Result<Made<NewApiKeyAnswer>, Problem> {
    let secret = Secret::generate(tenancy, &mut rand::rng());
    let (keys, created_by) = (caller.state.authenticator.api_keys(), caller.actor().id);
    let record = keys
        .create(&secret, &body.label.0, created_by, caller.now)
        .await?;
    Ok(Made(NewApiKeyAnswer::new(&secret, record)))
}

async fn list<P>(
    caller: &Caller<P>,
    tenancy: Tenancy,
) -> Result<JsonAnswer<ApiKeysAnswer>, Problem> {
    let records = caller.state.authenticator.api_keys().list(tenancy).await?;
    Ok(JsonAnswer(records.into()))
}

async fn revoke<P>(
    caller: &Caller<P>,
    tenancy: Tenancy,
    path: &ApiKeyPath,
) -> Result<JsonAnswer<ApiKey>, Problem> {
    let key_id = path.key_id.parse().map_err(|_| ApiKeyError::NotFound)?;
    let keys = caller.state.authenticator.api_keys();
    let record = keys.revoke(tenancy, key_id, caller.now).await?;
    Ok(JsonAnswer(record.into()))
}
