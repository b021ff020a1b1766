//! A CloudEvent 1.0 that reports usage: its attributes and what its `data` says of the call.
//! (CloudEvents 1.0.2, "Context Attributes" and the JSON Event Format.)

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger_core::usage::{CallFacts, Outcome, Report, UsageCommand};
use ledger_core::{
    Action, Actor, Attribute, Command, CommandKey, ExternalId, Key, MicroUsd, Owner, Timestamp,
};
use ledger_store::writer::Envelope;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::command::free_text;
use crate::http::fingerprint;
use crate::problem::{Code, Problem};
use crate::values::{CallFact, Instant, ModelName, WholeUnits};

/// The attributes that are read, beside `data`.
const ATTRIBUTES: &[&str] = &[
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "data_base64",
];

/// The members of `data` that are read.
const FACTS: &[&str] = &[
    "service",
    "units",
    "model",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cost_micros",
    "latency_ms",
    "outcome",
    "request_id",
    "session_id",
];

/// A CloudEvent in its structured form, which the other forms are brought into, with what is read
/// of it. The rest may be any JSON, also numbers that no program could hold.
#[derive(Debug)]
pub(super) struct UsageEvent(Map<String, Value>);

impl UsageEvent {
    /// # Errors
    /// [`Code::InvalidEvent`] when it is no JSON object.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let members = members(bytes)
            .map_err(|error| fault(".", &format!("an event is a JSON object: {error}")))?;
        let mut event = read(&members, ATTRIBUTES, "")?;
        if let Some(raw) = members.get("data") {
            event.insert("data".to_owned(), read_data(raw.get().as_bytes())?);
        }
        Ok(Self(event))
    }

    /// An event of these attributes, whose `data` stands beside them.
    pub(super) fn of(attributes: Map<String, Value>, data: Option<Value>) -> Self {
        let mut event = attributes;
        if let Some(data) = data {
            event.insert("data".to_owned(), data);
        }
        Self(event)
    }

    /// The report on its way to the writer.
    ///
    /// # Errors
    /// [`Code::InvalidEvent`] with the place at fault.
    pub(super) fn into_envelope(self, actor: Actor, now: Timestamp) -> Result<Envelope, Problem> {
        let Self(event) = self;
        let fingerprint = fingerprint("report-usage", &[], &event)?;
        if text(&event, "specversion")? != Some("1.0") {
            return Err(fault("specversion", "specversion is \"1.0\""));
        }
        let id = needed(&event, "id")?;
        let source = needed(&event, "source")?;
        let kind = needed(&event, "type")?;
        let time: Option<Instant> = member(&event, "time", "time")?;
        let subject = subject(&event)?;
        let data = data(&event)?;
        let service = match member::<String>(&data, "service", "data.service")? {
            Some(name) => attribute("data.service", &name)?,
            None => kind,
        };
        let units: Option<WholeUnits> = member(&data, "units", "data.units")?;
        let named = subject.as_ref().map(Attribute::as_str);
        let report = Report {
            id: id.clone(),
            source: source.clone(),
            owner: named
                .and_then(|subject| ExternalId::new(subject).ok())
                .map(Owner::External),
            subject: named
                .map(|subject| free_text("subject", subject))
                .transpose()?,
            service,
            units: units.map(|units| units.0),
            occurred_at: time.map(|time| time.0),
            call: call(&data)?,
        };
        let action = Action::Usage(UsageCommand::Report(report));
        let command = Command { actor, now, action };
        let key = CommandKey::Reported { source, id };
        Ok(Envelope::new(&key, fingerprint, command))
    }
}

/// The members of a JSON object as they stand there; of two of one name the last.
fn members(bytes: &[u8]) -> serde_json::Result<BTreeMap<String, Box<RawValue>>> {
    serde_json::from_slice(bytes)
}

/// Those of the names.
fn read(
    members: &BTreeMap<String, Box<RawValue>>,
    names: &[&str],
    place: &str,
) -> Result<Map<String, Value>, Problem> {
    let named = names
        .iter()
        .filter_map(|name| Some((*name, members.get(*name)?)));
    named
        .map(|(name, raw)| {
            let value = serde_json::from_str(raw.get());
            let value = value.map_err(|error| {
                let at = format!("{place}{name}");
                fault(&at, &format!("{at}: {error}"))
            })?;
            Ok((name.to_owned(), value))
        })
        .collect()
}

/// What is read of an event's `data`.
///
/// # Errors
/// [`Code::InvalidEvent`] when it is neither a JSON object nor null.
pub(super) fn read_data(bytes: &[u8]) -> Result<Value, Problem> {
    if bytes.trim_ascii() == b"null" {
        return Ok(Value::Null);
    }
    let members = members(bytes).map_err(|_| fault("data", "data is a JSON object"))?;
    read(&members, FACTS, "data.").map(Value::Object)
}

