//! Values that only the edge knows, each of which reads itself from JSON or says what is wrong.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use ledger_core::ExternalId;
use ledger_core::{Timestamp, Units};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::{RefOr, schema::Schema};
use utoipa::{PartialSchema, ToSchema};

use super::whole_number::whole_number;
use crate::limits::{CALL_FACT_MAX, MODEL_CHARS_MAX, SERVICE_NAME_CHARS_MAX, SUBJECT_CHARS_MAX};
use crate::openapi::schema::{self, NO_CONTROLS, text, whole};

/// An instant as RFC 3339 writes it, four digits of year and no more: Postgres does not keep every
/// year that chrono reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Instant(pub Timestamp);

impl std::str::FromStr for Instant {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        DateTime::parse_from_rfc3339(text)
            .map(|instant| Self(Timestamp::new(instant.with_timezone(&Utc))))
            .map_err(|_| "an instant is written as in 2026-11-24T08:00:00Z (RFC 3339)")
    }
}

/// A service's name or alias as a caller writes it; whether there is such a service is for the
/// catalogue to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceName(pub String);

impl std::str::FromStr for ServiceName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=SERVICE_NAME_CHARS_MAX).contains(&text.chars().count());
        fits.then(|| Self(text.to_owned()))
            .ok_or("a service's name has 1 to 128 characters")
    }
}

/// The id that another system knows a member by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject(pub ExternalId);

impl std::str::FromStr for Subject {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        ExternalId::new(text)
            .map(Self)
            .map_err(|_| "an external id has 1 to 256 characters and no control characters")
    }
}

/// The name of the model that answered a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelName(pub String);

impl std::str::FromStr for ModelName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=MODEL_CHARS_MAX).contains(&text.chars().count());
        (fits && !text.chars().any(char::is_control))
            .then(|| Self(text.to_owned()))
            .ok_or("a model's name has 1 to 128 characters and no control characters")
    }
}

/// A number of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct WholeUnits(pub Units);

/// A number of units of which there is at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SomeUnits(pub Units);

/// A number that describes a call: tokens, milliseconds, micro-USD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct CallFact(pub Units);

macro_rules! read_from_number {
    ($($name:ident = $least:expr, $most:expr;)*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = whole_number(deserializer, $least, $most)?;
                Units::new(number).map(Self).map_err(de::Error::custom)
            }
        }
    )*};
}

read_from_number! {
    WholeUnits = 0, i64::MAX;
    SomeUnits = 1, i64::MAX;
    CallFact = 0, CALL_FACT_MAX;
}

macro_rules! read_from_text {
    ($($name:ident)*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Cow::<str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

read_from_text!(Instant ServiceName Subject ModelName);

impl Serialize for ServiceName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl Serialize for ModelName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

macro_rules! documented {
    ($($name:ident = $schema:expr;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema
            }
        }

        impl ToSchema for $name {}
    )*};
}

documented! {
    Instant = schema::Instant::schema();
    ServiceName = text(1, SERVICE_NAME_CHARS_MAX)
        .description(Some("A service's name or alias."))
        .examples(["claude_messages"])
        .into();
    Subject = text(1, SUBJECT_CHARS_MAX)
        .description(Some("The id that another system knows a member by."))
        .pattern(Some(NO_CONTROLS))
        .into();
    ModelName = text(1, MODEL_CHARS_MAX)
        .description(Some("The name of the model that answered."))
        .pattern(Some(NO_CONTROLS))
        .examples(["claude-sonnet-4"])
        .into();
    WholeUnits = schema::Units::schema();
    SomeUnits = whole(1, i64::MAX)
        .description(Some("A number of units of which there is at least one."))
        .into();
    CallFact = whole(0, CALL_FACT_MAX)
        .description(Some("A number that describes a call: tokens, milliseconds, micro-USD."))
        .into();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads<T: for<'de> Deserialize<'de>>(json: &str) -> bool {
        serde_json::from_str::<T>(json).is_ok()
    }

    #[test]
    fn an_instant_has_a_year_that_postgres_keeps() {
        assert!(reads::<Instant>(r#""2026-11-24T08:00:00+02:00""#));
        assert!(!reads::<Instant>(r#""-5000-01-01T00:00:00Z""#));
        assert!(!reads::<Instant>(r#""+12026-11-24T08:00:00Z""#));
        assert!(!reads::<Instant>(r#""2026-11-24""#));
    }

    #[test]
    fn units_are_whole_numbers_however_they_are_written() {
        assert!(reads::<WholeUnits>("0") && reads::<WholeUnits>("9223372036854775807"));
        assert!(reads::<WholeUnits>("3.0") && reads::<WholeUnits>("3e2"));
        assert!(!reads::<WholeUnits>("-1") && !reads::<WholeUnits>("9223372036854775808"));
        assert!(!reads::<WholeUnits>("1e19") && !reads::<WholeUnits>("\"1\""));
        assert!(!reads::<SomeUnits>("0") && reads::<SomeUnits>("1"));
    }

    #[test]
    fn a_fact_of_a_call_is_bounded() {
        assert!(reads::<CallFact>("0") && reads::<CallFact>("1000000000000"));
        assert!(!reads::<CallFact>("-1") && !reads::<CallFact>("1000000000001"));
        assert!(!reads::<CallFact>("1.5"));
    }

    #[test]
    fn a_name_is_not_empty_and_has_no_control_characters() {
        assert!(reads::<ModelName>(r#""claude-sonnet-4""#));
        assert!(!reads::<ModelName>(r#""""#) && !reads::<ModelName>(r#""a\nb""#));
        assert!(!reads::<Subject>(r#""a\u0000b""#));
        assert!(!reads::<ServiceName>(r#""""#));
    }
}
