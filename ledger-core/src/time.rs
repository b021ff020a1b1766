//! Instants as data. The core has no clock: a command contains its "now".

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize, de};

/// An instant in UTC with the precision of Postgres, one microsecond, and the years of RFC 3339, 0
/// to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// The earliest instant; the last recorded instant of an empty stream.
    pub const MIN: Self = Self::from_micros(-62_167_219_200_000_000);

    /// The latest instant.
    pub const MAX: Self = Self::from_micros(253_402_300_799_999_999);

    /// Truncates to microseconds and turns a leap second into the next second, so that Postgres
    /// returns the value written. Clamps to [`Timestamp::MIN`] and [`Timestamp::MAX`].
    #[must_use]
    pub fn new(instant: DateTime<Utc>) -> Self {
        Self::from_micros(instant.timestamp_micros()).clamp(Self::MIN, Self::MAX)
    }

    const fn from_micros(micros: i64) -> Self {
        match DateTime::from_timestamp_micros(micros) {
            Some(instant) => Self(instant),
            None => Self(DateTime::<Utc>::UNIX_EPOCH),
        }
    }

    /// The instant for chrono.
    #[must_use]
    pub const fn get(self) -> DateTime<Utc> {
        self.0
    }

    /// The start of the UTC minute of this instant.
    #[must_use]
    pub fn start_of_minute(self) -> Self {
        let micros = self.0.timestamp_micros();
        Self::from_micros(micros - micros.rem_euclid(60_000_000))
    }

    /// The instant `seconds` later, or earlier if negative, within the range of instants.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        TimeDelta::try_seconds(seconds)
            .and_then(|delta| self.0.checked_add_signed(delta))
            .map_or(if seconds < 0 { Self::MIN } else { Self::MAX }, Self::new)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let instant = DateTime::<Utc>::deserialize(deserializer)?;
        if (0..=9999).contains(&instant.year()) {
            Ok(Self::new(instant))
        } else {
            Err(de::Error::custom("an instant has a year from 0 to 9999"))
        }
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
    }
}
