//! The items of a batch: each is read by itself, so that one that is wrong does not spoil the rest.

use std::fmt;

use axum::extract::{FromRequest, Request};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;
use utoipa::openapi::schema::{AnyOf, ArrayBuilder, ObjectBuilder, Schema, SchemaType};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::http::{has_media_type, parse_json, read_body};
use crate::limits::{DEBIT_BATCH_BYTES_MAX, DEBIT_BATCH_MAX};
use crate::openapi::schema::text;
use crate::problem::{Code, Problem};
use crate::routes::debits::{DebitBody, DebitDocument};

/// The debits of a batch, and why one of them cannot be read.
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

impl DebitItems {
    fn from_array(bytes: &[u8]) -> Result<Self, Problem> {
        let Elements(elements) = parse_json(bytes)?;
        Self::of(elements.iter().map(|element| element.get().as_bytes()))
    }

    /// An empty line is no debit and is not counted.
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

/// How a batch as JSON is documented. An item that is no debit is refused by itself, so anything
/// may stand in the array.
#[derive(Debug)]
pub struct DebitArray;

impl PartialSchema for DebitArray {
    fn schema() -> RefOr<Schema> {
        let mut item = AnyOf::new();
        item.items = vec![
            Ref::from_schema_name(DebitDocument::name()).into(),
            RefOr::T(Schema::Object(
                ObjectBuilder::new()
                    .schema_type(SchemaType::AnyValue)
                    .build(),
            )),
        ];
        item.description = Some("A debit; anything else is refused in `results`.".to_owned());
        ArrayBuilder::new()
            .items(RefOr::T(Schema::AnyOf(item)))
            .min_items(Some(1))
            .max_items(Some(DEBIT_BATCH_MAX))
            .into()
    }
}

impl ToSchema for DebitArray {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((DebitDocument::name().into_owned(), DebitDocument::schema()));
        DebitDocument::schemas(schemas);
    }
}

/// How a batch as NDJSON is documented.
#[derive(Debug)]
pub struct DebitLines;

impl PartialSchema for DebitLines {
    fn schema() -> RefOr<Schema> {
        text(1, DEBIT_BATCH_BYTES_MAX)
            .description(Some(
                "A debit a line; anything else on a line is refused in `results`.",
            ))
            .pattern(Some(r"\S"))
            .into()
    }
}

impl ToSchema for DebitLines {}

/// The elements of a JSON array, unread; of one that is too long no more than shows it.
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

    const GOOD: &str = r#"{"id":"a","service":"claude_messages","subject":"t"}"#;

    fn read(items: &DebitItems) -> Vec<bool> {
        items.0.iter().map(Result::is_ok).collect()
    }

    #[test]
    fn one_that_cannot_be_read_leaves_the_others() {
        let array = format!(r#"[{GOOD}, {{"id":1}}, 7, {GOOD}]"#);
        let lines = format!("{GOOD}\r\n\n{{\"id\":1}}\nno json\n{GOOD}");
        for items in [
            DebitItems::from_array(array.as_bytes()).unwrap(),
            DebitItems::from_lines(lines.as_bytes()).unwrap(),
        ] {
            assert_eq!(read(&items), [true, false, false, true]);
        }
    }

    #[test]
    fn a_batch_is_an_array_of_some_debits_and_not_too_many() {
        let refused = |body: &str| DebitItems::from_array(body.as_bytes()).is_err();
        assert!(refused("[]") && refused(GOOD) && refused("[1") && refused(""));
        assert!(DebitItems::from_lines(b"\n \r\n").is_err());
        let many = |n: usize| vec!["0"; n];
        assert!(!refused(&format!("[{}]", many(DEBIT_BATCH_MAX).join(","))));
        assert!(refused(&format!(
            "[{}]",
            many(DEBIT_BATCH_MAX + 1).join(",")
        )));
        assert!(DebitItems::from_lines(many(DEBIT_BATCH_MAX).join("\n").as_bytes()).is_ok());
        assert!(DebitItems::from_lines(many(DEBIT_BATCH_MAX + 1).join("\n").as_bytes()).is_err());
    }
}
