//! Numbers, positions, ids and instants of the core.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use ledger_core::ids::{ATTRIBUTE_CHARS_MAX, KEY_CHARS_MAX};
use ledger_core::service::SERVICE_CHARS_MAX;
use ledger_core::{Commitment as CoreCommitment, MicroUsd as CoreMicroUsd, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::openapi::schema::KnownFormat;

use super::schema::{NO_CONTROLS, formatted, has_schema, text, whole};
use super::value::described;
use super::whole_number::{whole_number, whole_number_in_text};
use crate::limits::CALL_FACT_MAX;

described! {
    /// A whole number of units, not negative.
    Units(ledger_core::Units) = whole(0, i64::MAX);
    /// A position in a school's stream: 1, 2, 3 … without gaps; 0 is before the first event.
    Seq(ledger_core::Seq) = whole(0, i64::MAX), read seq;
    /// An id chosen by the caller: 1 to 128 characters, no control characters.
    Key(ledger_core::Key) = text(1, KEY_CHARS_MAX).pattern(Some(NO_CONTROLS));
    /// An identifying attribute of a CloudEvent: 1 to 1,024 characters, no control characters.
    Attribute(ledger_core::Attribute) =
        text(1, ATTRIBUTE_CHARS_MAX).pattern(Some(NO_CONTROLS));
    /// A service's canonical name.
    ServiceId(ledger_core::ServiceId) = text(1, SERVICE_CHARS_MAX)
        .pattern(Some("^[a-z0-9_.-]*$"))
        .examples(["claude_messages"]);
    /// An instant (RFC 3339).
    Instant(Timestamp) = formatted(KnownFormat::DateTime), read instant;
    /// SHA-256 of a salt and a text that is stored beside the log.
    Commitment(CoreCommitment) =
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::String)
            .pattern(Some("^[0-9a-f]{64}$"));
    /// Money in millionths of a US dollar.
    MicroUsd(CoreMicroUsd) = whole(0, i64::MAX);
}

/// Reads a position from a query string.
fn seq<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ledger_core::Seq, D::Error> {
    whole_number_in_text(deserializer, 0, i64::MAX).map(ledger_core::Seq)
}

/// Reads an instant with four digits of year: Postgres does not store every year that chrono
/// parses.
fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    DateTime::parse_from_rfc3339(&text)
        .map(|instant| Timestamp::new(instant.with_timezone(&Utc)))
        .map_err(|_| {
            de::Error::custom("an instant is written as in 2026-11-24T08:00:00Z (RFC 3339)")
        })
}

/// Declares numbers of a body with their bounds.
macro_rules! bounded {
    ($($(#[doc = $doc:literal])* $name:ident = $min:expr, $max:expr;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub ledger_core::Units);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = whole_number(deserializer, $min, $max)?;
                ledger_core::Units::new(number).map(Self).map_err(de::Error::custom)
            }
        }

        has_schema!($name = whole($min, $max).description(Some(concat!($($doc,)*).trim())));
    )*};
}

/// A position that a caller names in a query.
pub type Position = Seq;

bounded! {
    /// A whole number of units, not negative.
    WholeUnits = 0, i64::MAX;
    /// A whole number of units, at least one.
    SomeUnits = 1, i64::MAX;
    /// A number that describes a call: tokens, milliseconds, micro-USD.
    CallFact = 0, CALL_FACT_MAX;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parses<T: for<'de> Deserialize<'de>>(json: &str) -> bool {
        serde_json::from_str::<T>(json).is_ok()
    }

    #[test]
    fn an_instant_has_a_year_that_postgres_stores() {
        assert!(parses::<Instant>(r#""2026-11-24T08:00:00+02:00""#));
        assert!(!parses::<Instant>(r#""-5000-01-01T00:00:00Z""#));
        assert!(!parses::<Instant>(r#""+12026-11-24T08:00:00Z""#));
        assert!(!parses::<Instant>(r#""2026-11-24""#));
    }

    #[test]
    fn units_are_whole_numbers_in_any_notation() {
        assert!(parses::<WholeUnits>("0") && parses::<WholeUnits>("9223372036854775807"));
        assert!(parses::<WholeUnits>("3.0") && parses::<WholeUnits>("3e2"));
        assert!(!parses::<WholeUnits>("-1") && !parses::<WholeUnits>("9223372036854775808"));
        assert!(!parses::<WholeUnits>("1e19") && !parses::<WholeUnits>("\"1\""));
        assert!(!parses::<SomeUnits>("0") && parses::<SomeUnits>("1"));
    }

    #[test]
    fn a_fact_of_a_call_is_bounded() {
        assert!(parses::<CallFact>("0") && parses::<CallFact>("1000000000000"));
        assert!(!parses::<CallFact>("-1") && !parses::<CallFact>("1000000000001"));
        assert!(!parses::<CallFact>("1.5"));
    }
}
