//! A CloudEvent 1.0 that reports usage (CloudEvents 1.0.2, "Context Attributes" and "JSON Event
//! Format").

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger_core::usage::{Report, UsageCommand};
use ledger_core::{Actor, Attribute as CoreAttribute, CommandKey, ExternalId, Owner, Timestamp};
use ledger_store::writer::Envelope;
use serde::de::IgnoredAny;
use serde::de::value::MapDeserializer;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::command::{free_text, usage_envelope};
use crate::http::fingerprint;
use crate::problem::{Code, Problem};
use crate::routes::debits::call::call_body;
use crate::values::{Attribute, Instant};

/// The version of CloudEvents.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
pub enum SpecVersion {
    /// Version 1.0.
    #[serde(rename = "1.0")]
    One,
}

/// A CloudEvent 1.0 that reports usage. Further attributes, and further members of `data`, are
/// ignored.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = UsageReport, example = json!({
    "specversion": "1.0", "id": "01J9ZQ", "source": "https://gateway.example",
    "type": "claude_messages", "subject": "ada@example.org", "time": "2026-11-24T08:00:00Z",
    "data": { "model": "claude-sonnet-4", "input_tokens": 812, "output_tokens": 344 }
}))]
pub struct UsageEvent {
    /// The version of CloudEvents: "1.0".
    #[schema(value_type = SpecVersion, required)]
    specversion: Option<SpecVersion>,
    /// The id of the event, with its `source` unique in the school for ever. The first event of an
    /// id counts; later ones are ignored.
    #[schema(value_type = Attribute, required)]
    id: Option<Attribute>,
    /// The producer of the event.
    #[schema(value_type = Attribute, required)]
    source: Option<Attribute>,
    /// The service, unless `data` names one.
    #[schema(value_type = Attribute, required)]
    r#type: Option<Attribute>,
    /// The member, by external id or member id. Usage without a subject, or of an unknown one,
    /// stays unattributed.
    #[schema(value_type = Option<Attribute>)]
    subject: Option<String>,
    /// The time of the usage; by default, and if it is more than 5 minutes ahead, now.
    time: Option<Instant>,
    /// The facts of the call.
    #[serde(default, deserialize_with = "read_apart")]
    data: Option<ReportData>,
    /// `data` as the base64 of a JSON object.
    #[schema(ignore)]
    data_base64: Option<String>,
}

call_body! {
    /// The facts of a reported call.
    #[derive(Default)]
    #[schema(as = UsageReportData)]
    ReportData {
        /// The service, by name or alias. Usage of an unknown one stays unattributed.
        #[serde(skip_serializing_if = "Option::is_none")]
        service: Option<Attribute>,
    }
}

/// Skips `data`, which [`UsageEvent::set_data`] parses: so a fault names its place.
fn read_apart<'de, D: Deserializer<'de>>(data: D) -> Result<Option<ReportData>, D::Error> {
    IgnoredAny::deserialize(data).map(|_| None)
}

/// The members of a JSON object; of two of one name the last.
type Members = BTreeMap<String, Box<RawValue>>;

