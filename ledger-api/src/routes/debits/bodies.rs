//! Bodies of debits: one, or a batch.

use std::fmt;

use axum::extract::{FromRequest, Request};
use ledger_core::usage::{Debit, UsageCommand};
use ledger_core::{Actor, CommandKey, Timestamp};
use ledger_store::writer::Envelope;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::schema::{AnyOf, ArrayBuilder, ObjectBuilder, Schema, SchemaType};
use utoipa::openapi::{Ref, RefOr};
use uuid::Uuid;

use super::call::{call_body, owner};
use crate::command::usage_envelope;
use crate::http::{fingerprint, has_media_type, parse_json, read_body};
use crate::limits::{DEBIT_BATCH_BYTES_MAX, DEBIT_BATCH_MAX};
use crate::openapi::{Description, Input};
use crate::problem::{Code, Problem};
use crate::values::schema::{has_schema, text};
use crate::values::{Constrained, Constraint, Instant, Key, ServiceName, Subject, either};

call_body! {
    /// A call to spend units for. Exactly one of `member_id` and `subject` names the member.
    #[serde(deny_unknown_fields)]
    #[schema(example = json!({
        "id": "chatcmpl-88f8", "member_id": "0198c0de-0000-7000-8000-000000000001",
        "service": "claude_messages", "units": 1, "model": "claude-sonnet-4",
        "input_tokens": 812, "output_tokens": 344, "cached_tokens": 0, "cost_micros": 5400,
        "latency_ms": 900, "outcome": "success"
    }))]
    DebitBody {
        /// The caller's id of the call, unique in the school for ever: a repetition is safe.
        id: Key,
        /// The member.
        #[serde(skip_serializing_if = "Option::is_none")]
        member_id: Option<Uuid>,
        /// The member, by external id.
        #[serde(skip_serializing_if = "Option::is_none")]
        subject: Option<Subject>,
        service: ServiceName,
        /// The time of the call, at most 5 minutes ahead; by default now.
        #[serde(skip_serializing_if = "Option::is_none")]
        occurred_at: Option<Instant>,
    }
}

/// The schema of a debit.
pub type DebitSchema = Constrained<DebitBody>;

impl Constraint for DebitBody {
    fn constraints() -> Vec<Schema> {
        vec![either("member_id", "subject")]
    }
}

impl DebitBody {
    /// Wraps the debit for the writer.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] unless exactly one member is named.
    pub(super) fn into_envelope(
        mut self,
        actor: Actor,
        now: Timestamp,
    ) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("debit", &[], &self)?;
        let call = self.take_call();
        let Key { 0: id } = self.id;
        let debit = Debit {
            id: id.clone(),
            owner: owner(self.member_id, self.subject)?,
            service: self.service.0,
            units: self.units.map(|units| units.0),
            occurred_at: self.occurred_at.map(|instant| instant.0),
            call,
        };
        let (key, command) = (CommandKey::Debit(id), UsageCommand::Debit(debit));
        Ok(usage_envelope(&key, fingerprint, actor, now, command))
    }
}

/// The debits of a batch, each with the fault that makes it unreadable.
#[derive(Debug)]
pub struct DebitItems(pub Vec<Result<DebitBody, Problem>>);

impl<S: Send + Sync> FromRequest<S> for DebitItems {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let read: fn(&[u8]) -> Result<Self, Problem> =
            if has_media_type(request.headers(), "application/json") {
                Self::from_array
            } else if has_media_type(request.headers(), "application/x-ndjson") {
                Self::from_lines
            } else {
                return Err(Problem::new(
                    Code::UnsupportedMediaType,
                    "send the debits as Content-Type: application/json or application/x-ndjson",
                ));
            };
        read(&read_body(request, DEBIT_BATCH_BYTES_MAX).await?)
    }
}

impl Input for DebitItems {
    fn describe(description: &mut Description<'_>) {
        description.body::<DebitArray>("application/json");
        description.body::<DebitLines>("application/x-ndjson");
    }
}

impl DebitItems {
    fn from_array(bytes: &[u8]) -> Result<Self, Problem> {
        let Elements(elements) = parse_json(bytes)?;
        Self::of(elements.iter().map(|element| element.get().as_bytes()))
    }

    /// Parses NDJSON; empty lines are skipped.
    fn from_lines(bytes: &[u8]) -> Result<Self, Problem> {
        let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        Self::of(lines.filter(|line| !line.is_empty()))
    }

    fn of<'a>(items: impl Iterator<Item = &'a [u8]>) -> Result<Self, Problem> {
        let read: Vec<_> = items.take(DEBIT_BATCH_MAX + 1).map(parse_json).collect();
        match read.len() {
            0 => Err(Problem::invalid("a batch must have at least one debit")),
            n if n > DEBIT_BATCH_MAX => Err(Problem::invalid(format!(
                "a batch has at most {DEBIT_BATCH_MAX} debits"
            ))),
            _ => Ok(Self(read)),
        }
    }
}

/// The schema of a batch as JSON. An item that is not a debit is refused alone, so that the array
/// takes anything.
#[derive(Debug)]
pub struct DebitArray;

