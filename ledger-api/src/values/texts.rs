//! Names, addresses and other texts of bodies.

use std::borrow::Cow;

use ledger_core::period::Tz;
use ledger_core::text::TEXT_CHARS_MAX;
use ledger_core::{Catalogue, ExternalId, Tier};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

use super::schema::{NO_CONTROLS, has_schema, one_of_words, text};
use crate::limits::{
    EMAIL_CHARS_MAX, MODEL_CHARS_MAX, NAME_CHARS_MAX, SERVICE_NAME_CHARS_MAX, SUBJECT_CHARS_MAX,
};
use ledger_auth::LABEL_CHARS_MAX;

/// The pattern of a name: no control characters, not blank.
const NAME: &str = concat!(
    r"^[^\u0000-\u001f\u007f-\u009f]*",
    r"[^\u0000-\u001f\u007f-\u009f\s]",
    r"[^\u0000-\u001f\u007f-\u009f]*$",
);

/// The pattern of an e-mail address: one `@` with text on both sides.
const EMAIL: &str = r"^[^@\s\u0000-\u001f\u007f-\u009f]+@[^@\s\u0000-\u001f\u007f-\u009f]+$";

/// The pattern of a reason: no NUL, not blank.
const REASON: &str = r"^[^\u0000]*[^\u0000\s][^\u0000]*$";

/// Declares texts of a body: the type, its schema, its parser and the message of its refusal.
macro_rules! texts {
    ($(
        $(#[$meta:meta])*
        $name:ident($inner:ty) = $schema:expr, $parse:expr, $message:literal;
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(pub $inner);

        impl std::str::FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let parse: fn(&str) -> Option<$inner> = $parse;
                parse(text).map(Self).ok_or($message)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        has_schema!($name = $schema);
    )*};
}

texts! {
    /// The name of a person, a school or a department.
    #[derive(Serialize)]
    #[serde(transparent)]
    Name(String) = text(1, NAME_CHARS_MAX).pattern(Some(NAME)),
        |text| is_name(text, NAME_CHARS_MAX).then(|| text.to_owned()),
        "a name has 1 to 200 characters, no control characters, and is not blank";
    /// The label of an API key.
    #[derive(Serialize)]
    #[serde(transparent)]
    Label(String) = text(1, LABEL_CHARS_MAX).pattern(Some(NAME)),
        |text| is_name(text, LABEL_CHARS_MAX).then(|| text.to_owned()),
        "a label has 1 to 100 characters, no control characters, and is not blank";
    /// An e-mail address.
    #[derive(Serialize)]
    #[serde(transparent)]
    Email(String) = text(3, EMAIL_CHARS_MAX)
        .pattern(Some(EMAIL))
        .description(Some("An e-mail address.")),
        |text| is_email(text).then(|| text.to_owned()),
        "an e-mail address has one @, something on both sides, and 254 characters at most";
    /// The name or an alias of a service, as sent. The catalogue decides whether it exists.
    #[derive(Serialize)]
    #[serde(transparent)]
    ServiceName(String) = text(1, SERVICE_NAME_CHARS_MAX)
        .description(Some("A service's name or alias."))
        .examples(["claude_messages"]),
        |text| has_chars(text, SERVICE_NAME_CHARS_MAX).then(|| text.to_owned()),
        "a service's name has 1 to 128 characters";
    /// The name of the model that answered a call.
    #[derive(Serialize)]
    #[serde(transparent)]
    ModelName(String) = text(1, MODEL_CHARS_MAX)
        .description(Some("The name of the model that answered."))
        .pattern(Some(NO_CONTROLS))
        .examples(["claude-sonnet-4"]),
        |text| (has_chars(text, MODEL_CHARS_MAX) && is_plain(text)).then(|| text.to_owned()),
        "a model's name has 1 to 128 characters and no control characters";
    /// The id of a member in another system.
    Subject(ExternalId) = text(1, SUBJECT_CHARS_MAX)
        .description(Some("The id of a member in another system."))
        .pattern(Some(NO_CONTROLS)),
        |text| ExternalId::new(text).ok(),
        "an external id has 1 to 256 characters and no control characters";
    /// The name of an IANA time zone.
    #[derive(Copy)]
    TimeZoneName(Tz) = one_of_words(chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()))
        .description(Some("An IANA time zone."))
        .examples(["Africa/Johannesburg"]),
        |text| text.parse().ok(),
        "a time zone is named as in Africa/Johannesburg (IANA)";
    /// A reason in free text, whose content is checked when the command is built.
    #[derive(Default, Serialize)]
    #[serde(transparent)]
    Reason(String) = text(1, TEXT_CHARS_MAX)
        .pattern(Some(REASON))
        .description(Some("A reason in free text; not blank.")),
        |text| Some(text.to_owned()),
        "a reason is a text";
}