impl UsageEvent {
    /// Parses an event in structured mode.
    ///
    /// # Errors
    /// [`Code::InvalidEvent`] with the place at fault.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let members: Members = serde_json::from_slice(bytes)
            .map_err(|error| fault(".", &format!("an event is a JSON object: {error}")))?;
        let mut event: Self = read(raw(&members), "")?;
        if let Some(data) = members.get("data") {
            event.set_data(data.get().as_bytes())?;
        }
        event.decode_data()?;
        Ok(event)
    }

    /// Builds an event in binary mode: its attributes are headers, its `data` is the body.
    ///
    /// # Errors
    /// [`Code::InvalidEvent`] with the place at fault.
    pub(super) fn from_parts(attributes: Map<String, Value>, data: &[u8]) -> Result<Self, Problem> {
        let mut event: Self = read(Value::Object(attributes), "")?;
        if !data.is_empty() {
            event.set_data(data)?;
        }
        Ok(event)
    }

    fn set_data(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        if bytes.trim_ascii() != b"null" {
            self.data = Some(parse_data(bytes, "data", "data is a JSON object")?);
        }
        Ok(())
    }

    fn decode_data(&mut self) -> Result<(), Problem> {
        const ENCODED_OBJECT: &str = "data_base64 is the base64 of a JSON object";
        let Some(encoded) = self.data_base64.take() else {
            return Ok(());
        };
        if self.data.is_some() {
            return Err(fault(
                "data",
                "an event has only one of data and data_base64",
            ));
        }
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| fault("data_base64", ENCODED_OBJECT))?;
        self.data = Some(parse_data(&bytes, "data_base64", ENCODED_OBJECT)?);
        Ok(())
    }

    /// Wraps the report for the writer.
    ///
    /// # Errors
    /// [`Code::InvalidEvent`] with the place at fault.
    pub(super) fn into_envelope(self, actor: Actor, now: Timestamp) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("report-usage", &[], &self)?;
        let _: SpecVersion = required("specversion", self.specversion)?;
        let id = required("id", self.id)?.0;
        let source = required("source", self.source)?.0;
        let kind = required("type", self.r#type)?;
        let subject = subject(self.subject)?;
        let mut data = self.data.unwrap_or_default();
        let text = subject.as_ref().map(CoreAttribute::as_str);
        let report = Report {
            id: id.clone(),
            source: source.clone(),
            owner: text
                .and_then(|text| ExternalId::new(text).ok())
                .map(Owner::External),
            subject: text.map(|text| free_text("subject", text)).transpose()?,
            service: data.service.take().unwrap_or(kind).0,
            units: data.units.map(|units| units.0),
            occurred_at: self.time.map(|time| time.0),
            call: data.take_call(),
        };
        let (key, command) = (
            CommandKey::Reported { source, id },
            UsageCommand::Report(report),
        );
        Ok(usage_envelope(&key, fingerprint, actor, now, command))
    }
}

fn parse_data(bytes: &[u8], at: &str, expected: &str) -> Result<ReportData, Problem> {
    let members: Members = serde_json::from_slice(bytes).map_err(|_| fault(at, expected))?;
    read(raw(&members), "data.")
}

fn raw(members: &Members) -> impl Deserializer<'_, Error = serde_json::Error> {
    let members = members.iter();
    MapDeserializer::new(members.map(|(name, value)| (name.as_str(), &**value)))
}

/// Deserializes an object whose path begins with `place`.
fn read<'de, T, D>(object: D, place: &str) -> Result<T, Problem>
where
    T: Deserialize<'de>,
    D: Deserializer<'de, Error: std::fmt::Display>,
{
    serde_path_to_error::deserialize(object).map_err(|error| {
        let at = format!("{place}{}", error.path());
        let message = error.inner().to_string();
        // The position is one within the member, which has its path.
        let message = message.split(" at line ").next().unwrap_or_default();
        fault(&at, &format!("{at}: {message}"))
    })
}

/// The problem of an event, with the place at fault.
pub(super) fn fault(at: &str, detail: &str) -> Problem {
    Problem::new(Code::InvalidEvent, detail).at(at)
}

fn required<T>(name: &str, attribute: Option<T>) -> Result<T, Problem> {
    attribute.ok_or_else(|| fault(name, &format!("an event needs its {name}")))
}

