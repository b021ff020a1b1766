//! An event in the form of the API.

use ledger_core::{Actor, EventId, Recorded, SchoolId, Seq, Timestamp};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::error::ReadError;

/// An event of the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventView {
    /// The school of the stream.
    pub school_id: SchoolId,
    /// The position in the stream.
    pub seq: Seq,
    /// The event's id, unique in the school.
    pub event_id: EventId,
    /// The type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The version of the data's form.
    pub version: i16,
    /// The actor.
    pub actor: Actor,
    /// The time at which it happened.
    pub occurred_at: Timestamp,
    /// The time at which it was recorded.
    pub recorded_at: Timestamp,
    /// The cause, when the event was not requested directly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'static str>,
    /// The data, in the form of the type.
    pub data: Value,
    /// The texts of the data's commitments that are not erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub texts: Option<TextsView>,
}

/// The texts of an event's commitments, by the fields of its data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TextsView {
    /// The reason.
    pub reason: TextView,
}

/// A text with its salt, which prove the commitment: SHA-256(salt ‖ text).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TextView {
    /// The text.
    pub text: String,
    /// The salt; hexadecimal digits in JSON.
    #[serde(serialize_with = "hexadecimal")]
    pub salt: Vec<u8>,
}

fn hexadecimal<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    serializer.serialize_str(&digits)
}

impl EventView {
    pub(super) fn of(recorded: &Recorded, reason: Option<TextView>) -> Result<Self, ReadError> {
        let event = &recorded.event;
        let kind = event.kind();
        Ok(Self {
            school_id: recorded.school_id,
            seq: recorded.seq,
            event_id: recorded.event_id,
            kind: kind.as_str(),
            version: kind.version(),
            actor: recorded.actor,
            occurred_at: recorded.occurred_at,
            recorded_at: recorded.recorded_at,
            cause: event.cause().map(ledger_core::allocation::Cause::as_str),
            data: event.data().map_err(|_| ReadError::Unreadable("payload"))?,
            texts: reason.map(|reason| TextsView { reason }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_salt_is_written_in_hexadecimal_digits() {
        let text = TextView {
            text: "why".to_owned(),
            salt: vec![0, 10, 255],
        };
        let json = serde_json::to_value(text).unwrap();
        assert_eq!(json, serde_json::json!({"text": "why", "salt": "000aff"}));
    }
}
