//! What is asked of usage: days or months, from when to when, split by what.

use std::borrow::Cow;

use chrono::{Days, Months, NaiveDate};
use ledger_core::Timestamp;
use ledger_projections::usage::Granularity;
use ledger_projections::usage::read::GroupBy;
use serde::{Deserialize, Deserializer, de};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::values::{Day, FIRST_DAY};

/// Days that are summed up when nobody says from when on.
const DAYS: u64 = 31;

/// Months that are summed up when nobody says from when on.
const MONTHS: u32 = 12;

/// From when to when, both of which count. A range whose end is before its beginning is empty.
pub(super) fn range(
    granularity: Granularity,
    from: Option<Day>,
    to: Option<Day>,
    now: Timestamp,
) -> (NaiveDate, NaiveDate) {
    // Where days begin first it is tomorrow already; elsewhere nothing was used then.
    let tomorrow = || now.get().date_naive() + Days::new(1);
    let to = to.map_or_else(tomorrow, |day| day.0);
    let before = || match granularity {
        Granularity::Day => to.checked_sub_days(Days::new(DAYS)),
        Granularity::Month => to.checked_sub_months(Months::new(MONTHS)),
    };
    let from = from.map_or_else(|| before().unwrap_or(FIRST_DAY).max(FIRST_DAY), |day| day.0);
    (from, to)
}

/// Whether a row is of a day or of a month.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
pub struct GranularityWord(pub(super) Granularity);

impl Default for GranularityWord {
    fn default() -> Self {
        Self(Granularity::Day)
    }
}

impl PartialSchema for GranularityWord {
    fn schema() -> RefOr<Schema> {
        let words = [Granularity::Day, Granularity::Month].map(Granularity::as_str);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(words))
            .into()
    }
}

impl ToSchema for GranularityWord {}

/// What the rows are split by: words with commas between.
#[derive(Clone, Copy, Debug, Default)]
pub struct Groups(pub(super) GroupBy);

const GROUPS: [&str; 5] = ["member", "department", "service", "model", "outcome"];

impl<'de> Deserialize<'de> for Groups {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let mut groups = GroupBy::default();
        for word in text.split(',').filter(|_| !text.is_empty()) {
            match word {
                "member" => groups.member = true,
                "department" => groups.department = true,
                "service" => groups.service = true,
                "model" => groups.model = true,
                "outcome" => groups.outcome = true,
                other => return Err(de::Error::unknown_variant(other, &GROUPS)),
            }
        }
        Ok(Self(groups))
    }
}

impl PartialSchema for Groups {
    fn schema() -> RefOr<Schema> {
        let word = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(GROUPS));
        ArrayBuilder::new().items(word).into()
    }
}

impl ToSchema for Groups {}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(text: &str) -> Option<GroupBy> {
        serde_json::from_value::<Groups>(text.into())
            .ok()
            .map(|g| g.0)
    }

    #[test]
    fn rows_are_split_by_each_of_the_words() {
        let split = groups("member,outcome").unwrap();
        assert!(split.member && split.outcome && !split.service && !split.model);
        assert!(!split.department && groups("department").unwrap().department);
        assert_eq!(groups(""), Some(GroupBy::default()));
        for other in ["members", "member,", ",", "member service"] {
            assert_eq!(groups(other), None, "{other}");
        }
    }

    #[test]
    fn without_a_range_it_is_the_last_month_or_year() {
        let now = Timestamp::new("2026-11-24T08:00:00Z".parse().unwrap());
        let said = |granularity, from: Option<&str>, to: Option<&str>| {
            let day = |text: &str| Day(text.parse().unwrap());
            let (from, to) = range(granularity, from.map(day), to.map(day), now);
            format!("{from} {to}")
        };
        assert_eq!(said(Granularity::Day, None, None), "2026-10-25 2026-11-25");
        assert_eq!(
            said(Granularity::Month, None, None),
            "2025-11-25 2026-11-25"
        );
        assert_eq!(
            said(Granularity::Day, None, Some("2026-03-31")),
            "2026-02-28 2026-03-31"
        );
        assert_eq!(
            said(Granularity::Day, Some("2026-05-01"), Some("2026-04-01")),
            "2026-05-01 2026-04-01"
        );
    }
}
