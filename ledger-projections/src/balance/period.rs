//! The periods of a school, current and closed.

use chrono::NaiveDate;
use ledger_core::period::{Tz, start_of_day};
use ledger_core::{Management, Period, Timestamp};

use crate::columns::parse;
use crate::error::ReadError;
use crate::tenant::TenantRead;

/// A period of a school, current or past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownPeriod {
    /// The current one.
    Current,
    /// A closed one.
    Closed(ClosedPeriod),
}

/// A closed period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedPeriod {
    /// Its start and end.
    pub period: Period,
    /// The allocation management as it ended.
    pub(super) management: Management,
    /// Whether members drew on their departments as it ended.
    pub(super) draw_on_department: bool,
}

/// The period of the viewer's school that contains its local day `day`. `None` for a future period,
/// a time before the registration or an unknown school.
///
/// # Errors
/// [`ReadError`] when the database fails or a row is damaged.
pub async fn find(read: &mut TenantRead, day: NaiveDate) -> Result<Option<KnownPeriod>, ReadError> {
    let zone = sqlx::query_scalar!("SELECT ledger_time_zone()")
        .fetch_one(read.connection())
        .await
        .map_err(ReadError::at("reading a school's time zone"))?;
    let Some(zone) = zone else {
        return Ok(None);
    };
    let instant = start_of_day(parse::<Tz>(&zone, "time_zone")?, day).get();
    // A period begins with a local day, so each day is in one period.
    let row = sqlx::query!(
        r#"SELECT period_start AS "period_start!", period_end AS "period_end!",
                  management AS "management!", draw_on_department AS "draw_on_department!",
                  is_closed AS "is_closed!"
             FROM (
                 SELECT period_start, period_end, management, draw_on_department,
                        false AS is_closed
                   FROM balance_school
                  WHERE school_id = $1
                    AND build = (SELECT build FROM live_build('balance'))
                  UNION ALL
                 SELECT period_start, period_end, management, draw_on_department, true
                   FROM balance_closed_period
                  WHERE school_id = $1
                    AND build = (SELECT build FROM live_build('balance'))
             ) AS known
            WHERE period_start <= $2 AND $2 < period_end"#,
        read.school_id().0,
        instant,
    )
    .fetch_optional(read.connection())
    .await
    .map_err(ReadError::at("finding a period"))?;
    row.map(|row| {
        if !row.is_closed {
            return Ok(KnownPeriod::Current);
        }
        Ok(KnownPeriod::Closed(ClosedPeriod {
            period: Period {
                start: Timestamp::new(row.period_start),
                end: Timestamp::new(row.period_end),
            },
            management: parse(&row.management, "management")?,
            draw_on_department: row.draw_on_department,
        }))
    })
    .transpose()
}