/// What is at fault, and where in the event.
pub(super) fn fault(at: &str, detail: &str) -> Problem {
    Problem::new(Code::InvalidEvent, detail).at(at)
}

/// A member that may be missing or null, which is the same.
fn member<T: DeserializeOwned>(
    object: &Map<String, Value>,
    name: &str,
    at: &str,
) -> Result<Option<T>, Problem> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value.clone())
            .map(Some)
            .map_err(|error| fault(at, &format!("{at}: {error}"))),
    }
}

fn text<'a>(event: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Problem> {
    match event.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(fault(name, &format!("{name} is a text"))),
    }
}

fn attribute(at: &str, text: &str) -> Result<Attribute, Problem> {
    Attribute::new(text).map_err(|error| fault(at, &format!("{at}: {error}")))
}

fn needed(event: &Map<String, Value>, name: &str) -> Result<Attribute, Problem> {
    match text(event, name)? {
        Some(text) => attribute(name, text),
        None => Err(fault(name, &format!("an event needs its {name}"))),
    }
}

/// Who it is about; a blank subject is none.
fn subject(event: &Map<String, Value>) -> Result<Option<Attribute>, Problem> {
    match text(event, "subject")? {
        Some(text) if !text.trim().is_empty() => attribute("subject", text).map(Some),
        Some(_) | None => Ok(None),
    }
}

/// The event's `data`: an object, in JSON or as the base64 of JSON; without any, nothing is said.
fn data(event: &Map<String, Value>) -> Result<Map<String, Value>, Problem> {
    let not_an_object = || fault("data", "data is a JSON object");
    let encoded_object = || fault("data_base64", "data_base64 is the base64 of a JSON object");
    match (event.get("data"), text(event, "data_base64")?) {
        (Some(Value::Object(data)), None) => Ok(data.clone()),
        (None | Some(Value::Null), None) => Ok(Map::new()),
        (None | Some(Value::Null), Some(encoded)) => STANDARD
            .decode(encoded)
            .ok()
            .and_then(|bytes| members(&bytes).ok())
            .ok_or_else(encoded_object)
            .and_then(|members| read(&members, FACTS, "data.")),
        (Some(_), _) => Err(not_an_object()),
    }
}

fn call(data: &Map<String, Value>) -> Result<CallFacts, Problem> {
    let fact = |name: &str| -> Result<_, Problem> {
        let fact: Option<CallFact> = member(data, name, &format!("data.{name}"))?;
        Ok(fact.map(|fact| fact.0))
    };
    let model: Option<ModelName> = member(data, "model", "data.model")?;
    let outcome: Option<Outcome> = member(data, "outcome", "data.outcome")?;
    let request_id: Option<Key> = member(data, "request_id", "data.request_id")?;
    let session_id: Option<Key> = member(data, "session_id", "data.session_id")?;
    Ok(CallFacts {
        model: model.map(|model| model.0.into()),
        input_tokens: fact("input_tokens")?,
        output_tokens: fact("output_tokens")?,
        cached_tokens: fact("cached_tokens")?,
        cost_micros: fact("cost_micros")?.map(MicroUsd),
        latency_ms: fact("latency_ms")?,
        outcome,
        request_id,
        session_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
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
                panic!("it is a report")
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
    fn an_event_says_who_used_what_and_how_much() {
        let report = reported(event()).unwrap();
        assert_eq!(report.service.as_str(), "claude_messages");
        assert_eq!(report.units.map(ledger_core::Units::get), Some(2));
        assert_eq!(report.subject.unwrap().text(), "ada@example.org");
        assert_eq!(report.call.model.as_deref(), Some("opus"));
        let ada = ExternalId::new("ada@example.org").unwrap();
        assert_eq!(report.owner, Some(Owner::External(ada)));
    }

    #[test]
    fn the_data_s_service_goes_before_the_type() {
        let report = reported(with("data", json!({"service": "assessment_ai"}))).unwrap();
        assert_eq!(report.service.as_str(), "assessment_ai");
    }

    #[test]
    fn an_event_without_data_subject_and_time_is_one_too() {
        let bare = json!({"specversion": "1.0", "id": "a", "source": "s", "type": "t"});
        let report = reported(bare).unwrap();
        assert_eq!((report.subject, report.units), (None, None));
        let blank = reported(with("subject", json!(" "))).unwrap();
        assert_eq!(blank.subject, None);
        assert!(reported(with("data", Value::Null)).is_ok());
    }

    #[test]
    fn data_may_come_in_base64() {
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
    fn what_is_not_read_may_be_any_json() {
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
    fn the_place_at_fault_is_named() {
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
