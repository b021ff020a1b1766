//! Ids that callers assign, and other choices of a body.

use ledger_core::period::AnchorDay;
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::openapi::schema::KnownFormat;
use uuid::Uuid;

use super::schema::{formatted, has_schema, whole};
use super::whole_number::whole_number;

/// The id of a new school, department or member: any UUID but the nil one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct NewId(pub Uuid);

impl<'de> Deserialize<'de> for NewId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = Uuid::deserialize(deserializer)?;
        (!id.is_nil())
            .then_some(Self(id))
            .ok_or_else(|| de::Error::custom("the nil UUID is not an id"))
    }
}

has_schema!(NewId = formatted(KnownFormat::Uuid).description(Some("Any UUID but the nil one.")));

/// The day of the month on which billing cycles begin.
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

has_schema!(
    AnchorDayNumber = {
        let description = "A day of the month; 31 means the last day of a shorter one.";
        whole(1, 31).description(Some(description))
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nil_id_is_refused() {
        let parses = |id: &str| serde_json::from_value::<NewId>(id.into()).is_ok();
        assert!(!parses("00000000-0000-0000-0000-000000000000"));
        assert!(parses("00000000-0000-0000-0000-000000000001"));
    }
}
