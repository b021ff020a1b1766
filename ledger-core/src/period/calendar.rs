//! Billing cycles: calendar months from an anchor day in the school's time zone.

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveTime, TimeZone, Utc};
pub use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// One billing cycle: from `start` up to, but not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Period {
    /// The first instant of the cycle.
    pub start: Timestamp,
    /// The first instant after the cycle, when used units are zero again.
    pub end: Timestamp,
}

/// The day of the month on which a school's cycles begin: 1 to 31. A shorter month uses its last
/// day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct AnchorDay(u8);

/// The number is no [`AnchorDay`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a period anchor day is a number from 1 to 31")]
pub struct NotAnAnchorDay;

impl AnchorDay {
    /// The first of the month, the default.
    pub const FIRST: Self = Self(1);

    /// # Errors
    /// [`NotAnAnchorDay`] if `day` is not in 1 ..= 31.
    pub const fn new(day: u8) -> Result<Self, NotAnAnchorDay> {
        if day >= 1 && day <= 31 {
            Ok(Self(day))
        } else {
            Err(NotAnAnchorDay)
        }
    }

    /// The day of the month.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl<'de> Deserialize<'de> for AnchorDay {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u8::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The rule of a school's cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycle {
    /// The IANA time zone of the school.
    pub time_zone: Tz,
    /// The day of the month at whose start a cycle begins.
    pub anchor_day: AnchorDay,
}

impl Cycle {
    /// The cycle that contains `instant`.
    #[must_use]
    pub fn period_at(&self, instant: Timestamp) -> Period {
        let today = instant.get().with_timezone(&self.time_zone).date_naive();
        let month = Month::of(today);
        let this = self.start_in(month);
        if instant < this {
            Period {
                start: self.start_in(month.previous()),
                end: this,
            }
        } else {
            Period {
                start: this,
                end: self.start_in(month.next()),
            }
        }
    }

    fn on(self, anchor_day: AnchorDay) -> Self {
        Self { anchor_day, ..self }
    }

    fn start_in(&self, month: Month) -> Timestamp {
        let day = month.day_or_last(self.anchor_day);
        start_of_day(self.time_zone, day)
    }
}

/// The past and present rules of a school's cycles. A change of the anchor day leaves the current
/// cycle; the next one ends on the new day and is shorter than a month, later ones are months.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycles {
    last: Cycle,
    /// Former anchor days in order, each with the end of its last cycle.
    before: Vec<(AnchorDay, Timestamp)>,
}

impl Cycles {
    /// The cycles of a school without changes of its anchor day.
    #[must_use]
    pub const fn new(cycle: Cycle) -> Self {
        Self {
            last: cycle,
            before: Vec::new(),
        }
    }

    /// The rule from now on, or from the end of the current cycle.
    #[must_use]
    pub const fn last(&self) -> Cycle {
        self.last
    }

    /// Changes the anchor day from the end of a cycle on.
    pub(crate) fn turn(&mut self, end: Timestamp, anchor_day: AnchorDay) {
        let is_changed_again = self.before.last().is_some_and(|(_, until)| *until == end);
        if !is_changed_again {
            self.before.push((self.last.anchor_day, end));
        }
        self.last = self.last.on(anchor_day);
    }

    /// The cycle that contains `instant`.
    #[must_use]
    pub fn period_at(&self, instant: Timestamp) -> Period {
        let mut turned_at = None;
        for (anchor_day, until) in &self.before {
            if instant < *until {
                let period = self.last.on(*anchor_day).period_at(instant);
                return Period {
                    start: turned_at.map_or(period.start, |at| period.start.max(at)),
                    end: period.end.min(*until),
                };
            }
            turned_at = Some(*until);
        }
        let period = self.last.period_at(instant);
        Period {
            start: turned_at.map_or(period.start, |at| period.start.max(at)),
            end: period.end,
        }
    }

    /// The cycle that begins at the end of `period`; `None` at the end of time.
    #[must_use]
    pub fn period_after(&self, period: Period) -> Option<Period> {
        let end = self.period_at(period.end).end;
        (end > period.end).then_some(Period {
            start: period.end,
            end,
        })
    }
}

/// The first instant of a local day. If the clocks skip midnight, the day begins after the gap.
#[must_use]
pub fn start_of_day(time_zone: Tz, day: NaiveDate) -> Timestamp {
    Timestamp::new(first_instant(time_zone, day))
}

