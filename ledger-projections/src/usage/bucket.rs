//! Days and months of a school's time zone.

use chrono::{Datelike as _, Months, NaiveDate};
use ledger_core::Timestamp;
use ledger_core::period::Tz;
use serde::{Deserialize, Serialize};

/// The length of a bucket of a rollup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// A day of the school's time zone.
    Day,
    /// A calendar month of the school's time zone.
    Month,
}

impl Granularity {
    /// The name in JSON and in columns.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The first day of the bucket that contains a day.
    #[must_use]
    pub fn first_day(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Day => day,
            Self::Month => day.with_day(1).unwrap_or(day),
        }
    }

    /// The last day of the bucket that contains a day.
    #[must_use]
    pub fn last_day(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Day => day,
            Self::Month => self
                .first_day(day)
                .checked_add_months(Months::new(1))
                .and_then(|next| next.pred_opt())
                .unwrap_or(day),
        }
    }
}

/// The earliest day of usage; usage with an older time counts here. Postgres's calendar begins in
/// 4714 BC, and a caller's wrong clock must not halt the projection.
pub(super) const FIRST_DAY: NaiveDate = match NaiveDate::from_ymd_opt(1, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

/// The school's local day that contains an instant.
pub(super) fn day_of(instant: Timestamp, time_zone: Tz) -> NaiveDate {
    instant
        .get()
        .with_timezone(&time_zone)
        .date_naive()
        .max(FIRST_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(instant: &str, time_zone: Tz) -> String {
        day_of(Timestamp::new(instant.parse().unwrap()), time_zone).to_string()
    }

    #[test]
    fn days_are_those_of_the_school_s_time_zone() {
        for (instant, zone, expected) in [
            ("2026-11-24T08:00:00Z", Tz::UTC, "2026-11-24"),
            (
                "2026-11-24T22:30:00Z",
                Tz::Africa__Johannesburg,
                "2026-11-25",
            ),
            ("2026-11-01T03:59:59Z", Tz::America__New_York, "2026-10-31"),
            ("2026-11-02T04:30:00Z", Tz::America__New_York, "2026-11-01"),
            ("2026-11-02T05:00:00Z", Tz::America__New_York, "2026-11-02"),
            ("-4713-11-24T00:00:00Z", Tz::America__New_York, "0001-01-01"),
        ] {
            assert_eq!(day(instant, zone), expected, "{instant} in {zone}");
        }
    }

    #[test]
    fn a_month_has_all_of_its_days() {
        for (day, first, last) in [
            ("2028-02-10", "2028-02-01", "2028-02-29"),
            ("2026-12-31", "2026-12-01", "2026-12-31"),
        ] {
            let day = day.parse().unwrap();
            assert_eq!(Granularity::Day.first_day(day), day);
            assert_eq!(Granularity::Day.last_day(day), day);
            assert_eq!(Granularity::Month.first_day(day).to_string(), first);
            assert_eq!(Granularity::Month.last_day(day).to_string(), last);
        }
    }
}
