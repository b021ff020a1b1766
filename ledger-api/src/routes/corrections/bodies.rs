//! Bodies of corrections.

use ledger_core::usage::{CorrectUsage, UsageCommand};
use ledger_core::{Action, Attribute as CoreAttribute, CommandKey, EventId, Key};
use ledger_store::writer::Envelope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Schema};
use utoipa::openapi::{RefOr, Type};

use crate::command::{Origin, free_text};
use crate::http::fingerprint;
use crate::problem::{Code, Problem};
use crate::values::schema::one_of_words;
use crate::values::{Attribute, Constrained, Constraint, Reason, SomeUnits, exactly_one};

/// The kind of usage that an id names: a debit, a hold and a reported event can have the same id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsageKind {
    /// A debit.
    #[default]
    Debit,
    /// A settled hold.
    Hold,
    /// A CloudEvent that reported usage; it needs its `source`.
    Event,
}

/// The units to refund, and the reason.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "units": 1, "reason": "the answer was empty" }))]
pub struct CorrectionBody {
    /// The number of units; by default all that are not refunded yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    units: Option<SomeUnits>,
    reason: Reason,
    /// The kind of usage that the path names.
    #[serde(default)]
    #[schema(required = false)]
    kind: UsageKind,
    /// The `source` of a CloudEvent.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Attribute>,
}

/// The schema of a correction.
pub type CorrectionSchema = Constrained<CorrectionBody>;

impl Constraint for CorrectionBody {
    fn constraints() -> Vec<Schema> {
        let branch = |kinds: &[&'static str], source: Type| {
            ObjectBuilder::new()
                .property("kind", one_of_words(kinds.iter().copied()))
                .property("source", ObjectBuilder::new().schema_type(source))
        };
        let event = branch(&["event"], Type::String)
            .required("kind")
            .required("source");
        let branches = [event, branch(&["debit", "hold"], Type::Null)];
        vec![exactly_one(branches.map(RefOr::<Schema>::from))]
    }
}

impl CorrectionBody {
    /// The id of the event that recorded the usage, which follows from the caller's id.
    pub(super) fn usage_id(&self, id: &CoreAttribute) -> Result<EventId, Problem> {
        let keyed = |command_key: fn(Key) -> CommandKey| {
            // An attribute can be longer than the id of any debit or hold.
            let key = Key::new(id.as_str()).map(command_key);
            key.map_err(|error| Problem::new(Code::UsageNotFound, error.to_string()))
        };
        let key = match (self.kind, &self.source) {
            (UsageKind::Debit, None) => keyed(CommandKey::Debit)?,
            (UsageKind::Hold, None) => keyed(CommandKey::HoldClosing)?,
            (UsageKind::Event, Some(source)) => CommandKey::Reported {
                source: source.0.clone(),
                id: id.clone(),
            },
            (UsageKind::Event, None) => {
                return Err(Problem::invalid("source is required for an event").at("source"));
            }
            (UsageKind::Debit | UsageKind::Hold, Some(_)) => {
                return Err(Problem::invalid("source is allowed for an event only").at("source"));
            }
        };
        Ok(key.first_event_id())
    }

    pub(super) fn into_envelope(
        self,
        usage_id: EventId,
        origin: &Origin,
    ) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("correct-usage", &[&usage_id], &self)?;
        let command = CorrectUsage {
            usage_id,
            units: self.units.map(|units| units.0),
            reason: free_text("reason", &self.reason.0)?,
        };
        let action = Action::Usage(UsageCommand::Correct(command));
        Ok(origin.envelope(fingerprint, action))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parse_json;

    fn usage_id(body: &str) -> Result<EventId, Problem> {
        let id = CoreAttribute::new("a").unwrap();
        parse_json::<CorrectionBody>(body.as_bytes())?.usage_id(&id)
    }

    #[test]
    fn a_debit_a_hold_and_an_event_of_one_id_differ() {
        let ids = [
            usage_id(r#"{"reason": "x"}"#).unwrap(),
            usage_id(r#"{"reason": "x", "kind": "hold"}"#).unwrap(),
            usage_id(r#"{"reason": "x", "kind": "event", "source": "/a"}"#).unwrap(),
            usage_id(r#"{"reason": "x", "kind": "event", "source": "/b"}"#).unwrap(),
        ];
        let different: std::collections::BTreeSet<_> = ids.iter().map(|id| id.0).collect();
        assert_eq!(different.len(), 4);
        assert_eq!(
            ids[0],
            usage_id(r#"{"reason": "x", "kind": "debit"}"#).unwrap()
        );
    }

    #[test]
    fn only_an_event_has_a_source() {
        for body in [
            r#"{"reason": "x", "kind": "event"}"#,
            r#"{"reason": "x", "source": "/a"}"#,
            r#"{"reason": "x", "kind": "hold", "source": "/a"}"#,
            r#"{"kind": "debit"}"#,
            r#"{"reason": "x", "units": 0}"#,
        ] {
            assert!(usage_id(body).is_err(), "{body}");
        }
    }
}