/// A blank subject is none.
fn subject(text: Option<String>) -> Result<Option<CoreAttribute>, Problem> {
    let text = text.filter(|text| !text.trim().is_empty());
    text.map(|text| CoreAttribute::new(&text))
        .transpose()
        .map_err(|error| fault("subject", &format!("subject: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::Action;
    use serde_json::json;

    fn reported(event: Value) -> Result<Report, Problem> {
        let now = Timestamp::new("2026-11-24T08:00:00Z".parse().unwrap());
        let bytes = serde_json::to_vec(&event).unwrap();
        let request = UsageEvent::parse(&bytes)?.into_envelope(Actor::SYSTEM, now)?;
        match request.command.action {
            Action::Usage(UsageCommand::Report(report)) => Ok(report),
            Action::School(_)
            | Action::Department(_)
            | Action::Allocation(_)
            | Action::Usage(_)
            | Action::Request(_) => {
                panic!("not a report")
            }
        }
    }

    fn event() -> Value {
        json!({
            "specversion": "1.0", "id": "a", "source": "/gateway", "type": "claude_messages",
            "subject": "ada@example.org", "time": "2026-11-24T07:00:00Z", "traceparent": "00-1",
            "data": {"units": 2, "model": "opus", "input_tokens": 9, "prompt_hash": "ignored"},
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut event = event();
        event[name] = value;
        event
    }

    fn at(event: Value) -> Value {
        let problem = reported(event).unwrap_err();
        assert_eq!(problem.code, Code::InvalidEvent);
        problem.to_json()["at"].clone()
    }

    #[test]
    fn an_event_names_member_service_and_units() {
        let report = reported(event()).unwrap();
        assert_eq!(report.service.as_str(), "claude_messages");
        assert_eq!(report.units.map(ledger_core::Units::get), Some(2));
        assert_eq!(report.subject.unwrap().text(), "ada@example.org");
        assert_eq!(report.call.model.as_deref(), Some("opus"));
        let ada = ExternalId::new("ada@example.org").unwrap();
        assert_eq!(report.owner, Some(Owner::External(ada)));
    }

    #[test]
    fn the_service_of_data_takes_precedence_over_the_type() {
        let report = reported(with("data", json!({"service": "assessment_ai"}))).unwrap();
        assert_eq!(report.service.as_str(), "assessment_ai");
    }

    #[test]
    fn data_subject_and_time_are_optional() {
        let bare = json!({"specversion": "1.0", "id": "a", "source": "s", "type": "t"});
        let report = reported(bare).unwrap();
        assert_eq!((report.subject, report.units), (None, None));
        let blank = reported(with("subject", json!(" "))).unwrap();
        assert_eq!(blank.subject, None);
        assert!(reported(with("data", Value::Null)).is_ok());
    }

    #[test]
    fn data_can_be_base64() {
        let mut encoded = event();
        encoded.as_object_mut().unwrap().remove("data");
        encoded["data_base64"] = json!(STANDARD.encode(r#"{"units": 5}"#));
        assert_eq!(
            reported(encoded.clone())
                .unwrap()
                .units
                .map(ledger_core::Units::get),
            Some(5)
        );
        encoded["data_base64"] = json!(STANDARD.encode("5"));
        assert_eq!(at(encoded), "data_base64");
    }

    #[test]
    fn the_last_of_two_members_of_one_name_counts() {
        let text = r#"{"specversion": "1.0", "id": "a", "id": "b", "source": "s", "type": "t",
            "data": {"units": 1, "units": 2}}"#;
        let event = UsageEvent::parse(text.as_bytes()).unwrap();
        assert_eq!(event.id.unwrap().0.as_str(), "b");
        assert_eq!(event.data.unwrap().units.unwrap().0.get(), 2);
    }

    #[test]
    fn unknown_members_are_any_json() {
        let text = r#"{"specversion": "1.0", "id": "a", "source": "s", "type": "t", "extra": 1e999,
            "data": {"units": 2, "more": {"deep": [-1e999, 1e-999]}}}"#;
        let now = Timestamp::new("2026-11-24T08:00:00Z".parse().unwrap());
        let event = UsageEvent::parse(text.as_bytes()).unwrap();
        assert!(event.into_envelope(Actor::SYSTEM, now).is_ok());
        let huge = text.replace("\"units\": 2", "\"units\": 1e999");
        let problem = UsageEvent::parse(huge.as_bytes()).unwrap_err();
        assert_eq!(problem.to_json()["at"], "data.units");
    }

    #[test]
    fn a_fault_names_its_place() {
        for name in ["id", "source", "type", "specversion"] {
            let mut missing = event();
            missing.as_object_mut().unwrap().remove(name);
            assert_eq!(at(missing), name);
            assert_eq!(at(with(name, json!(7))), name);
            assert_eq!(at(with(name, json!(""))), name);
        }
        assert_eq!(at(with("specversion", json!("0.3"))), "specversion");
        assert_eq!(at(with("time", json!("yesterday"))), "time");
        assert_eq!(at(with("subject", json!(7))), "subject");
        assert_eq!(at(with("data", json!([1]))), "data");
        assert_eq!(at(with("data", json!({"units": -1}))), "data.units");
        assert_eq!(at(with("data", json!({"outcome": "fine"}))), "data.outcome");
        assert_eq!(
            at(with("data", json!({"input_tokens": 1.5}))),
            "data.input_tokens"
        );
        assert!(UsageEvent::parse(b"7").is_err() && UsageEvent::parse(b"").is_err());
    }
}
