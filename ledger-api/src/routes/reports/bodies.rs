//! The events of a request in each content mode of CloudEvents 1.0.2 (HTTP Protocol Binding): one
//! or a batch in structured mode, or one in binary mode, whose attributes are headers.

use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::Ref;
use utoipa::openapi::schema::{ArrayBuilder, OneOfBuilder};

use super::event::{UsageEvent, fault};
use crate::http::{has_media_type, read_body};
use crate::limits::{REPORT_BATCH_MAX, REPORT_BYTES_MAX};
use crate::openapi::{Description, Input};
use crate::problem::{Code, Problem};
use crate::routes::debits::Elements;
use crate::values::schema::has_schema;

/// The prefix of attributes in headers (binary mode).
const ATTRIBUTE_HEADER: &str = "ce-";

/// The events of a request.
#[derive(Debug)]
pub struct Events {
    events: Vec<UsageEvent>,
    /// Whether problems name the index of the event.
    is_batch: bool,
}

impl<S: Send + Sync> FromRequest<S> for Events {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let attributes = attributes(request.headers())?;
        let form = Form::of(request.headers(), attributes.is_some())?;
        let bytes = read_body(request, REPORT_BYTES_MAX).await?;
        match (form, attributes) {
            (Form::Binary, Some(attributes)) => {
                Ok(Self::one(UsageEvent::from_parts(attributes, &bytes)?))
            }
            (Form::Batch, _) => Self::batch(&bytes),
            (Form::Either, _) if bytes.trim_ascii_start().first() == Some(&b'[') => {
                Self::batch(&bytes)
            }
            (Form::One | Form::Either | Form::Binary, _) => {
                Ok(Self::one(UsageEvent::parse(&bytes)?))
            }
        }
    }
}

/// The content mode of a request.
enum Form {
    One,
    Batch,
    /// One or a batch, as plain JSON.
    Either,
    Binary,
}

impl Form {
    fn of(headers: &HeaderMap, has_attributes: bool) -> Result<Self, Problem> {
        let is = |media_type: &str| has_media_type(headers, media_type);
        if is("application/cloudevents+json") {
            Ok(Self::One)
        } else if is("application/cloudevents-batch+json") {
            Ok(Self::Batch)
        } else if has_attributes && (is("application/json") || !headers.contains_key(CONTENT_TYPE))
        {
            Ok(Self::Binary)
        } else if is("application/json") {
            Ok(Self::Either)
        } else {
            Err(Problem::new(
                Code::UnsupportedMediaType,
                "send events as application/cloudevents+json, \
                 application/cloudevents-batch+json or application/json",
            ))
        }
    }
}

impl Events {
    fn one(event: UsageEvent) -> Self {
        Self {
            events: vec![event],
            is_batch: false,
        }
    }

    fn batch(bytes: &[u8]) -> Result<Self, Problem> {
        let Elements(elements) = serde_json::from_slice(bytes)
            .map_err(|error| fault(".", &format!("a batch is an array of events: {error}")))?;
        let events = elements.iter().enumerate().map(|(index, element)| {
            let event = UsageEvent::parse(element.get().as_bytes());
            event.map_err(|problem| problem.index(i64::try_from(index).unwrap_or(i64::MAX)))
        });
        Ok(Self {
            events: events.collect::<Result<_, _>>()?,
            is_batch: true,
        })
    }

    /// The events, each with its index in a batch.
    pub(super) fn into_parts(self) -> impl Iterator<Item = (Option<usize>, UsageEvent)> {
        let is_batch = self.is_batch;
        let events = self.events.into_iter().enumerate();
        events.map(move |(index, event)| (is_batch.then_some(index), event))
    }
}

/// The attributes in headers, if there are any.
fn attributes(headers: &HeaderMap) -> Result<Option<Map<String, Value>>, Problem> {
    let mut attributes = Map::new();
    for (header, value) in headers {
        let Some(name) = header.as_str().strip_prefix(ATTRIBUTE_HEADER) else {
            continue;
        };
        // In this mode the body is the data.
        if name == "data" || name == "data_base64" {
            continue;
        }
        let text = value.to_str().ok().and_then(percent_decoded);
        let text = text.ok_or_else(|| fault(name, &format!("the header {header} is not text")))?;
        attributes.insert(name.to_owned(), text.into());
    }
    Ok((!attributes.is_empty()).then_some(attributes))
}

