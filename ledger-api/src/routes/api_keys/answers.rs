//! Answers about API keys.

use std::fmt;

use ledger_auth::{ApiKey as Secret, ApiKeyRecord, Tenancy};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::values::Instant;

/// An API key without its secret, which is not stored.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ApiKey {
    #[schema(pattern = "^[0-9a-f]{16}$")]
    key_id: String,
    /// The school of the key; null for all schools.
    #[schema(required)]
    school_id: Option<Uuid>,
    label: String,
    created_at: Instant,
    /// The id of the actor who created the key.
    created_by: Uuid,
    /// The time of the revocation.
    #[schema(required)]
    revoked_at: Option<Instant>,
}

impl From<ApiKeyRecord> for ApiKey {
    fn from(record: ApiKeyRecord) -> Self {
        Self {
            key_id: record.id.to_string(),
            school_id: match record.tenancy {
                Tenancy::School(school) => Some(school.0),
                Tenancy::AllSchools => None,
            },
            label: record.label,
            created_at: record.created_at.into(),
            created_by: record.created_by.0,
            revoked_at: record.revoked_at.map(Into::into),
        }
    }
}

/// API keys: valid ones first, then revoked ones; newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ApiKeysAnswer {
    /// All valid keys and the newest revoked ones.
    api_keys: Vec<ApiKey>,
}

impl From<Vec<ApiKeyRecord>> for ApiKeysAnswer {
    fn from(records: Vec<ApiKeyRecord>) -> Self {
        let api_keys = records.into_iter().map(ApiKey::from).collect();
        Self { api_keys }
    }
}

/// A new API key with its secret.
#[derive(Serialize, ToSchema)]
pub struct NewApiKeyAnswer {
    #[schema(pattern = "^[0-9a-f]{16}$")]
    key_id: String,
    /// The key, for `Authorization: Bearer <key>`. It is returned only once.
    api_key: String,
    /// The school of the key; null for all schools.
    #[schema(required)]
    school_id: Option<Uuid>,
    label: String,
    created_at: Instant,
    /// The id of the actor who created the key.
    created_by: Uuid,
}

impl NewApiKeyAnswer {
    pub(super) fn new(secret: &Secret, record: ApiKeyRecord) -> Self {
        let key = ApiKey::from(record);
        Self {
            key_id: key.key_id,
            api_key: secret.reveal().expose_secret().to_owned(),
            school_id: key.school_id,
            label: key.label,
            created_at: key.created_at,
            created_by: key.created_by,
        }
    }
}

// Omits the secret.
impl fmt::Debug for NewApiKeyAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewApiKeyAnswer")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}
