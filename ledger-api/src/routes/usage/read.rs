//! Reads of usage, summed by day or month and by group.

use std::borrow::Cow;

use chrono::{Days, Months, NaiveDate};
use ledger_core::{DepartmentId, MemberId, Timestamp};
use ledger_projections::usage::Granularity;
use ledger_projections::usage::read::{GroupBy, ROLLUP_ROWS_MAX, UsageQuery as RollupQuery};
use ledger_projections::{ProjectionName, usage};
use serde::{Deserialize, Deserializer, de};
use utoipa::openapi::schema::ArrayBuilder;
use uuid::Uuid;

use super::answers::{GranularityWord, UsageAnswer};
use crate::reads::{member_seen, requested_service};
use crate::routes::prelude::*;
use crate::values::schema::{has_schema, one_of_words};
use crate::values::{Day, FIRST_DAY, ServiceName};
use ledger_auth::permission::ReadActivity;

/// The default range in days.
const DAYS: u64 = 31;

/// The default range in months.
const MONTHS: u32 = 12;

query! {
    /// The range of the usage and its groups.
    UsageQuery {
        /// The length of a row; a day if not given.
        granularity: GranularityWord,
        /// The first day, or a day of the first month. By default 31 days or 12 months before the
        /// last.
        from: Day,
        /// The last day, or a day of the last month; today if not given.
        to: Day,
        /// The groups of a day or month, separated by commas.
        #[param(style = Form, explode = false)]
        group_by: Groups,
        /// Only usage of this member.
        member: Uuid,
        /// Only usage of members who were in this department at the time of the call.
        department: Uuid,
        /// Only usage of this service, by name or alias.
        service: ServiceName,
    }
}

problems!(UsageProblems: MemberNotFound, UnknownService);

/// Reads usage, summed by day or month of the school's time zone. A teacher reads only their own.
///
/// A call counts on the day it occurred, whenever it was recorded. Days without usage have no row.
#[utoipa::path(get, path = "/v1/schools/{school}/usage", responses(UsageProblems))]
pub async fn read_usage(
    caller: Caller<AllowedViewer<ReadActivity>>,
    Query(query): Query<UsageQuery>,
) -> Result<axum::Json<UsageAnswer>, Problem> {
    let granularity = query.granularity.map_or(Granularity::Day, |word| word.0);
    let (from, to) = range(granularity, query.from, query.to, caller.now);
    let rollup = RollupQuery {
        granularity,
        from,
        to,
        group_by: query.group_by.unwrap_or_default().0,
        member_id: member_seen(caller.viewer(), query.member.map(MemberId))?,
        department_id: query.department.map(DepartmentId),
        service: requested_service(&caller.state.catalogue(), query.service)?,
    };
    let mut read = caller.read(ProjectionName::Usage, query.min_seq).await?;
    let usage = usage::read::rollup(&mut read, &rollup, ROLLUP_ROWS_MAX).await?;
    finish_known(read, usage.seq).await?;
    Ok(axum::Json(UsageAnswer::new(&rollup, usage)))
}

/// The first and the last day of the range. It is empty if the last is before the first.
fn range(
    granularity: Granularity,
    from: Option<Day>,
    to: Option<Day>,
    now: Timestamp,
) -> (NaiveDate, NaiveDate) {
    // In the time zones furthest east it is tomorrow already.
    let tomorrow = || now.get().date_naive() + Days::new(1);
    let to = to.map_or_else(tomorrow, |day| day.0);
    let before = || match granularity {
        Granularity::Day => to.checked_sub_days(Days::new(DAYS)),
        Granularity::Month => to.checked_sub_months(Months::new(MONTHS)),
    };
    let from = from.map_or_else(|| before().unwrap_or(FIRST_DAY).max(FIRST_DAY), |day| day.0);
    (from, to)
}

/// The groups of rows, separated by commas.
#[derive(Clone, Copy, Debug, Default)]
pub struct Groups(GroupBy);

const GROUPS: [&str; 5] = ["member", "department", "service", "model", "outcome"];

impl<'de> Deserialize<'de> for Groups {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let mut groups = GroupBy::default();
        for group in text.split(',').filter(|_| !text.is_empty()) {
            match group {
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

has_schema!(Groups = ArrayBuilder::new().items(one_of_words(GROUPS)));

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(text: &str) -> Option<GroupBy> {
        serde_json::from_value::<Groups>(text.into())
            .ok()
            .map(|groups| groups.0)
    }

    #[test]
    fn rows_are_grouped_by_each_of_the_words() {
        let split = groups("member,outcome").unwrap();
        assert!(split.member && split.outcome && !split.service && !split.model);
        assert!(!split.department && groups("department").unwrap().department);
        assert_eq!(groups(""), Some(GroupBy::default()));
        for other in ["members", "member,", ",", "member service"] {
            assert_eq!(groups(other), None, "{other}");
        }
    }

    #[test]
    fn the_default_range_is_a_month_or_a_year() {
        let now = Timestamp::new("2026-11-24T08:00:00Z".parse().unwrap());
        let range = |granularity, from: Option<&str>, to: Option<&str>| {
            let day = |text: &str| Day(text.parse().unwrap());
            let (from, to) = range(granularity, from.map(day), to.map(day), now);
            format!("{from} {to}")
        };
        let day = |from, to| range(Granularity::Day, from, to);
        assert_eq!(day(None, None), "2026-10-25 2026-11-25");
        assert_eq!(
            range(Granularity::Month, None, None),
            "2025-11-25 2026-11-25"
        );
        assert_eq!(day(None, Some("2026-03-31")), "2026-02-28 2026-03-31");
        let reversed = day(Some("2026-05-01"), Some("2026-04-01"));
        assert_eq!(reversed, "2026-05-01 2026-04-01");
    }
}
