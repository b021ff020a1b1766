//! Usage: how much, when, by whom, of what, at what cost.

mod answer;
mod asked;

use axum::extract::State;
use ledger_core::{DepartmentId, MemberId};
use ledger_projections::usage::read::{ROLLUP_ROWS_MAX, UsageQuery as Rollup};
use ledger_projections::{ProjectionName, usage};
use uuid::Uuid;

use super::viewed::{member_seen, service_asked};
use crate::auth::AllowedViewer;
use crate::http::{Now, Query, SchoolPath, query};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::reads::{begin_read, require_known};
use crate::state::AppState;
use crate::values::{Day, ServiceName};
use answer::UsageAnswer;
use asked::{GranularityWord, Groups, range};
use ledger_auth::ReadActivity;

query! {
    /// Which usage, and how it is grouped.
    UsageQuery {
        /// Whether a row is of a day or of a month; a day when not given.
        granularity: GranularityWord,
        /// From this day on; of months, from the month that it lies in. The last 31 days, or 12
        /// months, when not given.
        from: Day,
        /// Up to this day, which counts; of months, up to the month that it lies in. Today when
        /// not given.
        to: Day,
        /// What the rows of a day or month are split by, with commas between.
        #[param(style = Form, explode = false)]
        group_by: Groups,
        /// This member's alone.
        member: Uuid,
        /// Of this department alone: of those who were in it when they made the call.
        department: Uuid,
        /// Of this service alone, by name or alias.
        service: ServiceName,
    }
}

problems!(UsageProblems: MemberNotFound, UnknownService);

/// Sums usage up by day or month of the school's own time zone; a teacher reads his own only.
///
/// A call counts in the day in which it occurred, whenever it was recorded. Days without usage
/// have no row.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/usage",
    tag = "reads",
    params(SchoolPath, UsageQuery),
    responses((status = 200, description = "The usage.", body = UsageAnswer), UsageProblems),
)]
pub async fn read_usage(
    allowed: AllowedViewer<ReadActivity>,
    State(state): State<AppState>,
    Now(now): Now,
    Query(query): Query<UsageQuery>,
) -> Result<axum::Json<UsageAnswer>, Problem> {
    let (caller, viewer) = (&allowed.credential, allowed.viewer);
    let granularity = query.granularity.unwrap_or_default().0;
    let (from, to) = range(granularity, query.from, query.to, now);
    let rollup = Rollup {
        granularity,
        from,
        to,
        group_by: query.group_by.unwrap_or_default().0,
        member_id: member_seen(viewer, query.member.map(MemberId))?,
        department_id: query.department.map(DepartmentId),
        service: service_asked(&state.catalogue(), query.service)?,
    };
    let name = ProjectionName::Usage;
    let mut read = begin_read(&state, caller, viewer, name, query.min_seq).await?;
    let usage = usage::read::rollup(&mut read, &rollup, ROLLUP_ROWS_MAX).await?;
    require_known(&mut read, usage.seq).await?;
    read.finish().await?;
    Ok(axum::Json(UsageAnswer::of(&rollup, usage)))
}
