//! A day of the calendar.

use std::borrow::Cow;

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, de};
use utoipa::openapi::schema::KnownFormat;

use super::schema::{formatted, has_schema};

/// The first day that a caller can name.
pub const FIRST_DAY: NaiveDate = match NaiveDate::from_ymd_opt(1, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

/// A day of the calendar, `2026-11-24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day(pub NaiveDate);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        // chrono also parses years of other lengths, days of one digit, and signs.
        let plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        plain
            .then(|| NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok())
            .flatten()
            .filter(|day| *day >= FIRST_DAY)
            .map(Self)
            .ok_or_else(|| de::Error::custom("a day is written as in 2026-11-24"))
    }
}

has_schema!(Day = formatted(KnownFormat::Date));
