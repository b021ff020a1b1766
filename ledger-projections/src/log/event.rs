//! An event as its readers see it.

use ledger_core::{Actor, EventId, Recorded, SchoolId, Seq, Timestamp};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::error::ReadError;

/// An event of the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventView {
    /// Whose stream.
    pub school_id: SchoolId,
    /// Where in the stream.
    pub seq: Seq,
    /// Its identity in the school.
    pub event_id: EventId,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The version of the form of its data.
    pub version: i16,
    /// Who brought it about.
    pub actor: Actor,
    /// When it happened in the world.
    pub occurred_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// What it came out of, when it was not asked for by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'static str>,
    /// What happened, in the form of its type.
    pub data: Value,
    /// The texts that the data commits to, as far as they are still kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub texts: Option<TextsView>,
}

/// The texts that an event commits to, by the members of its data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TextsView {
    /// Why.
    pub reason: TextView,
}

/// A text, and what proves that it is the one that was committed to: the commitment is
/// SHA-256(salt ‖ text).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TextView {
    /// What was written.
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