fn has_chars(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.chars().count())
}

fn is_plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn is_name(text: &str, max: usize) -> bool {
    has_chars(text, max) && is_plain(text) && !text.trim().is_empty()
}

fn is_email(text: &str) -> bool {
    let plain = is_plain(text) && !text.chars().any(char::is_whitespace);
    let sides = text.split('@').collect::<Vec<_>>();
    let both = sides.len() == 2 && sides.iter().all(|side| !side.is_empty());
    has_chars(text, EMAIL_CHARS_MAX) && plain && both
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl Serialize for TimeZoneName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

/// A tier, by its name or an alias of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct TierName(String);

/// The aliases of the built-in catalogue.
const TIER_ALIASES: [&str; 2] = ["starter", "professional"];

/// The catalogue has no tier of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tier is one of {}, or an alias", Tier::ALL.map(Tier::as_str).join(", "))]
pub struct UnknownTier;

impl TierName {
    /// The tier.
    ///
    /// # Errors
    /// [`UnknownTier`] when the catalogue has no such name or alias.
    pub fn resolve(&self, catalogue: &Catalogue) -> Result<Tier, UnknownTier> {
        catalogue.tier(&self.0).ok_or(UnknownTier)
    }
}

impl utoipa::PartialSchema for TierName {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        one_of_words(Tier::ALL.map(Tier::as_str).into_iter().chain(TIER_ALIASES))
            .description(Some("The tier that a school pays for, by name or alias."))
            .into()
    }
}

impl ToSchema for TierName {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parses<T: for<'de> Deserialize<'de>>(text: &str) -> bool {
        serde_json::from_value::<T>(text.into()).is_ok()
    }

    #[test]
    fn a_name_is_not_blank_and_has_no_control_characters() {
        assert!(
            parses::<Name>("Ümit Ö") && parses::<Name>(" x ") && parses::<Name>(&"é".repeat(200))
        );
        for other in ["", "  ", "\u{2003}", "a\nb", "a\u{85}b", &"é".repeat(201)] {
            assert!(!parses::<Name>(other), "{other:?}");
        }
        assert!(parses::<ModelName>("claude-sonnet-4"));
        assert!(!parses::<ModelName>("") && !parses::<ModelName>("a\nb"));
        assert!(!parses::<Subject>("a\0b") && !parses::<ServiceName>(""));
    }

    #[test]
    fn an_e_mail_address_has_two_sides() {
        assert!(parses::<Email>("t@school.example") && parses::<Email>("a@b"));
        for other in ["", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\n"] {
            assert!(!parses::<Email>(other), "{other:?}");
        }
    }

    #[test]
    fn a_time_zone_is_one_of_iana() {
        assert!(parses::<TimeZoneName>("Africa/Johannesburg") && parses::<TimeZoneName>("UTC"));
        assert!(!parses::<TimeZoneName>("africa/johannesburg") && !parses::<TimeZoneName>("Mars"));
    }

    #[test]
    fn every_documented_tier_exists() {
        let catalogue = Catalogue::built_in();
        let documented = Tier::ALL.map(Tier::as_str).into_iter().chain(TIER_ALIASES);
        for name in documented {
            assert!(
                TierName(name.to_owned()).resolve(&catalogue).is_ok(),
                "{name}"
            );
        }
        assert!(TierName("gold".to_owned()).resolve(&catalogue).is_err());
    }
}