/// Decodes a header's value: beyond visible ASCII it is percent-encoded UTF-8 (HTTP Protocol
/// Binding §3.1.3.2).
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let value = digit()? * 16 + digit()?;
        bytes.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// The schema of a batch of events.
#[derive(Debug)]
pub struct BatchSchema;

has_schema!(BatchSchema as "UsageReports" = ArrayBuilder::new()
            .items(Ref::from_schema_name(UsageEvent::name()))
            .max_items(Some(REPORT_BATCH_MAX)), references UsageEvent);

/// The schema of plain JSON: an event or a batch, or the `data` of an event in binary mode.
#[derive(Debug)]
pub struct EitherSchema;

has_schema!(EitherSchema as "UsageReportOrReports" = OneOfBuilder::new()
            .item(Ref::from_schema_name(UsageEvent::name()))
            .item(BatchSchema::schema())
            .description(Some(
                "An event or a batch of events. With attributes in headers `ce-…` (binary mode) \
                 the body is the event's `data`.",
            )), references UsageEvent);

impl Input for Events {
    fn describe(description: &mut Description<'_>) {
        description.body::<UsageEvent>("application/cloudevents+json");
        description.body::<BatchSchema>("application/cloudevents-batch+json");
        description.body::<EitherSchema>("application/json");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use ledger_core::{Actor, Timestamp};

    const ONE: &str = r#"{"specversion":"1.0","id":"a","source":"/s","type":"claude_messages"}"#;

    const JSON: (&str, &str) = ("content-type", "application/json");
    const BATCH: (&str, &str) = ("content-type", "application/cloudevents-batch+json");
    const ATTRIBUTES: [(&str, &str); 4] = [
        ("ce-specversion", "1.0"),
        ("ce-id", "a"),
        ("ce-source", "/caf%C3%A9"),
        ("ce-type", "claude_messages"),
    ];

    async fn read(headers: &[(&str, &str)], body: &str) -> Result<usize, Problem> {
        let mut request = Request::post("/v1/events");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let now = Timestamp::new("2026-11-24T08:00:00Z".parse().unwrap());
        let events = Events::from_request(request, &()).await?.into_parts();
        let requests: Result<Vec<_>, _> = events
            .map(|(_, event)| event.into_envelope(Actor::SYSTEM, now))
            .collect();
        Ok(requests?.len())
    }

    #[tokio::test]
    async fn events_are_read_in_every_content_mode() {
        let batch = format!("[{ONE}, {ONE}]");
        let charset = (
            "content-type",
            "application/cloudevents+json; charset=utf-8",
        );
        let with_json = [&[JSON], &ATTRIBUTES[..]].concat();
        for (headers, body, expected) in [
            (&[charset][..], ONE, 1),
            (&[BATCH], &batch, 2),
            (&[BATCH], "[]", 0),
            (&[JSON], ONE, 1),
            (&[JSON], &batch, 2),
            (&with_json, r#"{"units": 1}"#, 1),
            (&ATTRIBUTES, "", 1),
        ] {
            assert_eq!(read(headers, body).await.unwrap(), expected, "{headers:?}");
        }
    }

    #[tokio::test]
    async fn a_body_without_an_event_is_refused() {
        for (headers, body) in [
            (&[JSON][..], ""),
            (&[JSON], "7"),
            (&[JSON], "[7]"),
            (&[("content-type", "application/cloudevents+json")], "[]"),
            (&[BATCH], ONE),
            (&[JSON, ("ce-id", "a")], "{}"),
            (&[JSON, ("ce-id", "%zz")], "{}"),
        ] {
            let problem = read(headers, body).await.unwrap_err();
            assert_eq!(problem.code, Code::InvalidEvent, "{headers:?} {body}");
        }
        let text = [("content-type", "text/plain")];
        let problem = read(&text, ONE).await.unwrap_err();
        assert_eq!(problem.code, Code::UnsupportedMediaType);
    }

    #[tokio::test]
    async fn a_fault_in_a_batch_names_the_index() {
        let batch = format!("[{ONE}, 7]");
        let problem = read(&[JSON], &batch).await.unwrap_err();
        assert_eq!(problem.to_json()["index"], 1);
    }

    #[test]
    fn a_header_s_value_is_percent_decoded() {
        assert_eq!(percent_decoded("a%20b").as_deref(), Some("a b"));
        assert_eq!(percent_decoded("plain").as_deref(), Some("plain"));
        for damaged in ["%", "%2", "%zz", "%ff"] {
            assert_eq!(percent_decoded(damaged), None, "{damaged}");
        }
    }
}
