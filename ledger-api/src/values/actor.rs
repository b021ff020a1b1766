//! Who acted, as answers show it.

use utoipa::ToSchema;

use super::words;

/// Who acted, by an opaque id.
#[derive(Debug, ToSchema)]
#[schema(as = Actor)]
#[allow(
    dead_code,
    reason = "it describes what ledger_core::Actor is written as"
)]
pub struct ActorDocument {
    /// In which role.
    #[schema(value_type = words::Role)]
    role: String,
    /// Whose id: his own when the token's subject is a UUID, one derived from it otherwise.
    #[schema(value_type = Uuid)]
    id: String,
}
