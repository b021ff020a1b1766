//! Answers about events.

use ledger_projections::log::{EventView, TextView};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::values::{Actor, EventType, Instant, Seq};

/// Events, oldest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventsAnswer {
    pub(super) events: Vec<Event>,
    /// The `after` of the next page; that of the request if there are no more events.
    pub(super) next_after: Seq,
}

/// An event of the log.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Event {
    school_id: Uuid,
    /// The position in the school's log: 1, 2, 3 … without gaps.
    seq: Seq,
    /// The id of the event in the school.
    event_id: Uuid,
    #[serde(rename = "type")]
    #[schema(value_type = EventType)]
    kind: &'static str,
    /// The version of the form of `data`.
    #[schema(minimum = 1)]
    version: i16,
    /// The actor who caused the event.
    actor: Actor,
    /// The time of the event.
    occurred_at: Instant,
    /// The time of recording; never before that of the preceding event.
    recorded_at: Instant,
    /// The cause, if the event was not requested by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    cause: Option<&'static str>,
    /// The data of the event, in the form of its type.
    #[schema(value_type = Object)]
    data: serde_json::Value,
    /// The texts that `data` commits to, unless they were erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = EventTexts, required = false)]
    texts: Option<EventTexts>,
}

/// The texts that an event commits to, by the members of its data.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventTexts {
    /// The reason.
    reason: EventText,
}

/// A text with its salt: the commitment is SHA-256(salt ‖ text).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventText {
    text: String,
    /// 16 bytes in hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    salt: String,
}

impl From<EventView> for Event {
    fn from(event: EventView) -> Self {
        Self {
            school_id: event.school_id.0,
            seq: event.seq.into(),
            event_id: event.event_id.0,
            kind: event.kind,
            version: event.version,
            actor: event.actor.into(),
            occurred_at: event.occurred_at.into(),
            recorded_at: event.recorded_at.into(),
            cause: event.cause,
            data: event.data,
            texts: event.texts.map(|texts| EventTexts {
                reason: texts.reason.into(),
            }),
        }
    }
}

impl From<TextView> for EventText {
    fn from(text: TextView) -> Self {
        let digits = text.salt.iter().map(|byte| format!("{byte:02x}"));
        Self {
            salt: digits.collect(),
            text: text.text,
        }
    }
}

impl Event {
    /// The position in the school's log.
    pub(in crate::routes) const fn seq(&self) -> ledger_core::Seq {
        self.seq.0
    }

    /// The name of the type.
    pub(in crate::routes) const fn kind(&self) -> &'static str {
        self.kind
    }
}
