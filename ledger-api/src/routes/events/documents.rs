//! How an event is documented.

use utoipa::ToSchema;
use uuid::Uuid;

use crate::openapi::schema;
use crate::values::{Actor, words};

/// An event of the log.
#[derive(Debug, ToSchema)]
#[schema(as = Event)]
#[allow(dead_code, reason = "it describes what log::EventView is written as")]
pub struct EventDocument {
    /// Whose log.
    school_id: Uuid,
    /// Its position in the school's log: 1, 2, 3 … without gaps.
    #[schema(value_type = schema::Seq)]
    seq: i64,
    /// Its identity in the school.
    event_id: Uuid,
    /// Its type.
    #[schema(value_type = words::EventType)]
    r#type: String,
    /// The version of the form of `data`.
    #[schema(minimum = 1)]
    version: i16,
    /// Who brought it about.
    actor: Actor,
    /// When it happened in the world.
    #[schema(value_type = schema::Instant)]
    occurred_at: String,
    /// When it was recorded; never before the event that precedes it.
    #[schema(value_type = schema::Instant)]
    recorded_at: String,
    /// What it came out of, when it was not asked for by itself.
    #[schema(value_type = String, required = false)]
    cause: Option<String>,
    /// What happened, in the form of its type.
    #[schema(value_type = Object)]
    data: String,
    /// The texts that `data` commits to, as far as they are still kept.
    #[schema(value_type = TextsDocument, required = false)]
    texts: Option<String>,
}

/// The texts that an event commits to, by the members of its data.
#[derive(Debug, ToSchema)]
#[schema(as = EventTexts)]
#[allow(dead_code, reason = "it describes what log::EventView is written as")]
pub struct TextsDocument {
    /// Why.
    reason: TextDocument,
}

/// A text, and what proves that it is the one: the commitment is SHA-256(salt ‖ text).
#[derive(Debug, ToSchema)]
#[schema(as = EventText)]
#[allow(dead_code, reason = "it describes what log::TextView is written as")]
pub struct TextDocument {
    /// What was written.
    text: String,
    /// 16 bytes in hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    salt: String,
}
