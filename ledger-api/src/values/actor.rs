//! The actor of an event.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Role;

/// The actor of an event, by an opaque id.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Actor {
    /// The actor's role.
    role: Role,
    /// The subject of the actor's token if it is a UUID, an id derived from it otherwise.
    id: Uuid,
}

impl From<ledger_core::Actor> for Actor {
    fn from(actor: ledger_core::Actor) -> Self {
        Self {
            role: actor.role.into(),
            id: actor.id.0,
        }
    }
}
