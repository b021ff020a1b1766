//! Bodies and paths of requests about API keys.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::values::Label;

/// An API key to create.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "label": "the AI proxy in production" }))]
pub struct ApiKeyBody {
    pub(super) label: Label,
}

/// The part of a path that names an API key.
#[derive(Clone, Debug, Deserialize, IntoParams)]
pub struct ApiKeyPath {
    /// The id of the API key.
    #[param(pattern = "^[0-9a-f]{16}$")]
    pub(super) key_id: String,
}