has_schema!(DebitArray = {
        let anything = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
        let mut item = AnyOf::new();
        item.items = vec![
            Ref::from_schema_name(DebitSchema::name()).into(),
            anything.into(),
        ];
        item.description = Some("A debit; anything else is refused in `results`.".to_owned());
        ArrayBuilder::new()
            .items(RefOr::T(Schema::AnyOf(item)))
            .min_items(Some(1))
            .max_items(Some(DEBIT_BATCH_MAX))
}, references DebitSchema);

/// The schema of a batch as NDJSON.
#[derive(Debug)]
pub struct DebitLines;

has_schema!(
    DebitLines = {
        let description = "One debit per line; anything else is refused in `results`.";
        text(1, DEBIT_BATCH_BYTES_MAX)
            .description(Some(description))
            .pattern(Some(r"\S"))
    }
);

/// The unparsed elements of a JSON array of at most [`DEBIT_BATCH_MAX`].
pub(in crate::routes) struct Elements<'a>(pub Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ElementsVisitor)
    }
}

struct ElementsVisitor;

impl<'de> Visitor<'de> for ElementsVisitor {
    type Value = Elements<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = array.next_element()? {
            if elements.len() == DEBIT_BATCH_MAX {
                return Err(de::Error::custom(format_args!(
                    "a batch has at most {DEBIT_BATCH_MAX} items"
                )));
            }
            elements.push(element);
        }
        Ok(Elements(elements))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTOR: Actor = Actor::SYSTEM;

    fn read(body: &str) -> Result<Envelope, Problem> {
        let now = Timestamp::new("2026-11-24T08:00:00Z".parse().unwrap());
        parse_json::<DebitBody>(body.as_bytes())?.into_envelope(ACTOR, now)
    }

    fn at(body: &str) -> serde_json::Value {
        let problem = read(body).unwrap_err();
        assert_eq!(problem.code, Code::InvalidRequest);
        problem.to_json()["at"].clone()
    }

    const MEMBER: &str = r#""member_id":"0198c0de-0000-7000-8000-000000000001""#;

    fn debit(members: &str) -> String {
        format!(r#"{{"id":"a","service":"s",{members}}}"#)
    }

    #[test]
    fn a_debit_needs_an_id_a_service_and_one_member() {
        assert!(read(&debit(MEMBER)).is_ok());
        assert!(read(&debit(r#""subject":"t@x""#)).is_ok());
        assert_eq!(at(r#"{"id":"a","service":"s"}"#), "member_id");
        assert_eq!(at(&debit(&format!(r#""subject":"t",{MEMBER}"#))), "subject");
    }

    #[test]
    fn a_problem_names_the_field_at_fault() {
        let at_with = |member: &str| at(&debit(&format!("{MEMBER},{member}")));
        assert_eq!(at_with(r#""units":-1"#), "units");
        assert_eq!(at_with(r#""input_tokens":1000000000001"#), "input_tokens");
        assert_eq!(at_with(r#""outcome":"fine""#), "outcome");
        assert_eq!(at_with(r#""occurred_at":"yesterday""#), "occurred_at");
        assert_eq!(at_with(r#""model":"""#), "model");
        assert_eq!(at(r#"{"id":"a\n","service":"s"}"#), "id");
    }

    #[test]
    fn the_fingerprint_ignores_spelling() {
        let fingerprint = |body: &str| read(body).unwrap().fingerprint;
        let plain = fingerprint(&debit(&format!(r#"{MEMBER},"units":1"#)));
        let turned = format!(r#"{{ "units":1, {MEMBER}, "model":null, "service":"s", "id":"a" }}"#);
        assert_eq!(plain, fingerprint(&turned));
        let other = debit(&format!(r#"{MEMBER},"units":2"#));
        assert_ne!(plain, fingerprint(&other));
    }

    const GOOD: &str = r#"{"id":"a","service":"claude_messages","subject":"t"}"#;

    fn parsed(items: &DebitItems) -> Vec<bool> {
        items.0.iter().map(Result::is_ok).collect()
    }

    #[test]
    fn an_unreadable_item_leaves_the_others() {
        let array = format!(r#"[{GOOD}, {{"id":1}}, 7, {GOOD}]"#);
        let lines = format!("{GOOD}\r\n\n{{\"id\":1}}\nno json\n{GOOD}");
        for items in [
            DebitItems::from_array(array.as_bytes()).unwrap(),
            DebitItems::from_lines(lines.as_bytes()).unwrap(),
        ] {
            assert_eq!(parsed(&items), [true, false, false, true]);
        }
    }

    #[test]
    fn a_batch_has_1_to_the_maximum_of_items() {
        let refused = |body: &str| DebitItems::from_array(body.as_bytes()).is_err();
        assert!(refused("[]") && refused(GOOD) && refused("[1") && refused(""));
        assert!(DebitItems::from_lines(b"\n \r\n").is_err());
        for (n, fits) in [(DEBIT_BATCH_MAX, true), (DEBIT_BATCH_MAX + 1, false)] {
            let many = vec!["0"; n];
            let lines = many.join("\n");
            assert_eq!(refused(&format!("[{}]", many.join(","))), !fits);
            assert_eq!(DebitItems::from_lines(lines.as_bytes()).is_ok(), fits);
        }
    }
}