fn first_instant(time_zone: Tz, day: NaiveDate) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    match time_zone.from_local_datetime(&midnight) {
        LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => instant.to_utc(),
        // A gap: search its end in quarters of an hour, the finest step of any zone since 1970. No
        // gap is longer than a day.
        LocalResult::None => (1..=96)
            .filter_map(|quarters| {
                midnight.checked_add_signed(chrono::TimeDelta::minutes(15 * quarters))
            })
            .find_map(|local| time_zone.from_local_datetime(&local).earliest())
            .map_or_else(|| midnight.and_utc(), |instant| instant.to_utc()),
    }
}

/// A month of a year, as its first day.
#[derive(Clone, Copy)]
struct Month(NaiveDate);

impl Month {
    fn of(day: NaiveDate) -> Self {
        Self(day.with_day(1).unwrap_or(day))
    }

    fn next(self) -> Self {
        Self(
            self.0
                .checked_add_months(chrono::Months::new(1))
                .unwrap_or(self.0),
        )
    }

    fn previous(self) -> Self {
        Self(
            self.0
                .checked_sub_months(chrono::Months::new(1))
                .unwrap_or(self.0),
        )
    }

    fn day_or_last(self, anchor: AnchorDay) -> NaiveDate {
        let last = self
            .next()
            .0
            .checked_sub_days(Days::new(1))
            .unwrap_or(self.0);
        self.0.with_day(u32::from(anchor.get())).unwrap_or(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn at(text: &str) -> Timestamp {
        Timestamp::new(text.parse().unwrap())
    }

    #[rstest]
    #[case::plain(
        "UTC",
        1,
        "2026-11-24T08:00:00Z",
        "2026-11-01T00:00:00Z",
        "2026-12-01T00:00:00Z"
    )]
    #[case::before_the_anchor(
        "UTC",
        25,
        "2026-11-24T23:59:59Z",
        "2026-10-25T00:00:00Z",
        "2026-11-25T00:00:00Z"
    )]
    #[case::at_the_anchor(
        "UTC",
        24,
        "2026-11-24T00:00:00Z",
        "2026-11-24T00:00:00Z",
        "2026-12-24T00:00:00Z"
    )]
    #[case::last_day(
        "UTC",
        31,
        "2026-02-10T00:00:00Z",
        "2026-01-31T00:00:00Z",
        "2026-02-28T00:00:00Z"
    )]
    #[case::last_day_of_february(
        "UTC",
        31,
        "2026-02-28T00:00:00Z",
        "2026-02-28T00:00:00Z",
        "2026-03-31T00:00:00Z"
    )]
    #[case::leap_year(
        "UTC",
        30,
        "2028-02-29T12:00:00Z",
        "2028-02-29T00:00:00Z",
        "2028-03-30T00:00:00Z"
    )]
    #[case::new_york_over_dst(
        "America/New_York",
        1,
        "2026-11-15T00:00:00Z",
        "2026-11-01T04:00:00Z",
        "2026-12-01T05:00:00Z"
    )]
    #[case::london_over_dst(
        "Europe/London",
        15,
        "2026-04-01T00:00:00Z",
        "2026-03-15T00:00:00Z",
        "2026-04-14T23:00:00Z"
    )]
    #[case::johannesburg(
        "Africa/Johannesburg",
        1,
        "2026-10-31T22:00:00Z",
        "2026-10-31T22:00:00Z",
        "2026-11-30T22:00:00Z"
    )]
    #[case::no_midnight(
        "America/Asuncion",
        6,
        "2024-10-06T05:00:00Z",
        "2024-10-06T04:00:00Z",
        "2024-11-06T03:00:00Z"
    )]
    #[case::over_the_year(
        "UTC",
        15,
        "2027-01-03T00:00:00Z",
        "2026-12-15T00:00:00Z",
        "2027-01-15T00:00:00Z"
    )]
    fn a_cycle_is_a_calendar_month_from_the_anchor(
        #[case] zone: &str,
        #[case] anchor: u8,
        #[case] instant: &str,
        #[case] start: &str,
        #[case] end: &str,
    ) {
        let cycle = Cycle {
            time_zone: zone.parse().unwrap(),
            anchor_day: AnchorDay::new(anchor).unwrap(),
        };
        let expected = Period {
            start: at(start),
            end: at(end),
        };
        assert_eq!(cycle.period_at(at(instant)), expected);
    }
}
