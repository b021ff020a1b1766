//! Names of people, schools, tiers, zones and roles as callers write them.

use std::borrow::Cow;

use ledger_core::period::{AnchorDay, Tz};
use ledger_core::{Catalogue, DepartmentId, MemberId, Role, SchoolId, Tier};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::whole_number::whole_number;
use crate::limits::{EMAIL_CHARS_MAX, NAME_CHARS_MAX};
use crate::openapi::schema::{text, whole};
use crate::problem::Problem;
use ledger_auth::api_key_store::LABEL_CHARS_MAX;

/// What a name matches: no control characters, and not blank.
const NAME: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u001f\u007f-\u009f\s][^\u0000-\u001f\u007f-\u009f]*$";

/// What an e-mail address matches, as far as a ledger can tell: one `@`, something on both sides.
const EMAIL: &str = r"^[^@\s\u0000-\u001f\u007f-\u009f]+@[^@\s\u0000-\u001f\u007f-\u009f]+$";

/// The name of a person or a school.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Name(pub String);

impl std::str::FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=NAME_CHARS_MAX).contains(&text.chars().count());
        let plain = !text.chars().any(char::is_control) && !text.trim().is_empty();
        (fits && plain)
            .then(|| Self(text.to_owned()))
            .ok_or("a name has 1 to 200 characters, no control characters, and is not blank")
    }
}

/// What people call an API key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Label(pub String);

impl std::str::FromStr for Label {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = text.chars().count() <= LABEL_CHARS_MAX;
        fits.then(|| text.parse().ok())
            .flatten()
            .map(|Name(label)| Self(label))
            .ok_or("a label has 1 to 100 characters, no control characters, and is not blank")
    }
}

/// An e-mail address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Email(pub String);

impl std::str::FromStr for Email {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = text.chars().count() <= EMAIL_CHARS_MAX;
        let plain = !text.chars().any(|c| c.is_whitespace() || c.is_control());
        let sides = text.split('@').collect::<Vec<_>>();
        (fits && plain && sides.len() == 2 && sides.iter().all(|side| !side.is_empty()))
            .then(|| Self(text.to_owned()))
            .ok_or(
                "an e-mail address has one @, something on both sides, and 254 characters at most",
            )
    }
}

/// A tier, by its name or an alias of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct TierName(String);

/// The aliases of the built-in catalogue.
const TIER_ALIASES: [&str; 2] = ["starter", "professional"];

impl TierName {
    /// The tier.
    ///
    /// # Errors
    /// [`crate::problem::Code::InvalidRequest`] when there is none of this name.
    pub fn resolve(&self, catalogue: &Catalogue) -> Result<Tier, Problem> {
        catalogue.tier(&self.0).ok_or_else(|| {
            let tiers = Tier::ALL.map(Tier::as_str).join(", ");
            Problem::invalid(format!("tier is one of {tiers}, or an alias")).with("at", "tier")
        })
    }
}

/// The name of an IANA time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeZoneName(pub Tz);

impl std::str::FromStr for TimeZoneName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .map(Self)
            .map_err(|_| "a time zone is named as in Africa/Johannesburg (IANA)")
    }
}

impl Serialize for TimeZoneName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

/// The day of the month on which a cycle begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct AnchorDayNumber(pub AnchorDay);

impl<'de> Deserialize<'de> for AnchorDayNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let day = whole_number(deserializer, 1, 31)?;
        let day = u8::try_from(day).map_err(de::Error::custom)?;
        AnchorDay::new(day).map(Self).map_err(de::Error::custom)
    }
}

/// The role of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemberRole {
    /// Uses AI, asks for more.
    Teacher,
    /// Allocates, suspends, approves, plans.
    Principal,
    /// A principal who also administers what the school buys.
    PrincipalAdmin,
    /// Replays and verifies the log.
    Auditor,
}

impl From<MemberRole> for Role {
    fn from(role: MemberRole) -> Self {
        match role {
            MemberRole::Teacher => Self::Teacher,
            MemberRole::Principal => Self::Principal,
            MemberRole::PrincipalAdmin => Self::PrincipalAdmin,
            MemberRole::Auditor => Self::Auditor,
        }
    }
}

/// An id that a caller gives a school, a department or a member: any UUID but the nil one, which
/// stands for nobody and for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct NewId(pub Uuid);

impl From<NewId> for SchoolId {
    fn from(id: NewId) -> Self {
        Self(id.0)
    }
}

impl From<NewId> for DepartmentId {
    fn from(id: NewId) -> Self {
        Self(id.0)
    }
}

impl From<NewId> for MemberId {
    fn from(id: NewId) -> Self {
        Self(id.0)
    }
}

impl<'de> Deserialize<'de> for NewId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = Uuid::deserialize(deserializer)?;
        (!id.is_nil())
            .then_some(Self(id))
            .ok_or_else(|| de::Error::custom("the nil UUID is nobody's"))
    }
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

read_from_text!(Name Label Email TimeZoneName);

macro_rules! documented {
    ($($name:ident = $schema:expr;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let object: ObjectBuilder = $schema;
                object.into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

documented! {
    Name = text(1, NAME_CHARS_MAX).pattern(Some(NAME));
    Label = text(1, LABEL_CHARS_MAX).pattern(Some(NAME));
    Email = text(3, EMAIL_CHARS_MAX)
        .pattern(Some(EMAIL))
        .description(Some("An e-mail address."));
    TierName = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(Tier::ALL.map(Tier::as_str).into_iter().chain(TIER_ALIASES)))
        .description(Some("What a school pays for, by name or alias."));
    TimeZoneName = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())))
        .description(Some("An IANA time zone."))
        .examples(["Africa/Johannesburg"]);
    AnchorDayNumber = whole(1, 31)
        .description(Some("A day of the month; 31 means the last day of a shorter one."));
    NewId = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(utoipa::openapi::schema::SchemaFormat::KnownFormat(
            utoipa::openapi::schema::KnownFormat::Uuid,
        )))
        .description(Some("Any UUID but the nil one."));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads<T: for<'de> Deserialize<'de>>(text: &str) -> bool {
        serde_json::from_value::<T>(text.into()).is_ok()
    }

    #[test]
    fn a_name_is_not_blank_and_has_no_control_characters() {
        assert!(reads::<Name>("Ümit Ö") && reads::<Name>(" x ") && reads::<Name>(&"é".repeat(200)));
        for other in ["", "  ", "\u{2003}", "a\nb", "a\u{85}b", &"é".repeat(201)] {
            assert!(!reads::<Name>(other), "{other:?}");
        }
    }

    #[test]
    fn an_e_mail_address_has_two_sides() {
        assert!(reads::<Email>("t@school.example") && reads::<Email>("a@b"));
        for other in ["", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\n"] {
            assert!(!reads::<Email>(other), "{other:?}");
        }
    }

    #[test]
    fn a_time_zone_is_one_of_iana() {
        assert!(reads::<TimeZoneName>("Africa/Johannesburg") && reads::<TimeZoneName>("UTC"));
        assert!(!reads::<TimeZoneName>("africa/johannesburg") && !reads::<TimeZoneName>("Mars"));
    }

    #[test]
    fn every_documented_tier_is_one() {
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

    #[test]
    fn the_nil_id_is_nobodys() {
        assert!(!reads::<NewId>("00000000-0000-0000-0000-000000000000"));
        assert!(reads::<NewId>("00000000-0000-0000-0000-000000000001"));
    }
}
