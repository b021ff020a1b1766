//! What is told of API keys.

use std::fmt;

use ledger_core::{ActorId, SchoolId, Timestamp};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::schema;
use ledger_auth::{ApiKey, ApiKeyRecord, Tenancy};

/// What is known of a key. The key itself is not kept.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub struct ApiKeyAnswer {
    /// Its id.
    #[schema(pattern = "^[0-9a-f]{16}$")]
    key_id: String,
    /// Whose proxy it is for; none: of all schools.
    #[schema(value_type = Option<Uuid>, required)]
    school_id: Option<SchoolId>,
    /// What people call it.
    label: String,
    /// When it was made.
    #[schema(value_type = schema::Instant)]
    created_at: Timestamp,
    /// By whom.
    #[schema(value_type = Uuid)]
    created_by: ActorId,
    /// Since when it is void, if it is.
    #[schema(value_type = Option<schema::Instant>, required)]
    revoked_at: Option<Timestamp>,
}

impl ApiKeyAnswer {
    pub(super) fn of(record: ApiKeyRecord) -> Self {
        Self {
            key_id: record.id.to_string(),
            school_id: match record.tenancy {
                Tenancy::School(school) => Some(school),
                Tenancy::AllSchools => None,
            },
            label: record.label,
            created_at: record.created_at,
            created_by: record.created_by,
            revoked_at: record.revoked_at,
        }
    }
}

/// Keys: those in force, then those that were revoked; newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ApiKeysAnswer {
    /// The keys; of those that were revoked, the newest.
    api_keys: Vec<ApiKeyAnswer>,
}

impl ApiKeysAnswer {
    pub(super) fn of(records: Vec<ApiKeyRecord>) -> Self {
        let api_keys = records.into_iter().map(ApiKeyAnswer::of).collect();
        Self { api_keys }
    }
}

/// A key that was made.
#[derive(Serialize, ToSchema)]
pub struct NewApiKeyAnswer {
    /// Its id.
    #[schema(pattern = "^[0-9a-f]{16}$")]
    key_id: String,
    /// The key, to be sent as `Authorization: Bearer <key>`. It is told this once.
    api_key: String,
    /// Whose proxy it is for; none: of all schools.
    #[schema(value_type = Option<Uuid>, required)]
    school_id: Option<SchoolId>,
    /// What people call it.
    label: String,
    /// When it was made.
    #[schema(value_type = schema::Instant)]
    created_at: Timestamp,
    /// By whom.
    #[schema(value_type = Uuid)]
    created_by: ActorId,
}

impl NewApiKeyAnswer {
    pub(super) fn of(key: &ApiKey, record: ApiKeyRecord) -> Self {
        let known = ApiKeyAnswer::of(record);
        Self {
            key_id: known.key_id,
            api_key: key.reveal().expose_secret().to_owned(),
            school_id: known.school_id,
            label: known.label,
            created_at: known.created_at,
            created_by: known.created_by,
        }
    }
}

// Without the key.
impl fmt::Debug for NewApiKeyAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewApiKeyAnswer")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}
